"""Installing on a paper machine: what is done, in which order, and what a failure leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.actions.install import install
from kuma_net.actions.wish import Request
from kuma_net.backends.memory import Memory
from kuma_net.errors import ConfigError, HostError, NetlinkError, PermissionDenied
from kuma_net.tproxy.config import Config
from kuma_net.values import BOTH_FAMILIES, Family
from lab.paper import NOBODY, PaperWorld

if TYPE_CHECKING:
    from kuma_net.host.pending import Pending, Word

CONFIG = Config()
REFUSED = NetlinkError(1, "Operation not permitted", "everything")


def test_an_install_puts_the_address_first_and_then_the_rules() -> None:
    world = PaperWorld()
    report = install(CONFIG, world)
    assert world.done == ["address: added", "nftables: changed"]
    assert (report.backend, report.changed, report.families) == ("nftables", True, BOTH_FAMILIES)
    assert report.exit_code == 0


def test_the_second_of_two_installs_changes_nothing() -> None:
    world = PaperWorld()
    install(CONFIG, world)
    before = world.memories["nftables"].installed
    report = install(CONFIG, world)
    assert not report.changed
    assert world.memories["nftables"].installed == before


def test_an_address_that_was_lost_counts_as_a_change() -> None:
    world = PaperWorld()
    install(CONFIG, world)
    world.remove_address()
    assert install(CONFIG, world).changed
    assert world.has_address()


def test_without_the_capability_nothing_is_touched() -> None:
    world = PaperWorld()
    world.kernel_facts = NOBODY
    with pytest.raises(PermissionDenied, match="CAP_NET_ADMIN"):
        install(CONFIG, world)
    assert world.done == []


def test_a_dry_run_needs_no_capability_and_changes_nothing() -> None:
    world = PaperWorld()
    world.kernel_facts = NOBODY
    report = install(CONFIG.replace(dry_run=True), world)
    assert report.backend == "nftables"
    assert "CAP_NET_ADMIN" in report.reason
    assert report.text.startswith("table inet kuma_net")
    assert world.done == []


def test_what_is_wrong_is_told_before_anything_is_touched() -> None:
    world = PaperWorld()
    world.host_facts = world.host_facts.replace(account=None)
    with pytest.raises(ConfigError, match="useradd"):
        install(CONFIG, world)
    assert world.done == []


def test_the_account_is_made_on_request_only() -> None:
    world = PaperWorld()
    world.host_facts = world.host_facts.replace(account=None)
    install(CONFIG, world, Request(create_user=True))
    assert world.done[0] == "account: made"
    world = PaperWorld()
    install(CONFIG.replace(dry_run=True), world, Request(create_user=True))
    assert world.done == []


def test_ipv6_that_cannot_be_set_up_never_costs_ipv4() -> None:
    world = PaperWorld()
    world.address_refusal = NetlinkError(13, "Permission denied", "::6/128 on the loopback")
    report = install(CONFIG, world)
    assert report.families == (Family.IPV4,)
    assert [note for note in report.notes if "IPv6 is left out" in note] == list(report.notes)


def test_a_kernel_that_refuses_ipv6_rules_is_told_once() -> None:
    world = PaperWorld()
    world.memories["nftables"] = Memory(kind="nftables", families=(Family.IPV4,))
    report = install(CONFIG, world)
    assert report.families == (Family.IPV4,)
    assert sum("IPv6" in note for note in report.notes) == 1


def test_an_address_that_was_added_goes_when_the_rules_are_refused() -> None:
    world = PaperWorld()
    world.memories["nftables"].refusal = REFUSED
    with pytest.raises(NetlinkError):
        install(CONFIG, world)
    assert world.done == ["address: added", "address: removed"]


def test_an_address_of_others_stays_when_the_rules_are_refused() -> None:
    world = PaperWorld()
    world.address = "others"
    world.memories["nftables"].refusal = REFUSED
    with pytest.raises(NetlinkError):
        install(CONFIG, world)
    assert world.address == "others"


def test_another_backends_rules_go_after_the_new_ones_stand() -> None:
    world = PaperWorld()
    install(CONFIG.replace(backend="iptables-legacy"), world)
    world.done.clear()
    report = install(CONFIG, world)
    assert world.done == ["nftables: changed", "iptables-legacy: removed"]
    assert "the rules put there by iptables-legacy were replaced" in report.notes


def test_a_failure_to_sweep_says_that_the_new_rules_stand() -> None:
    world = PaperWorld()
    install(CONFIG.replace(backend="iptables-legacy"), world)
    world.memories["iptables-legacy"].refusal = HostError("the lock is held")
    with pytest.raises(HostError, match="new rules are installed by nftables, but the lock"):
        install(CONFIG, world)
    assert world.memories["nftables"].installed


def test_firewalld_keeps_both_families_when_it_is_asked_to() -> None:
    world = PaperWorld()
    config = CONFIG.replace(store_firewalld=True)
    report = install(config, world)
    assert set(world.firewalld) == set(BOTH_FAMILIES)
    assert any("firewalld" in note for note in report.notes)
    assert not any("firewalld" in note for note in install(config, world).notes)


def test_a_later_install_makes_a_pending_one_moot() -> None:
    world = PaperWorld()
    world.pending = 42.0
    install(CONFIG, world)
    assert world.done[-1] == "watcher: supersede"


def test_a_rollback_in_progress_is_told_although_the_rules_stand() -> None:
    class Late(PaperWorld):
        def ask_watcher(self, word: Word) -> Pending | None:
            raise HostError(f"too late for {word}")

    with pytest.raises(HostError, match="installed, but too late"):
        install(CONFIG, Late())
