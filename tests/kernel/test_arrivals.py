"""Connections to ourselves, on a machine without rules: they arrive where they are sent."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import pytest

from kuma_net.host.arrivals import LOCALHOST, PASSTHROUGH, Arrival, Ends, Occupied
from kuma_net.host.loopback import add_passthrough_address
from kuma_net.values import BOTH_FAMILIES, Family
from lab.host import Host

if TYPE_CHECKING:
    from kuma_net.record import Record


def send_here(family: Family, source: str, ports: tuple[int, ...]) -> tuple[Record, object]:
    """Return the arrival and the target."""
    with Ends(family, 15006, ports) as ends:
        return ends.send(source, 5.0), ends.target


def occupied_here(ports: tuple[int, ...], taken: tuple[str, int]) -> tuple[object, int | None]:
    """Take an address, then return which one cannot be had and why."""
    with socket.create_server(taken), pytest.raises(Occupied) as raised:
        Ends(Family.IPV4, 15006, ports)
    return raised.value.address, raised.value.errno


def next_free_here(taken: int, free: int) -> object:
    """Return the target where the first port is in use."""
    with (
        socket.create_server(("", taken)),
        Ends(Family.IPV4, 15006, (taken, free)) as ends,
    ):
        return ends.target


def without_ports_here() -> str:
    with pytest.raises(OSError, match="no port") as raised:
        Ends(Family.IPV4, 15006, ())
    with socket.create_server(("127.0.0.1", 15006)):  # nobody listens there any longer
        return str(raised.value)


@pytest.mark.parametrize("family", BOTH_FAMILIES, ids=str)
def test_without_rules_a_connection_arrives_at_its_target(host: Host, family: Family) -> None:
    host.call(add_passthrough_address)
    for source in (LOCALHOST[family], PASSTHROUGH[family]):
        arrival, target = host.call(send_here, family, source, (20000,))
        assert target == (PASSTHROUGH[family], 20000)
        assert isinstance(arrival, Arrival)
        assert arrival.place == "target"
        assert arrival.original in {None, target}  # only where connections are tracked


def test_a_source_that_is_no_address_of_ours_arrives_nowhere(host: Host) -> None:
    arrival, _ = host.call(send_here, Family.IPV4, "192.0.2.1", (20000,))
    assert arrival == Arrival("nowhere", problem="Cannot assign requested address")


def test_a_port_in_use_is_passed_over(host: Host) -> None:
    assert host.call(next_free_here, 20000, 20001) == ("127.0.0.6", 20001)


def test_an_address_that_cannot_be_had_is_named(host: Host) -> None:
    proxy = ("127.0.0.1", 15006)
    assert host.call(occupied_here, (20000,), proxy) == (proxy, errno.EADDRINUSE)
    target = ("127.0.0.6", 20000)
    assert host.call(occupied_here, (20000,), target) == (target, errno.EADDRINUSE)
    assert host.call(without_ports_here) == "there is no port to try"
