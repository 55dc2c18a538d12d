"""The sockets we answer at, and what is said when they cannot be had."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from kuma_dns.resolve.servers import Server
from kuma_dns.server.listening import RECEIVE_BUFFER, listen, listen_http, open_sockets
from kuma_dns.server.systemd import Inherited
from kuma_dns.settings.load import load
from kuma_net.errors import HostError
from lab.topology import quiet_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_dns.server.listening import Bound, Listening, Sockets
    from lab.host import Host

FREE = Server("127.0.0.1", 0)


@pytest.fixture
def host() -> Iterator[Host]:
    made = quiet_host()
    yield made
    made.stop()


def close(listening: Listening | Sockets) -> None:
    """Close whatever was opened."""
    bound: tuple[Bound, ...] = getattr(listening, "bound", ())
    for one in bound:
        one.udp.close()
        one.tcp.close()
    for sock in (*getattr(listening, "udp", ()), *getattr(listening, "tcp", ())):
        sock.close()
    http = getattr(listening, "http", None)
    if http is not None:
        http.close()


def test_udp_and_tcp_share_a_port_even_a_free_one() -> None:
    found = listen([FREE, FREE, Server("::1", 0)], asked=True)
    try:
        places = [one.place for one in found.bound]
        assert len(set(places)) == 3
        for one in found.bound:
            assert one.place.port > 0
            assert one.udp.getsockname()[:2] == one.tcp.getsockname()[:2] == tuple(one.place)
            assert one.udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= RECEIVE_BUFFER
            assert one.tcp.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            assert not one.udp.getblocking()
            assert not one.udp.get_inheritable()
    finally:
        close(found)


def test_a_free_port_is_looked_for_until_both_protocols_have_it() -> None:
    # Most of the range is taken for TCP: the first tries fail nearly always.
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(200)]
    found = listen([FREE] * 50, asked=True)
    close(found)
    for one in taken:
        one.close()
    assert len(found.bound) == 50


def test_all_addresses_in_the_way_are_told_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        places = [Server(*udp.getsockname()), Server(*tcp.getsockname()), Server("192.0.2.7", 5300)]
        with pytest.raises(HostError) as raised:
            listen([FREE, *places], asked=True)
    used = "another program listens there already"
    assert str(raised.value).splitlines() == [
        f"cannot listen at {places[0]} (UDP): {used}",
        f"cannot listen at {places[1]} (TCP): {used}",
        "cannot listen at 192.0.2.7:5300 (UDP): this host has no such address",
    ]


def test_ipv6_and_ipv4_of_one_port_are_two_listeners() -> None:
    first = listen([Server("0.0.0.0", 0)], asked=True)  # noqa: S104 - for a moment
    second = listen([Server("::", first.bound[0].place.port)], asked=True)
    close(first)
    close(second)


def test_without_ipv6_the_default_is_left_out_and_a_wish_is_not(host: Host) -> None:
    for setting in ("all", "lo"):
        host.sysctl(f"net.ipv6.conf.{setting}.disable_ipv6", "1")
    assert host.call(listen_here) == (["127.0.0.1"], ["::1: this host has no such address"])
    with pytest.raises(
        Exception, match=r"cannot listen at \[::1\]:15053 \(UDP\): this host has no"
    ):
        host.call(listen_here, asked=True)


def listen_here(*, asked: bool = False) -> tuple[list[str], list[str]]:
    """Listen at the default addresses; return what was bound and what was left out."""
    found = listen([Server("127.0.0.1", 15053), Server("::1", 15053)], asked=asked)
    close(found)
    skipped = [f"{place.host}: {why}" for place, why in found.skipped]
    return [one.place.host for one in found.bound], skipped


def test_only_root_may_have_a_low_port(host: Host) -> None:
    host.sysctl("net.ipv4.ip_unprivileged_port_start", "1024")
    told = host.run(
        [
            *("setpriv", "--reuid", "65534", "--clear-groups"),
            *(".venv/bin/python", "-c", LOW_PORT),
        ],
        check=False,
    )
    assert "cannot listen at 127.0.0.1:53 (UDP): a port below 1024 needs root or" in told.stdout


LOW_PORT = """
from kuma_dns.resolve.servers import Server
from kuma_dns.server.listening import listen
try:
    listen([Server("127.0.0.1", 53)], asked=True)
except Exception as problem:
    print(problem)
"""


def test_http_has_its_own_sentence() -> None:
    with listen_http(FREE) as one:
        place = Server(*one.getsockname())
        with pytest.raises(HostError, match=r"\(HTTP\): another program listens there already"):
            listen_http(place)


def test_everything_wrong_with_all_sockets_is_told_together() -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        taken = str(Server(*tcp.getsockname()))
        settings = load([("--listen", "192.0.2.7:53"), ("--http", taken)], {})
        with pytest.raises(HostError) as raised:
            open_sockets(settings, Inherited())
    assert len(str(raised.value).splitlines()) == 2


def test_sockets_of_systemd_stand_for_the_default_addresses() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.create_server(("127.0.0.1", 0)) as tcp,
    ):
        udp.bind(("127.0.0.1", 0))
        given = Inherited((udp,), (tcp,))
        alone = open_sockets(load([("--http", "off")], {}), given)
        assert alone.places == (Server(*udp.getsockname()), Server(*tcp.getsockname()))
        assert (alone.udp, alone.tcp, alone.http) == ((udp,), (tcp,), None)
        both = open_sockets(load([("--listen", str(FREE)), ("--http", str(FREE))], {}), given)
        assert len(both.udp) == len(both.tcp) == 2
        assert both.http is not None
        both.http.close()
        both.udp[1].close()
        both.tcp[1].close()
