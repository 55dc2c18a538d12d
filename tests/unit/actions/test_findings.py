"""What was found stands for an exit code."""

from __future__ import annotations

from kuma_net.actions.findings import Explanation, PlanReport, StatusReport


def test_what_differs_is_three() -> None:
    assert Explanation("", "", 0).exit_code == 0
    assert PlanReport("memory", "", (), ()).exit_code == 0
    assert PlanReport("memory", "", (), ("missing",)).exit_code == 3
    empty = StatusReport(None, "", "", (), (), "nothing")
    verdicts = {"nothing": 0, "as asked": 0, "untouched": 0, "differs": 3, "changed": 3}
    assert {verdict: empty.replace(verdict=verdict).exit_code for verdict in verdicts} == verdicts
