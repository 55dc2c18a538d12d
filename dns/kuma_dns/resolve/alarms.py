"""Times at which something is to be done for a question on its way, thousands of them a second.

Nearly every alarm is for nothing: the answer comes within a millisecond, the alarm was set for
0.4 s.  A heap would pay for each with comparisons on its way in and out.  So alarms of the same
millisecond share one set (a timing wheel: Varghese and Lauck, 1987), and only the sets are in a
heap.

What surprised us: to leave alarms where they are until their time comes, and pass over those that
are old, looks cheaper and costs a fifth of the server's time.  It keeps thousands of flights
alive that have long landed; the garbage collector walks over them again and again, and each new
one takes memory that the processor has not seen for a while.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
_PER_SECOND: Final = 1000


class Alarms(Generic[Item]):
    """Items and when to look at them again."""

    def __init__(self) -> None:
        """Begin with none."""
        self._slots: dict[int, set[Item]] = {}
        self._order: list[int] = []

    def set(self, when: float, item: Item) -> int:
        """Give ``item`` back at a time (seconds); returns where ``cancel`` will find it."""
        slot = int(when * _PER_SECOND + 0.5)
        items = self._slots.get(slot)
        if items is None:
            self._slots[slot] = {item}
            heappush(self._order, slot)
        else:
            items.add(item)
        return slot

    def cancel(self, slot: int, item: Item) -> None:
        """Forget an alarm; nothing happens if there is none."""
        items = self._slots.get(slot)
        if items is not None:
            items.discard(item)

    def due(self) -> float | None:
        """Return when the next alarm is, or was before it was cancelled; None without any."""
        return self._order[0] / _PER_SECOND if self._order else None

    def ring(self, now: float) -> list[Item]:
        """Take out what is due."""
        order = self._order
        rung: list[Item] = []
        while order and order[0] / _PER_SECOND <= now:
            rung += self._slots.pop(heappop(order))
        return rung
