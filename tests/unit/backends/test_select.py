"""Which backend is chosen, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.backends.select import select
from kuma_net.errors import NoBackend
from kuma_net.host.probe import KernelFacts

if TYPE_CHECKING:
    from kuma_net.backends.base import Kind
    from kuma_net.tproxy.config import BackendName

MODERN = KernelFacts(net_admin=True, nf_tables=True, ip_tables=True)
OLD = KernelFacts(
    net_admin=True, nf_tables=False, ip_tables=True, nf_tables_reason="Invalid argument"
)
BARE = KernelFacts(net_admin=True, nf_tables=False, ip_tables=False)
UNASKED = KernelFacts(net_admin=False, nf_tables=False, ip_tables=False)


@pytest.mark.parametrize(
    ("asked", "kernel", "kind", "reason"),
    [
        ("auto", MODERN, "nftables", "the kernel has nf_tables"),
        ("auto", OLD, "iptables-legacy", "no nf_tables (Invalid argument), but"),
        ("auto", UNASKED, "nftables", "CAP_NET_ADMIN is missing"),
        ("nftables", MODERN, "nftables", "asked for"),
        ("iptables-nft", MODERN, "iptables-nft", "asked for"),
        ("iptables-legacy", OLD, "iptables-legacy", "asked for"),
        ("iptables-legacy", UNASKED, "iptables-legacy", "could not be asked"),
    ],
)
def test_the_kernel_decides_unless_somebody_does(
    asked: BackendName, kernel: KernelFacts, kind: Kind, reason: str
) -> None:
    choice = select(asked, kernel)
    assert choice.kind == kind
    assert reason in choice.reason


def test_where_nothing_works_each_backend_says_why() -> None:
    with pytest.raises(NoBackend) as caught:
        select("auto", BARE)
    assert list(caught.value.reasons) == ["nftables", "iptables-nft", "iptables-legacy"]


@pytest.mark.parametrize("asked", ["nftables", "iptables-nft"])
def test_what_was_asked_for_and_cannot_be_is_refused(asked: BackendName) -> None:
    with pytest.raises(NoBackend) as caught:
        select(asked, OLD)
    assert list(caught.value.reasons) == [asked]
