"""Reports of changes stand for an exit code."""

from __future__ import annotations

from kuma_net.actions.reports import InstallReport, UninstallReport


def test_done_is_zero() -> None:
    assert InstallReport("memory", "", ()).exit_code == 0
    assert UninstallReport(()).exit_code == 0
