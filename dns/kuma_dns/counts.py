"""What the resolver counts, in the words of Kuma's own DNS proxy.

Kuma's labels are kept: types ``A``, ``AAAA``, ``other``; codes ``noerror``, ``nxdomain``,
``servfail``, ``other``; sources ``local`` and ``upstream``, to which we add ``cache``.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

LOCAL: Final = "local"
CACHE: Final = "cache"
UPSTREAM: Final = "upstream"

_TYPE_LABELS: Final = {1: "A", 28: "AAAA"}
_RCODE_LABELS: Final = {0: "noerror", 2: "servfail", 3: "nxdomain"}
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


class Counts:
    """All counters of one resolver; plain numbers that whoever serves them reads."""

    def __init__(self) -> None:
        """Begin with zeros; the series of Kuma's labels are there from the start."""
        sources = (LOCAL, CACHE, UPSTREAM)
        kinds = ("A", "AAAA", "other")
        self.queries = {(kind, source): 0 for kind in kinds for source in sources}
        self.rcodes = dict.fromkeys(("noerror", "nxdomain", "servfail", "other"), 0)
        self.requests = Histogram()
        self.upstream = Histogram()
        self.ready_wait = Histogram(WAIT_SECONDS)
        self.upstream_failures = 0
        self.upstream_queries: dict[str, int] = {}
        self.upstream_errors: dict[str, int] = {}
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
        self.queries[_TYPE_LABELS.get(qtype, "other"), source] += times
        self.rcodes[_RCODE_LABELS.get(rcode, "other")] += times
