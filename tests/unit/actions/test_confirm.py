"""Changes under guard on a paper machine: what is put back, and when the guard goes."""

from __future__ import annotations

import pytest

from kuma_net.actions.confirm import NothingPending, confirm
from kuma_net.actions.install import install
from kuma_net.actions.wish import Request
from kuma_net.errors import HostError, NetlinkError
from kuma_net.tproxy.config import Config
from kuma_net.values import PortSet
from lab.paper import PaperWorld

CONFIG = Config()
GUARDED = Request(confirm_within=60)
EXCLUDING = CONFIG.replace(
    redirect=CONFIG.redirect.replace(
        outbound=CONFIG.redirect.outbound.replace(exclude_ports=PortSet.of(443))
    )
)


def watched(world: PaperWorld, config: Config = EXCLUDING) -> None:
    report = install(config, world, GUARDED)
    assert report.confirm_within == 60


def let_lapse(world: PaperWorld) -> None:
    assert world.watcher is not None
    world.watcher.undo()


def test_the_watcher_is_started_before_anything_changes_and_armed_after() -> None:
    world = PaperWorld()
    watched(world)
    assert world.done == [
        "watcher: started",
        "address: added",
        "nftables: changed",
        "watcher: armed for 60 s",
    ]


def test_an_unconfirmed_first_install_leaves_nothing() -> None:
    world = PaperWorld()
    watched(world)
    let_lapse(world)
    assert world.holders() == ()
    assert world.address == ""


def test_an_unconfirmed_change_puts_the_former_rules_back() -> None:
    world = PaperWorld()
    install(CONFIG, world)
    before = world.memories["nftables"].installed
    watched(world)
    assert world.memories["nftables"].installed != before
    let_lapse(world)
    assert world.memories["nftables"].installed == before
    assert world.address == "us"


def test_an_unconfirmed_change_of_backend_goes_back_to_the_former_one() -> None:
    world = PaperWorld()
    install(CONFIG.replace(backend="iptables-legacy"), world)
    watched(world)
    assert world.holders() == ("nftables",)
    let_lapse(world)
    assert world.holders() == ("iptables-legacy",)


def test_undoing_twice_is_undoing_once() -> None:
    world = PaperWorld()
    watched(world)
    let_lapse(world)
    let_lapse(world)
    assert world.holders() == ()


def test_what_changes_nothing_needs_no_guard() -> None:
    world = PaperWorld()
    install(CONFIG, world)
    world.done.clear()
    report = install(CONFIG, world, GUARDED)
    assert report.confirm_within == 0
    assert world.done == ["watcher: started", "nftables: nothing to do", "watcher: dismissed"]


def test_a_change_that_fails_is_undone_at_once() -> None:
    world = PaperWorld()
    install(CONFIG.replace(backend="iptables-legacy"), world)
    before = world.memories["iptables-legacy"].installed
    world.memories["nftables"].refusal = NetlinkError(22, "Invalid argument", "a rule")
    with pytest.raises(NetlinkError):
        install(EXCLUDING, world, GUARDED)
    assert world.memories["iptables-legacy"].installed == before
    assert world.done[-1] == "watcher: dismissed"


def test_rules_that_could_not_be_put_back_are_refused_beforehand() -> None:
    world = PaperWorld()
    install(CONFIG, world)
    installed = world.memories["nftables"].installed
    assert installed is not None
    world.memories["nftables"].installed = installed.replace(strange=("a stranger's rule",))
    world.done.clear()
    with pytest.raises(HostError, match="could not be put back"):
        install(EXCLUDING, world, GUARDED)
    assert world.done == []


def test_confirming_says_how_much_time_was_left() -> None:
    world = PaperWorld()
    world.pending = 12.5
    assert confirm(world).seconds == 12.5
    with pytest.raises(NothingPending):
        confirm(world)
