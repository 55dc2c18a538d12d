"""The same bytes asked again: answers by the raw query, both without their ids.

Theory.  A query is some 30 to 60 bytes, and all of them but the id decide about the answer.  So
the whole work of reading it, finding the name and writing the reply can be one look into a dict
whose keys are raw queries and whose values are raw answers.  Clients repeat themselves: an
application asks for the same few names with the same resolver library, letter for letter.

What is kept, and for how long, is what the ``Answer`` says: WHILE_TABLE until another table is
used, BRIEFLY (what the cache answered: its TTLs count down) until the next second begins.  A
value has the answer's kind (``counts``) behind its last byte, which is not sent.

Memory is bounded twice, by number and by bytes.  Whoever is full lets the oldest go, in slices:
freeing all of it at once takes milliseconds that one client would wait.  Queries in mixed case
(0x20: each letter's case is a coin toss) never come twice, they are not kept; neither are long
ones.  What surprised us: a memo that is a little too small for its names costs twice the time of
none, since each answer is kept, and let go before it is of use.  So as soon as it is full, only
one answer of each batch is offered to it (``server.udp``): what is asked often gets in soon.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from kuma_dns.counts import kind_of
from kuma_dns.resolve.answer import WHILE_TABLE

if TYPE_CHECKING:
    from kuma_dns.resolve.answer import Answer
    from kuma_dns.wire.query import Query

MOST_ENTRIES: Final = 32768
MOST_BYTES: Final = 9 << 20
"""Of all lasting entries together, what Python adds to them included."""
MOST_BRIEF: Final = 10000
"""As many as the cache holds unless told otherwise: 4 MB of usual answers."""
LONGEST_KEPT: Final = 300
"""Bytes of a query; longer ones are somebody's experiment."""
LONGEST_ANSWER: Final = 1232
_ENTRY: Final = 2 * 33 + 2 * 8 + 104
"""Bytes of an entry beside its text: two headers of bytes, rounded up, a place in the dict."""
_SLICE: Final = 256
_SECOND: Final = 1.0


class Memo:
    """Two dicts: ``lasting`` is good as long as the table is, ``brief`` for a second at most.

    Who looks answers up takes the dicts' own ``get``, anew for each batch: they are replaced.
    """

    __slots__ = ("_bytes", "_until", "brief", "lasting", "most")

    def __init__(self, most: int = MOST_ENTRIES) -> None:
        """Begin empty; ``most`` lasting entries are kept."""
        self.most = most
        self.lasting: dict[bytes, bytes] = {}
        self.brief: dict[bytes, bytes] = {}
        self._bytes = 0
        self._until: float | None = None

    def clear(self) -> None:
        """Forget all: another table is used."""
        self.lasting = {}
        self.brief = {}
        self._bytes = 0
        self._until = None

    @property
    def has_room(self) -> bool:
        """Whether another lasting answer costs no older one its place."""
        return len(self.lasting) < self.most and self._bytes < MOST_BYTES

    def find(self, query: bytes) -> bytes | None:
        """Return the answer to a query (both without id), its kind behind it."""
        return self.lasting.get(query) or self.brief.get(query)

    def keep(self, query: bytes, told: bytes) -> None:
        """Keep an answer, its kind behind it, while the table is the same; both without id.

        The query must be one that is not kept yet.
        """
        if query != query.lower():
            return
        lasting = self.lasting
        if not self.has_room:
            for oldest in list(islice(lasting, _SLICE)):
                self._bytes -= len(oldest) + len(lasting.pop(oldest)) + _ENTRY
        self._bytes += len(query) + len(told) + _ENTRY
        lasting[query] = told

    def take(self, query: Query, answer: Answer, source: str, now: float) -> None:
        """Keep an answer that went out as a datagram as long as the answer says.

        ``source`` is what it is counted as when it is given again (``counts``).
        """
        asked, packet = query.packet[2:], answer.packet
        if len(asked) > LONGEST_KEPT or len(packet) > LONGEST_ANSWER:
            return
        told = packet[2:] + bytes((kind_of(query.qtype, source, packet[3] & 15),))
        if answer.keep == WHILE_TABLE:
            self.keep(asked, told)
        elif len(self.brief) < MOST_BRIEF and asked == asked.lower():
            if self._until is None:
                self._until = now + _SECOND
            self.brief[asked] = told

    def due(self) -> float | None:
        """Return when ``tick`` has something to do; None: never yet."""
        return self._until

    def tick(self, now: float) -> None:
        """Forget what was kept briefly if its second is over."""
        if self._until is not None and self._until <= now:
            self.brief = {}
            self._until = None
