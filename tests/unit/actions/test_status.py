"""Status on a paper machine: against what is asked, or against the stamp's own digest."""

from __future__ import annotations

import pytest

from kuma_net.actions.install import install
from kuma_net.actions.status import NO_ADDRESS, NO_STAMP, UNJUDGED, status
from kuma_net.actions.wish import Request
from kuma_net.errors import PermissionDenied
from kuma_net.tproxy.config import Config
from kuma_net.values import BOTH_FAMILIES
from lab.paper import NOBODY, PaperWorld

CONFIG = Config()
HERE = Request()


def installed_world(config: Config = CONFIG) -> PaperWorld:
    world = PaperWorld()
    install(config, world)
    return world


def test_a_bare_machine_has_nothing_and_nothing_was_asked() -> None:
    report = status(None, PaperWorld(), HERE)
    assert (report.verdict, report.backend, report.exit_code) == ("nothing", None, 0)


def test_a_bare_machine_differs_from_what_is_asked() -> None:
    report = status(CONFIG, PaperWorld(), HERE)
    assert (report.verdict, report.exit_code) == ("differs", 3)
    assert report.drift[0].startswith("missing: all ")


def test_untouched_rules_have_the_digest_that_their_stamp_says() -> None:
    report = status(None, installed_world(), HERE)
    assert (report.verdict, report.exit_code) == ("untouched", 0)
    assert UNJUDGED in report.notes
    assert (report.backend, report.families) == ("nftables", BOTH_FAMILIES)
    assert report.rules
    assert {rule.packets for rule in report.rules} == {0}


def test_what_is_asked_and_there_is_as_asked() -> None:
    report = status(CONFIG, installed_world(), HERE)
    assert (report.verdict, report.drift, report.exit_code) == ("as asked", (), 0)
    assert UNJUDGED not in report.notes


def test_other_options_differ_and_the_difference_is_told() -> None:
    report = status(CONFIG.replace(drop_invalid_packets=True), installed_world(), HERE)
    assert (report.verdict, report.exit_code) == ("differs", 3)
    assert any("dropInvalidPackets" in line for line in report.drift)


def test_a_rule_that_was_taken_away_is_noticed_without_options() -> None:
    world = installed_world()
    memory = world.memories["nftables"]
    assert memory.installed is not None
    ruleset = memory.installed.ruleset
    memory.installed = memory.installed.replace(
        ruleset=ruleset.replace(hooks=ruleset.hooks[:-1]), counts=()
    )
    report = status(None, world, HERE)
    assert (report.verdict, report.exit_code) == ("changed", 3)
    assert {rule.packets for rule in report.rules} == {None}


def test_a_strange_object_in_our_place_is_a_difference() -> None:
    world = installed_world()
    memory = world.memories["nftables"]
    assert memory.installed is not None
    memory.installed = memory.installed.replace(strange=("a rule of somebody else",))
    assert status(None, world, HERE).drift == ("a rule of somebody else",)
    assert status(CONFIG, world, HERE).exit_code == 3


def test_rules_without_a_stamp_are_nobodys() -> None:
    world = installed_world()
    memory = world.memories["nftables"]
    assert memory.installed is not None
    memory.installed = memory.installed.replace(stamp=None)
    report = status(None, world, HERE)
    assert (report.verdict, report.version) == ("changed", "")
    assert NO_STAMP in report.notes
    assert NO_STAMP in status(CONFIG, world, HERE).drift


def test_a_missing_address_is_a_difference_where_there_is_ipv6() -> None:
    world = installed_world()
    world.address = ""
    assert status(None, world, HERE).drift == (NO_ADDRESS,)
    assert status(CONFIG, world, HERE).drift == (NO_ADDRESS,)
    ipv4 = installed_world(CONFIG.replace(ip_family_mode="ipv4"))
    assert "IPv6 is not captured" in status(None, ipv4, HERE).notes


def test_rules_in_a_second_place_are_told() -> None:
    world = installed_world()
    world.memories["iptables-nft"].installed = world.memories["nftables"].installed
    report = status(CONFIG, world, HERE)
    assert report.drift == ("not asked for: the rules put there by iptables-nft",)
    assert "there are rules put there by iptables-nft too" in report.notes


def test_another_backends_rules_are_shown_and_differ() -> None:
    world = installed_world(CONFIG.replace(backend="iptables-legacy"))
    report = status(CONFIG, world, HERE)
    assert (report.backend, report.verdict) == ("iptables-legacy", "differs")


def test_a_pending_change_is_shown() -> None:
    world = installed_world()
    world.pending = 7.5
    assert status(None, world, HERE).pending == 7.5
    assert world.pending == 7.5


def test_without_the_capability_the_rules_cannot_be_read() -> None:
    world = installed_world()
    world.kernel_facts = NOBODY
    with pytest.raises(PermissionDenied):
        status(None, world, HERE)
