"""Whether IPv6 is to be expected, from the links alone."""

from __future__ import annotations

import pytest

from kuma_net.host.links import links, why_no_ipv6
from kuma_net.netlink import route
from kuma_net.netlink.message import DONE, Message
from kuma_net.netlink.route import IFF_LOOPBACK, IFF_UP, Link

LO = Link(1, "lo", IFF_LOOPBACK, ipv6=True)
LO_WITHOUT = LO.replace(ipv6=False)
ETH0 = Link(2, "eth0", IFF_UP, ipv6=True)
ETH0_WITHOUT = ETH0.replace(ipv6=False)
NET1_WITHOUT = Link(3, "net1", IFF_UP)
SIT0 = Link(4, "sit0", 0, ipv6=True)
OFF = "it is switched off on every interface (disable_ipv6)"
OFF_LO = "it is switched off on the loopback interface (disable_ipv6)"


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ((LO,), ""),
        ((LO, ETH0), ""),
        ((LO, ETH0, NET1_WITHOUT), ""),
        ((LO, SIT0), ""),
        ((LO, ETH0_WITHOUT.replace(flags=0)), ""),
        ((LO, ETH0_WITHOUT), OFF),
        ((LO, SIT0, ETH0_WITHOUT, NET1_WITHOUT), OFF),
        ((LO_WITHOUT, ETH0), OFF_LO),
        ((LO_WITHOUT,), OFF_LO),
    ],
)
def test_ipv6_comes_unless_it_is_switched_off(found: tuple[Link, ...], reason: str) -> None:
    assert why_no_ipv6(found) == reason


class Kernel:
    """A kernel with two links."""

    def dump(self, request: object) -> list[Message]:
        """List them, and something else."""
        assert getattr(request, "type", None) == route.GETLINK
        bodies = [route.link_body(link) for link in (LO_WITHOUT, NET1_WITHOUT)]
        return [Message(route.NEWLINK, 0, 1, body) for body in bodies] + [Message(DONE, 0, 1, b"")]

    def commit(self, requests: object) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def test_links_are_listed_by_the_kernel() -> None:
    assert links(Kernel()) == (LO_WITHOUT, NET1_WITHOUT)
