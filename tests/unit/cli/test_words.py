"""Reports in words."""

from __future__ import annotations

import pytest

from kuma_net.actions.findings import CountedRule, PlanReport, StatusReport
from kuma_net.actions.reports import InstallReport, UninstallReport
from kuma_net.cli.words import (
    families_text,
    install_result,
    install_talk,
    plan_result,
    plan_talk,
    seconds_text,
    status_result,
    uninstall_result,
    uninstall_talk,
)
from kuma_net.values import BOTH_FAMILIES, Family

INSTALLED = InstallReport("nftables", "the kernel has nf_tables", BOTH_FAMILIES, changed=True)
STATUS = StatusReport("nftables", "0.1.0", "abcd", BOTH_FAMILIES, (), "untouched")


def test_families_are_listed_as_people_do() -> None:
    assert families_text(BOTH_FAMILIES) == "IPv4 and IPv6"
    assert families_text((Family.IPV4,)) == "IPv4"
    assert families_text(()) == "no family"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min"), (185, "3 min 5 s")]
)
def test_times_are_told_in_minutes_and_seconds(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


def test_an_install_says_what_it_did() -> None:
    assert install_result(INSTALLED) == "installed (IPv4 and IPv6, backend nftables)\n"
    again = INSTALLED.replace(changed=False)
    assert install_result(again).startswith("nothing to do: installed already")
    assert install_result(INSTALLED.replace(text="table ...\n")) == "table ...\n"


def test_the_backend_and_why_it_was_chosen_come_first() -> None:
    report = INSTALLED.replace(notes=("a note",), details=("a detail",), processes=1)
    assert install_talk(report) == (
        "backend nftables: the kernel has nf_tables",
        "a note",
        "1 other program had to be started",
    )
    assert "a detail" in install_talk(report, verbose=True)
    assert "2 other programs had to be started" in install_talk(report.replace(processes=2))
    dry = install_talk(report.replace(text="table ..."))
    assert dry[0] == "this would be backend nftables: the kernel has nf_tables"


def test_a_guarded_change_says_how_to_keep_it() -> None:
    talk = install_talk(INSTALLED.replace(confirm_within=60.0))
    assert talk[-1] == "this is rolled back in 1 min unless you say: kuma-net confirm"


def test_an_uninstall_names_each_thing() -> None:
    assert uninstall_result(UninstallReport(())) == "nothing to do: nothing is installed\n"
    report = UninstallReport(("the rules", "the address"), resolv_conf=True)
    assert uninstall_result(report) == (
        "removed the rules\nremoved the address\n"
        "restored /etc/resolv.conf from /etc/resolv.conf.kuma-backup\n"
    )
    assert "would remove the rules\n" in uninstall_result(report.replace(dry_run=True))
    assert uninstall_talk(report) == ()
    assert uninstall_talk(report.replace(processes=2, notes=("a note",))) == (
        "a note",
        "2 other programs had to be started",
    )


def test_a_status_begins_with_the_verdict() -> None:
    assert status_result(STATUS).splitlines() == [
        "verdict    untouched since it was installed",
        "backend    nftables",
        "version    0.1.0",
        "config     abcd",
        "families   IPv4 and IPv6",
    ]
    nothing = StatusReport(None, "", "", (), (), "nothing")
    assert status_result(nothing) == "verdict    nothing is installed\n"


def test_a_status_tells_differences_pending_changes_and_counters() -> None:
    report = STATUS.replace(
        version="",
        verdict="differs",
        drift=("missing: a rule",),
        pending=42.0,
        rules=(
            CountedRule("nat OUTPUT", "one", 5, 100),
            CountedRule("nat OUTPUT", "two", None, None),
            CountedRule("nat MESH", "three", 0, 0),
        ),
    )
    lines = status_result(report).splitlines()
    assert "version    unknown" in lines
    assert "pending    not confirmed; rolled back in 42 s" in lines
    assert "  missing: a rule" in lines
    assert lines[-5:] == [
        "nat OUTPUT" + " " * 50 + " packets",
        "        5  one",
        "        ?  two",
        "nat MESH",
        "        0  three",
    ]


def test_a_plan_is_a_line_for_each_change() -> None:
    report = PlanReport("nftables", "it was asked for", BOTH_FAMILIES, (), ("a note",))
    assert plan_result(report) == "nothing would change\n"
    assert plan_result(report.replace(drift=("one", "two"))) == "one\ntwo\n"
    assert plan_talk(report) == ("backend nftables: it was asked for", "a note")
