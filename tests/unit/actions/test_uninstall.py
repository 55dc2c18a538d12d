"""Uninstalling on a paper machine: everything of ours, whoever put it there."""

from __future__ import annotations

import pytest

from kuma_net.actions.install import install
from kuma_net.actions.uninstall import PartlyUninstalled, uninstall
from kuma_net.actions.wish import Request
from kuma_net.errors import HostError, PermissionDenied
from kuma_net.tproxy.config import Config
from lab.paper import KINDS, NOBODY, PaperWorld

CONFIG = Config()
HERE = Request()


def full_world() -> PaperWorld:
    """Return a machine where every backend, firewalld and kumactl have left something."""
    world = PaperWorld()
    install(CONFIG.replace(store_firewalld=True), world)
    installed = world.memories["nftables"].installed
    for kind in KINDS:
        world.memories[kind].installed = installed
    world.resolv_backup = True
    world.done.clear()
    return world


def test_everything_goes_without_configuration_or_account() -> None:
    world = full_world()
    world.host_facts = world.host_facts.replace(account=None)
    report = uninstall(CONFIG, world, HERE)
    assert world.done == [
        "nftables: removed",
        "iptables-nft: removed",
        "iptables-legacy: removed",
        "address: removed",
        "firewalld: removed",
        "resolv.conf: restored",
    ]
    assert len(report.removed) == 5
    assert report.resolv_conf


def test_a_second_uninstall_finds_nothing() -> None:
    world = full_world()
    uninstall(CONFIG, world, HERE)
    report = uninstall(CONFIG, world, HERE)
    assert (report.removed, report.resolv_conf) == ((), False)


def test_an_address_of_others_stays() -> None:
    world = full_world()
    world.address = "others"
    uninstall(CONFIG, world, HERE)
    assert world.address == "others"


def test_a_dry_run_tells_the_same_and_does_nothing() -> None:
    world = full_world()
    pretended = uninstall(CONFIG.replace(dry_run=True), world, HERE)
    assert world.done == []
    assert pretended.replace(dry_run=False) == uninstall(CONFIG, world, HERE)


def test_files_of_this_machine_do_not_belong_to_another_namespace() -> None:
    world = full_world()
    report = uninstall(CONFIG, world, Request(elsewhere=True))
    assert not report.resolv_conf
    assert world.firewalld


def test_a_step_that_fails_does_not_keep_the_others_from_being_taken() -> None:
    world = full_world()
    world.memories["nftables"].refusal = HostError("rules: refused")
    world.resolv_refusal = HostError("resolv.conf: read-only")
    with pytest.raises(PartlyUninstalled) as caught:
        uninstall(CONFIG, world, HERE)
    assert caught.value.problems == ("rules: refused", "resolv.conf: read-only")
    assert "address: removed" in world.done
    assert caught.value.report.removed


def test_without_the_capability_nothing_is_touched() -> None:
    world = full_world()
    world.kernel_facts = NOBODY
    with pytest.raises(PermissionDenied):
        uninstall(CONFIG, world, HERE)
    assert world.done == []


def test_a_pending_change_is_moot_afterwards() -> None:
    world = full_world()
    world.pending = 5.0
    uninstall(CONFIG, world, HERE)
    assert world.done[-1] == "watcher: supersede"
