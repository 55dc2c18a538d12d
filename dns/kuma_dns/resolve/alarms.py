"""Times at which something is to be done for a question on its way, thousands of them a second.

Nearly every alarm is for nothing: the answer comes within a millisecond, the alarm was set for
0.4 s.  A heap would pay for each with comparisons on its way in and out.  So alarms of the same
millisecond share one list (a timing wheel: Varghese and Lauck, 1987), only the lists are in a
heap, and an alarm is never taken out: whoever set it recognises by its number that it is old.
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
        self._slots: dict[int, list[Item]] = {}
        self._order: list[int] = []

    def set(self, when: float, item: Item) -> int:
        """Give ``item`` back at a time (seconds); returns the alarm's number."""
        slot = round(when * _PER_SECOND)
        items = self._slots.get(slot)
        if items is None:
            self._slots[slot] = [item]
            heappush(self._order, slot)
        else:
            items.append(item)
        return slot

    def due(self) -> float | None:
        """Return when the next alarm is; None without any."""
        return self._order[0] / _PER_SECOND if self._order else None

    def ring(self, now: float) -> list[tuple[int, Item]]:
        """Take out what is due, each with its alarm's number."""
        order = self._order
        rung: list[tuple[int, Item]] = []
        while order and order[0] / _PER_SECOND <= now:
            slot = heappop(order)
            rung += [(slot, item) for item in self._slots.pop(slot)]
        return rung
