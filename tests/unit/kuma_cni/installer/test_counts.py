"""What is counted, as a scraper reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from kuma_cni.installer.counts import Counts, exposition, families


def test_an_independent_reader_understands_it() -> None:
    counts = Counts()
    counts.count_call("ADD", failed=False, seconds=0.5)
    counts.count_call("ADD", failed=True, seconds=0.25)
    counts.count_call('"}\n', failed=False, seconds=0.0)
    counts.undone["calico"] = 2
    text = exposition(families(counts)).decode()
    found = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["kuma_cni_plugin_request_seconds_sum", (("verb", "ADD"),)] == 0.75
    assert found["kuma_cni_plugin_request_seconds_count", (("verb", "ADD"),)] == 2
    assert found["kuma_cni_undone_total", (("culprit", "calico"),)] == 2
    calls = "kuma_cni_plugin_requests_total"
    assert found[calls, (("result", "failed"), ("verb", "ADD"))] == 1
    assert found[calls, (("result", "done"), ("verb", "other"))] == 1
    assert found["kuma_cni_install_ready", ()] == 0
