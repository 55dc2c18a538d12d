"""The real machine as actions see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.actions.install import install
from kuma_net.actions.world import Machine
from kuma_net.errors import NoBackend
from kuma_net.tproxy.config import Config
from lab.installing import BACKENDS, ENVIRON

if TYPE_CHECKING:
    from kuma_net.backends.base import Kind
    from kuma_net.tproxy.config import BackendName
    from lab.host import Host


def held_after_install_here(kind: BackendName) -> list[tuple[Kind, ...]]:
    """Install by a backend; return who holds rules, and who does besides each backend."""
    machine = Machine(ENVIRON)
    install(Config(backend=kind), machine)
    return [machine.holders(), *(machine.holders(besides=other) for other in BACKENDS)]


@pytest.mark.parametrize("kind", BACKENDS)
def test_whoever_installed_holds_the_rules(host: Host, kind: BackendName) -> None:
    everybody, *besides = host.call(held_after_install_here, kind)
    assert everybody == (kind,)
    for other, found in zip(BACKENDS, besides, strict=True):
        swept_already = other == "nftables" and kind == "iptables-nft"
        assert found == (() if other == kind or swept_already else (kind,))


def addresses_here() -> list[bool]:
    """Add, look, pretend, remove; return each answer."""
    machine = Machine(ENVIRON)
    return [
        machine.has_address(),
        machine.add_address(),
        machine.add_address(),
        machine.remove_address(pretend=True),
        machine.has_address(),
        machine.remove_address(),
        machine.remove_address(),
        machine.has_address(),
    ]


def test_the_address_is_added_and_removed_once(host: Host) -> None:
    answers = host.call(addresses_here)
    assert answers == [False, True, False, True, True, True, False, False]


def files_here() -> list[bool]:
    """Restore resolv.conf twice, after pretending to."""
    machine = Machine(ENVIRON)
    return [
        machine.restore_resolv_conf(pretend=True),
        machine.restore_resolv_conf(),
        machine.restore_resolv_conf(),
        machine.unstore_firewalld(),
    ]


def test_a_backup_is_put_back_once(host: Host) -> None:
    host.write("/etc/resolv.conf.kuma-backup", "nameserver 192.0.2.1\n")
    assert host.call(files_here) == [True, True, False, False]


def test_the_memory_backend_is_no_kernel() -> None:
    with pytest.raises(NoBackend):
        Machine(ENVIRON).backend("memory", Config())
