"""What Prometheus scrapes: the counters as text, exposition format 0.0.4.

The first seven series are those of Kuma's own DNS proxy, by name, type and labels
(app/kuma-dp/pkg/dataplane/dnsproxy/metrics.go), so that dashboards keep working; what Kuma
cannot know stands below ``kuma_dns_``.  ``extraLabels`` of the DNS document are on every series.

Each family is written whole, in one piece and one order, its ``HELP`` and ``TYPE`` before it:
readers refuse a family that begins twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_net.record import Record
from kuma_net.serving.families import Family, counter, gauge, labels_text, number_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuma_dns.counts import Counts, Histogram

KUMA: Final = "kuma_dp_dns_"
OURS: Final = "kuma_dns_"
_TAKEN: Final = ("le", "qtype", "rcode", "server", "source", "transport")
"""Labels of our own, which ``extraLabels`` cannot take away."""


class Gauges(Record):
    """What is counted elsewhere, as it is now."""

    names: int = 0
    cache_entries: int = 0
    memo_entries: int = 0
    flights: int = 0
    tcp_connections: int = 0
    log_lost: int = 0
    ready: bool = False
    start: float = 0.0


def exposition(counts: Counts, gauges: Gauges, extra: Mapping[str, str]) -> str:
    """Return the text of one scrape; ``gauges.start`` is seconds since 1970."""
    constant = {name: text for name, text in sorted(extra.items()) if _is_label(name)}
    families = (*_kuma(counts, gauges), *_ours(counts, gauges), *_upstream(counts))
    return "".join([line for family in families for line in family.lines(constant)])


def _is_label(name: str) -> bool:
    """Whether a name may be that of a label (the format's own rule) and is not one of ours."""
    plain = name.replace("_", "a")
    first = not name[:1].isdigit() and not name.startswith("__")
    return bool(plain.isascii() and plain.isalnum() and first and name not in _TAKEN)


class _Histogram(Family):
    """A histogram; its buckets count whatever is at most their bound."""

    def __init__(self, name: str, text: str, histogram: Histogram) -> None:
        super().__init__(name, "histogram", text, ())
        self.histogram = histogram

    def lines(self, constant: dict[str, str]) -> Iterator[str]:
        """Yield buckets, sum and count."""
        yield from super().lines(constant)
        below = 0
        bounds = [*map(number_text, self.histogram.bounds), "+Inf"]
        for bound, count in zip(bounds, self.histogram.buckets, strict=True):
            below += count
            yield f"{self.name}_bucket{labels_text(constant | {'le': bound})} {below}\n"
        # From the buckets, not from ``count``: both are read while nothing changes, yet a
        # reader insists that the last bucket and the count are the same number.
        yield f"{self.name}_sum{labels_text(constant)} {number_text(self.histogram.sum)}\n"
        yield f"{self.name}_count{labels_text(constant)} {below}\n"


def _kuma(counts: Counts, gauges: Gauges) -> Iterator[Family]:
    """Yield the seven series of Kuma's proxy."""
    yield _Histogram(
        KUMA + "request_duration_seconds", "Time taken to answer a query.", counts.requests
    )
    yield _Histogram(
        KUMA + "upstream_request_duration_seconds",
        "Time until an upstream server answered.",
        counts.upstream,
    )
    yield counter(
        KUMA + "upstream_request_failure_count",
        "Queries that no upstream server answered.",
        counts.upstream_failures,
    )
    yield Family(
        KUMA + "queries_total",
        "counter",
        "Queries answered, by type and by where the answer came from.",
        [
            ({"qtype": qtype, "source": source}, count)
            for (qtype, source), count in counts.queries.items()
        ],
    )
    yield Family(
        KUMA + "response_codes_total",
        "counter",
        "Answers by response code.",
        [({"rcode": rcode}, count) for rcode, count in counts.rcodes.items()],
    )
    yield gauge(KUMA + "entries_total", "Names of the mesh that are served.", gauges.names)
    yield _Histogram(
        KUMA + "config_ready_wait_seconds",
        "Time from the start until the first names were there.",
        counts.ready_wait,
    )


def _ours(counts: Counts, gauges: Gauges) -> Iterator[Family]:
    """Yield what Kuma's proxy has no series for."""
    hits = sum(count for (_, source), count in counts.queries.items() if source == "cache")
    yield counter(OURS + "cache_hits_total", "Queries answered from the cache.", hits)
    yield counter(
        OURS + "cache_misses_total", "Queries the cache had no answer to.", counts.cache_misses
    )
    yield counter(
        OURS + "cache_stale_answers_total",
        "Answers given after their end because no server answered.",
        counts.stale_answers,
    )
    yield gauge(OURS + "cache_entries", "Answers in the cache.", gauges.cache_entries)
    yield gauge(OURS + "memo_entries", "Queries whose bytes are known.", gauges.memo_entries)
    yield counter(OURS + "memo_hits_total", "Queries answered by their bytes.", counts.memo_hits)
    yield counter(
        OURS + "coalesced_total",
        "Queries that waited for the answer to an equal one.",
        counts.coalesced,
    )
    yield gauge(OURS + "flights", "Questions on their way to upstream servers.", gauges.flights)
    yield gauge(OURS + "tcp_connections", "TCP connections of clients.", gauges.tcp_connections)
    yield counter(OURS + "ignored_packets_total", "Packets that were no queries.", counts.ignored)
    yield counter(OURS + "refused_packets_total", "Malformed and unwanted queries.", counts.refused)
    yield counter(OURS + "dropped_answers_total", "Answers that could not be sent.", counts.dropped)
    yield counter(OURS + "reloads_total", "Tables of names taken into use.", counts.reloads)
    yield counter(
        OURS + "reload_errors_total",
        "Sources of names that could not be read.",
        counts.reload_errors,
    )
    yield gauge(
        OURS + "log_lines_lost", "Lines of the log lost since the last one.", gauges.log_lost
    )
    yield gauge(OURS + "ready", "Whether the first names are there.", int(gauges.ready))
    yield gauge(OURS + "start_time_seconds", "When the server started, since 1970.", gauges.start)


def _upstream(counts: Counts) -> Iterator[Family]:
    """Yield what is known of each upstream server."""
    for name, text, of_server in (
        ("queries_total", "Queries sent to an upstream server.", counts.upstream_queries),
        (
            "errors_total",
            "Queries that an upstream server did not answer, or not usefully.",
            counts.upstream_errors,
        ),
    ):
        series = [({"server": server}, count) for server, count in sorted(of_server.items())]
        yield Family(f"{OURS}upstream_{name}", "counter", text, series)
    yield _Summary(counts.upstream_seconds, counts.upstream_answers)


class _Summary(Family):
    """How long each upstream server took: sum and number, from which one gets the mean."""

    def __init__(self, seconds: Mapping[str, float], answers: Mapping[str, int]) -> None:
        text = "Time until an upstream server answered, waiting for others included."
        super().__init__(f"{OURS}upstream_answer_seconds", "summary", text, ())
        self.seconds = seconds
        self.answers = answers

    def lines(self, constant: dict[str, str]) -> Iterator[str]:
        """Yield sum and count of each server."""
        yield from super().lines(constant)
        for server, seconds in sorted(self.seconds.items()):
            labels = labels_text(constant | {"server": server})
            yield f"{self.name}_sum{labels} {number_text(seconds)}\n"
            yield f"{self.name}_count{labels} {self.answers.get(server, 0)}\n"
