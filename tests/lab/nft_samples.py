"""A ruleset with something of everything, installed into the shipped fake kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_net.backends.base import Applied, Stamp
from kuma_net.backends.fake_kernel import FakeKernel
from kuma_net.backends.nftables import Nftables
from kuma_net.netfilter.contract import canonical
from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    OwnerUid,
    Protocol,
    exclusions,
)
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import CtZone, Jump, Redirect, Return
from kuma_net.netlink.message import Request
from kuma_net.netlink.nftables import (
    batch,
)
from kuma_net.values import BOTH_FAMILIES, IdSet, L4Proto, Network, PortSet

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = "KUMA_MESH_ONE"
TCP = Protocol(L4Proto.TCP)
LOCALHOST = tuple(map(Network.parse, ("127.0.0.1", "::1")))
NETWORKS = tuple(map(Network.parse, ("10.0.0.0/8", "192.168.0.0/16", "fd00::/8")))
STAMP = Stamp("1.0", "c0ffee", "beef")


def ruleset(port: int = 15001, *more: Rule) -> Ruleset:
    """Return a ruleset with something of everything."""
    boxes = [(6, 1, 1, 80, 80), (6, 5, 9, 443, 445), (17, 7, 7, 0, 65535)]
    hooks = (
        HookChain("raw", "OUTPUT", (Rule((TCP,), CtZone(1), "zone", "redirect.dns"),)),
        HookChain(
            "nat",
            "OUTPUT",
            (
                *more,
                Rule((exclusions("uid", boxes),), Return(), "users", "redirect.excludeForUIDs"),
                Rule((Destination(NETWORKS),), Return(), "networks", "redirect.excludeIPs"),
                Rule((TCP,), Jump(ONE), "in"),
            ),
        ),
    )
    chain = (
        Rule((TCP, DestinationPort(PortSet.of(22, (80, 90)))), Return(), "ports"),
        Rule((Destination(LOCALHOST),), Return(), "local"),
        Rule((TCP, OwnerUid(IdSet.of(5678))), Return(), "sidecar"),
        Rule((TCP,), Redirect(port), "captured", "redirect.outbound.port"),
    )
    return canonical(Ruleset(BOTH_FAMILIES, hooks, (Chain("nat", ONE, chain),)))


def applied(kernel: FakeKernel, wanted: Ruleset | None = None, stamp: Stamp = STAMP) -> Applied:
    """Apply a ruleset (by default the sample) and return what that did."""
    return Nftables(kernel).apply(wanted or ruleset(), stamp)


def commit(kernel: FakeKernel, *requests: Request) -> Callable[[], None]:
    """Return what another writer does."""
    return lambda: kernel.commit(batch(requests))
