"""Reports stand for exit codes."""

from __future__ import annotations

from kuma_net.actions.reports import (
    Explanation,
    InstallReport,
    PlanReport,
    StatusReport,
    UninstallReport,
)


def test_done_is_zero_and_what_differs_is_three() -> None:
    assert InstallReport("memory", "", ()).exit_code == 0
    assert UninstallReport(()).exit_code == 0
    assert Explanation("", "", 0).exit_code == 0
    assert PlanReport("memory", "", (), ()).exit_code == 0
    assert PlanReport("memory", "", (), ("missing",)).exit_code == 3
    empty = StatusReport(None, "", "", (), (), "nothing")
    verdicts = {"nothing": 0, "as asked": 0, "untouched": 0, "differs": 3, "changed": 3}
    assert {verdict: empty.replace(verdict=verdict).exit_code for verdict in verdicts} == verdicts
