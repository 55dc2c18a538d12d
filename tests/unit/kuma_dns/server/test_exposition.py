"""What Prometheus scrapes, read back by Prometheus' own client library."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kuma_dns.counts import CACHE, LOCAL, UPSTREAM, Counts
from kuma_dns.server.exposition import Gauges, exposition

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client import Metric

KUMAS = {
    "kuma_dp_dns_request_duration_seconds": "histogram",
    "kuma_dp_dns_upstream_request_duration_seconds": "histogram",
    "kuma_dp_dns_upstream_request_failure_count": "counter",
    "kuma_dp_dns_queries": "counter",
    "kuma_dp_dns_response_codes": "counter",
    "kuma_dp_dns_entries_total": "gauge",
    "kuma_dp_dns_config_ready_wait_seconds": "histogram",
}
"""As in Kuma's app/kuma-dp/pkg/dataplane/dnsproxy/metrics.go."""


def counts() -> Counts:
    """Return counts of which each differs from the others."""
    made = Counts()
    made.answered(1, LOCAL, 0, 5)
    made.answered(28, CACHE, 3, 2)
    made.answered(16, UPSTREAM, 2)
    made.requests.observe(0.005, 3)
    made.requests.observe(0.02)
    made.requests.observe(60.0)
    made.ready_wait.observe(0.3)
    made.upstream_failures = 4
    made.upstream_queries = {"[::1]:53": 8, "10.0.0.53:53": 7}
    made.upstream_errors = {"10.0.0.53:53": 1}
    made.upstream_seconds = {"[::1]:53": 0.5, "10.0.0.53:53": 0.0}
    made.upstream_answers = {"[::1]:53": 4}
    made.reload_errors = 9
    made.memo_hits = 11
    return made


def families(
    extra: dict[str, str] | None = None, gauges: Gauges | None = None
) -> dict[str, Metric]:
    """Return what the reader understands, by name."""
    text = exposition(counts(), gauges or Gauges(names=7, ready=True, start=1.5e9), extra or {})
    read = list(text_string_to_metric_families(text))
    assert len({one.name for one in read}) == len(read), "a family begins twice"
    return {one.name: one for one in read}


def value(family: Metric, suffix: str = "", **labels: str) -> float:
    """Return the value of the one sample with these labels."""
    found = [
        sample.value
        for sample in family.samples
        if sample.name.endswith(suffix) and labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1
    return found[0]


def test_kumas_series_have_kumas_names_and_types() -> None:
    read = families()
    assert {name: read[name].type for name in KUMAS} == KUMAS


def test_queries_and_codes_are_counted_by_kumas_labels() -> None:
    read = families()
    queries = read["kuma_dp_dns_queries"]
    assert value(queries, qtype="A", source="local") == 5
    assert value(queries, qtype="AAAA", source="cache") == 2
    assert value(queries, qtype="other", source="upstream") == 1
    codes = read["kuma_dp_dns_response_codes"]
    assert {sample.labels["rcode"]: sample.value for sample in codes.samples} == {
        "noerror": 5,
        "nxdomain": 2,
        "servfail": 1,
        "other": 0,
    }
    assert value(read["kuma_dp_dns_upstream_request_failure_count"]) == 4
    assert value(read["kuma_dp_dns_entries_total"]) == 7


def test_histograms_are_cumulative_and_end_with_everything() -> None:
    family = families()["kuma_dp_dns_request_duration_seconds"]
    assert value(family, "_bucket", le="0.005") == 3
    assert value(family, "_bucket", le="0.01") == 3
    assert value(family, "_bucket", le="0.025") == 4
    assert value(family, "_bucket", le="10") == 4
    assert value(family, "_bucket", le="+Inf") == 5
    assert value(family, "_count") == 5
    assert value(family, "_sum") == pytest.approx(60.035)
    wait = families()["kuma_dp_dns_config_ready_wait_seconds"]
    bounds = [sample.labels["le"] for sample in wait.samples if "le" in sample.labels]
    assert bounds == ["0.1", "0.5", "1", "2", "5", "10", "30", "+Inf"]


def test_cache_and_servers_have_series_of_their_own() -> None:
    gauges = Gauges(cache_entries=3, flights=2, tcp_connections=6, log_lost=1, memo_entries=4)
    read = families(gauges=gauges)
    assert value(read["kuma_dns_cache_hits"]) == 2
    assert value(read["kuma_dns_cache_entries"]) == 3
    assert value(read["kuma_dns_flights"]) == 2
    assert value(read["kuma_dns_tcp_connections"]) == 6
    assert value(read["kuma_dns_memo_entries"]) == 4
    assert value(read["kuma_dns_memo_hits"]) == 11
    assert value(read["kuma_dns_ready"]) == 0
    assert value(read["kuma_dns_reload_errors"]) == 9
    assert value(read["kuma_dns_upstream_queries"], server="[::1]:53") == 8
    assert value(read["kuma_dns_upstream_errors"], server="10.0.0.53:53") == 1
    took = read["kuma_dns_upstream_answer_seconds"]
    assert took.type == "summary"
    assert value(took, "_sum", server="[::1]:53") == 0.5
    assert value(took, "_count", server="[::1]:53") == 4
    assert value(took, "_count", server="10.0.0.53:53") == 0


def test_extra_labels_are_on_every_series() -> None:
    odd = 'a "quoted" \\ back\nslash'
    for family in families({"mesh": "default", "text": odd}).values():
        for sample in family.samples:
            assert sample.labels["mesh"] == "default"
            assert sample.labels["text"] == odd


@pytest.mark.parametrize("name", ["le", "qtype", "server", "0x", "a-b", "", "__name__", "ä"])
def test_labels_that_cannot_be_are_left_out(name: str) -> None:
    for family in families({name: "x", "fine": "y"}).values():
        for sample in family.samples:
            assert sample.labels["fine"] == "y"
            assert sample.labels.get(name) != "x"
