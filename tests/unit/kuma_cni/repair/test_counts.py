"""What is counted of the repair, as a scraper reads it."""

from __future__ import annotations

from kuma_cni.repair.counts import Counts


def test_every_number_is_told_with_its_type() -> None:
    counts = Counts()
    counts.rounds_done, counts.rounds_failed = 7, 1
    counts.installed, counts.mended, counts.failures = 3, 2, 4
    counts.pods, counts.lacking, counts.last_round = 20, 5, 1.5
    lines = "".join([line for family in counts.families() for line in family.lines({"node": "n"})])
    told = [line for line in lines.splitlines() if not line.startswith("#")]
    assert told == [
        'kuma_cni_repair_rounds_total{node="n",outcome="done"} 7',
        'kuma_cni_repair_rounds_total{node="n",outcome="failed"} 1',
        'kuma_cni_repair_repaired_pods_total{node="n",was="missing"} 3',
        'kuma_cni_repair_repaired_pods_total{node="n",was="different"} 2',
        'kuma_cni_repair_failures_total{node="n"} 4',
        'kuma_cni_repair_mesh_pods{node="n"} 20',
        'kuma_cni_repair_lacking_pods{node="n"} 5',
        'kuma_cni_repair_last_round_timestamp_seconds{node="n"} 1.5',
    ]
    assert lines.count("# TYPE") == lines.count("# HELP") == 6
