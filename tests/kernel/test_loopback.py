"""The address of inbound passthrough on the loopback interface of a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.host import loopback
from kuma_net.host.netlink_socket import ROUTE, NetlinkSocket
from lab.agent import CallError
from lab.host import Host
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuma_net.netlink.message import Request


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a host whose loopback interface is up."""
    made = Host("host")
    made.run(["ip", "link", "set", "lo", "up"])
    yield made
    made.stop()


def has_passthrough(host: Host) -> bool:
    return "::6/128" in host.run(["ip", "-6", "address", "show", "dev", "lo"]).stdout


def test_what_we_add_we_take_away(host: Host) -> None:
    assert host.call(loopback.add_passthrough_address)
    assert has_passthrough(host)
    assert not host.call(loopback.add_passthrough_address)
    assert host.call(loopback.remove_passthrough_address)
    assert not has_passthrough(host)
    assert not host.call(loopback.remove_passthrough_address)


class Overtaken(NetlinkSocket):
    """The kernel, with somebody else who uninstalls between our look and our deed."""

    def commit(self, requests: Sequence[Request]) -> None:
        """Let the other one go first."""
        assert loopback.remove_passthrough_address()
        super().commit(requests)


def overtaken_here() -> bool:
    with Overtaken(ROUTE) as kernel:
        return loopback.remove_passthrough_address(kernel)


def test_two_may_take_it_away_at_the_same_time(host: Host) -> None:
    host.call(loopback.add_passthrough_address)
    assert not host.call(overtaken_here)
    assert not has_passthrough(host)


def test_what_somebody_else_added_stays(host: Host) -> None:
    host.run(["ip", "-6", "address", "add", "::6/128", "dev", "lo"])
    assert not host.call(loopback.add_passthrough_address)
    assert not host.call(loopback.remove_passthrough_address)
    assert has_passthrough(host)


def test_the_address_survives_a_loopback_that_comes_up_later(host: Host) -> None:
    host.run(["ip", "link", "set", "lo", "down"])
    assert host.call(loopback.add_passthrough_address)
    host.run(["ip", "link", "set", "lo", "up"])
    assert host.call(loopback.remove_passthrough_address)


def test_the_address_can_be_a_source_at_once(host: Host) -> None:
    host.call(loopback.add_passthrough_address)
    host.run(["python3", "-c", "import socket; socket.socket(10).bind(('::6', 0))"])


def test_the_loopback_interface_is_known_by_whatever_name(host: Host) -> None:
    assert host.call(loopback.name) == "lo"
    host.run(["ip", "link", "set", "lo", "down"])
    host.run(["ip", "link", "set", "lo", "name", "loop0"])
    assert host.call(loopback.name) == "loop0"


def test_only_an_address_that_leads_somewhere_counts_as_ipv6(host: Host) -> None:
    assert not host.call(loopback.has_ipv6_address)
    host.call(loopback.add_passthrough_address)
    assert not host.call(loopback.has_ipv6_address)
    host.run(["ip", "link", "add", "near", "type", "veth", "peer", "name", "far"])
    assert not host.call(loopback.has_ipv6_address)
    for end in ("near", "far"):
        host.run(["ip", "link", "set", end, "up"])
    found = eventually(lambda: bool(host.call(loopback.has_ipv6_address)))
    assert found, "a link-local address counts, once the link has it"


def test_where_ipv6_is_switched_off_that_is_the_reason_told(host: Host) -> None:
    host.sysctl("net.ipv6.conf.lo.disable_ipv6", "1")
    with pytest.raises(CallError, match=r"Permission denied \(IPv6 is switched off there"):
        host.call(loopback.add_passthrough_address)
