"""Addresses on the loopback interface of kernels that this machine does not have."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from kuma_net.errors import NetlinkError
from kuma_net.host import loopback
from kuma_net.netlink import route
from kuma_net.netlink.message import Message
from kuma_net.netlink.route import Link, LinkAddress
from kuma_net.values import Family, Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuma_net.netlink.message import Request


class Kernel:
    """A kernel with one interface, some addresses, and a refusal for every change."""

    def __init__(self, *addresses: str, refusal: int = 0) -> None:
        """Begin with these addresses, all on ``lo``."""
        self.addresses = [self._address(text) for text in addresses]
        self.refusal = refusal

    def dump(self, request: Request) -> list[Message]:
        """Answer a question; as without IPv6, addresses of every family are listed."""
        if request.type == route.GETLINK:
            link = route.link_body(Link(1, "lo0", route.IFF_LOOPBACK))
            return [Message(route.NEWLINK, 0, 1, link)]
        bodies = [route.address_body(address) for address in self.addresses]
        return [Message(route.NEWADDR, 0, 1, body) for body in bodies]

    def commit(self, requests: Sequence[Request]) -> None:
        """Change the addresses, or refuse."""
        (request,) = requests
        asked = route.read_address(request.payload)
        if self.refusal:
            raise NetlinkError(self.refusal, os.strerror(self.refusal), request.words())
        if request.type == route.DELADDR:
            self.addresses = [
                a for a in self.addresses if a.address != getattr(asked, "address", 0)
            ]
        elif asked:
            self.addresses.append(asked)

    def close(self) -> None:
        """Do nothing."""

    @staticmethod
    def _address(text: str) -> LinkAddress:
        network = Network.parse(text)
        return LinkAddress(network.family, 1, network.address, network.prefix)


def test_the_interface_is_asked_for_its_name() -> None:
    assert loopback.name(Kernel()) == "lo0"


def test_a_kernel_without_ipv6_lists_other_addresses_that_do_not_count() -> None:
    assert loopback.ipv6_addresses(Kernel("127.0.0.1", "192.0.2.1")) == ()
    assert not loopback.has_ipv6_address(Kernel("127.0.0.1", "192.0.2.1"))


@pytest.mark.parametrize(
    ("addresses", "there"),
    [(("::1",), False), (("::1", "::6"), False), (("fe80::1",), True), (("2001:db8::1",), True)],
)
def test_an_address_besides_our_own_makes_ipv6(addresses: tuple[str, ...], *, there: bool) -> None:
    assert loopback.has_ipv6_address(Kernel(*addresses)) is there


def test_the_mark_tells_our_address_from_anothers() -> None:
    kernel = Kernel("::6")
    assert not loopback.remove_passthrough_address(kernel)
    kernel.addresses = []
    assert loopback.add_passthrough_address(kernel)
    assert kernel.addresses == [
        LinkAddress(Family.IPV6, 1, 6, 128, loopback.MARK, route.IFA_F_NODAD)
    ]
    assert loopback.remove_passthrough_address(kernel)
    assert kernel.addresses == []


def test_an_address_that_is_there_is_no_error() -> None:
    assert not loopback.add_passthrough_address(Kernel(refusal=errno.EEXIST))


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (errno.EOPNOTSUPP, r"\(the kernel has no IPv6\)"),
        (errno.EACCES, r"net\.ipv6\.conf\.lo\.disable_ipv6"),
        (errno.ENOBUFS, "refused ::6/128 on the loopback interface: No buffer space available$"),
    ],
)
def test_a_refusal_is_explained(refusal: int, reason: str) -> None:
    with pytest.raises(NetlinkError, match=reason):
        loopback.add_passthrough_address(Kernel(refusal=refusal))


def test_to_pretend_takes_nothing_away() -> None:
    kernel = Kernel()
    loopback.add_passthrough_address(kernel)
    assert loopback.remove_passthrough_address(kernel, pretend=True)
    assert loopback.has_passthrough_address(kernel)
    assert not loopback.has_passthrough_address(Kernel("::1"))
