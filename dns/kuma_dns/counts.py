"""What the resolver counts, in the words of Kuma's own DNS proxy.

Kuma's labels are kept: types ``A``, ``AAAA``, ``other``; codes ``noerror``, ``nxdomain``,
``servfail``, ``other``; sources ``local`` and ``upstream``, to which we add ``cache``.

Theory.  A quarter of a million answers a second leave some 100 ns for counting each of them.
All that Kuma's labels tell apart are 3 types x 3 sources x 4 codes, so every answer has one of
36 *kinds*, a number below 36, and ``tally`` has a cell for each.  A kind is found out once, when
an answer is made; whoever keeps the answer keeps the kind with it as one more byte, and counting
is ``tally[kind] += 1``.  One more cell, ``COUNTED``, takes the answers that somebody else has
counted already, so that the same line does for all.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import product
from typing import Final

LOCAL: Final = "local"
CACHE: Final = "cache"
UPSTREAM: Final = "upstream"

_SOURCES: Final = (LOCAL, CACHE, UPSTREAM)
_TYPES: Final = ("A", "AAAA", "other")
_RCODES: Final = ("noerror", "nxdomain", "servfail", "other")
_TYPE_PLACES: Final = {1: 0, 28: 1}
_SOURCE_PLACES: Final = {LOCAL: 0, CACHE: 1, UPSTREAM: 2}
_RCODE_PLACES: Final = {0: 0, 3: 1, 2: 2}
_KINDS: Final = len(_TYPES) * len(_SOURCES) * len(_RCODES)
COUNTED: Final = _KINDS
"""The kind of an answer that is counted already."""
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of Prometheus' default histogram, which Kuma uses."""
WAIT_SECONDS: Final = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Bounds of the time until the first names are there."""


class Histogram:
    """How many observations fell below each bound, their number and sum (in seconds)."""

    __slots__ = ("bounds", "buckets", "count", "sum")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        """Begin with none."""
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.count = 0
        self.sum = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """Count an observation, or several equal ones; ``sum`` grows by all of them."""
        self.buckets[bisect_left(self.bounds, seconds)] += times
        self.count += times
        self.sum += seconds * times


def kind_of(qtype: int, source: str, rcode: int) -> int:
    """Return the kind of an answer: the cell of ``tally`` it is counted in."""
    row = _TYPE_PLACES.get(qtype, 2) * len(_SOURCES) + _SOURCE_PLACES[source]
    return row * len(_RCODES) + _RCODE_PLACES.get(rcode, 3)


class Counts:
    """All counters of one resolver; plain numbers that whoever serves them reads."""

    def __init__(self) -> None:
        """Begin with zeros; the series of Kuma's labels are there from the start."""
        self.tally = [0] * (_KINDS + 1)
        self.memo_hits = 0
        self.requests = Histogram()
        self.upstream = Histogram()
        self.ready_wait = Histogram(WAIT_SECONDS)
        self.upstream_failures = 0
        self.upstream_queries: dict[str, int] = {}
        self.upstream_errors: dict[str, int] = {}
        self.upstream_answers: dict[str, int] = {}
        self.upstream_seconds: dict[str, float] = {}
        self.ignored = 0
        self.refused = 0
        self.cache_misses = 0
        self.coalesced = 0
        self.stale_answers = 0
        self.dropped = 0
        self.reloads = 0
        self.reload_errors = 0

    def answered(self, qtype: int, source: str, rcode: int, times: int = 1) -> None:
        """Count queries of one type that were answered from one source with one code."""
        self.tally[kind_of(qtype, source, rcode)] += times

    @property
    def queries(self) -> dict[tuple[str, str], int]:
        """Answered queries by labels of type and source."""
        pairs = product(_TYPES, _SOURCES)
        codes = len(_RCODES)
        return {
            pair: sum(self.tally[row * codes : row * codes + codes])
            for row, pair in enumerate(pairs)
        }

    @property
    def rcodes(self) -> dict[str, int]:
        """Answered queries by label of their response code."""
        cells = self.tally[:_KINDS]
        return {label: sum(cells[at :: len(_RCODES)]) for at, label in enumerate(_RCODES)}
