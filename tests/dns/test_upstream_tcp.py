"""Questions to upstream servers over TCP, and servers that misbehave there."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from kuma_dns.resolve.flights import SILENCE, UNREACHABLE
from kuma_dns.resolve.servers import Server
from lab.asking_upstream import PATIENCE, Asking, descriptors, name_server, server_of
from lab.upstreams import address, response

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(listening()) as one:
        yield one


def listening(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.create_server((host, port), family=family)
    one.settimeout(PATIENCE)
    return one


def framed(packet: bytes) -> bytes:
    return len(packet).to_bytes(2, "big") + packet


def asked(asking: Asking, listener: socket.socket) -> tuple[socket.socket, bytes]:
    """Take a connection; return it and the query that came."""
    asking.loop.turn(0.2)
    one, _ = listener.accept()
    one.settimeout(0)
    heard = bytearray()

    def whole() -> bool:
        try:
            heard.extend(one.recv(65535))
        except BlockingIOError:
            return False
        return len(heard) == 2 + int.from_bytes(heard[:2], "big")

    asking.until(whole)
    return one, bytes(heard[2:])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_question_is_asked_and_answered_on_a_connection_of_its_own(host: str) -> None:
    with closing(listening(host)) as listener, Asking(server_of(listener)) as asking:
        before = descriptors()
        asking.board(tcp=True)
        one, packet = asked(asking, listener)
        with closing(one):
            many = tuple(address(f"192.0.2.{n % 256}") for n in range(4000))
            whole = response(packet, many)
            one.settimeout(PATIENCE)
            one.sendall(framed(whole))
            asking.until_landed()
        assert asking.last_answer is not None
        assert asking.last_answer.packet == whole
        assert descriptors() == before


def test_an_answer_may_come_in_pieces(listener: socket.socket) -> None:
    with Asking(server_of(listener)) as asking:
        asking.board(tcp=True)
        one, packet = asked(asking, listener)
        with closing(one):
            for byte in framed(response(packet, (address(),))):
                assert asking.ends == []
                one.send(bytes((byte,)))
                asking.loop.turn(0.02)
            asking.until_landed()
        assert asking.last_answer is not None


def test_what_is_cut_over_udp_is_asked_again_over_tcp() -> None:
    with closing(listening()) as tcp, closing(name_server(port=server_of(tcp).port)) as udp:
        with Asking(server_of(udp)) as asking:
            asking.board()
            asking.loop.turn(0)
            packet, back = udp.recvfrom(4096)
            udp.sendto(response(packet, cut=True), back)
            one, again = asked(asking, tcp)
            with closing(one):
                assert again[2:] == packet[2:]
                one.send(framed(response(again, (address(),))))
                asking.until_landed()
        assert asking.last_answer is not None
        assert not asking.last_answer.truncated


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\0",
        b"\0\0",
        b"\0\5hello",
        b"\xff\xff" + bytes(100),
    ],
)
def test_a_server_that_breaks_off_or_talks_junk_has_failed(
    listener: socket.socket, junk: bytes
) -> None:
    with Asking(server_of(listener)) as asking:
        before = descriptors()
        asking.board(tcp=True)
        one, _ = asked(asking, listener)
        with closing(one):
            one.send(junk)
        asking.until_landed()
        assert asking.ends[0][1:] == (None, UNREACHABLE)
        assert descriptors() == before


def test_an_answer_to_another_question_breaks_off(listener: socket.socket) -> None:
    with Asking(server_of(listener)) as asking:
        asking.board(tcp=True)
        one, packet = asked(asking, listener)
        with closing(one):
            one.send(framed(packet))
            asking.until_landed()
        assert asking.ends[0][1:] == (None, UNREACHABLE)


def test_that_nobody_listens_is_known_at_once() -> None:
    with closing(listening()) as gone:
        nobody = server_of(gone)
    with Asking(nobody, timeout=30) as asking:
        before = descriptors()
        asking.board(tcp=True)
        asking.until_landed()
        assert asking.ends[0][1:] == (None, UNREACHABLE)
        assert descriptors() == before


def test_a_server_that_takes_the_question_and_says_nothing_is_left(listener: socket.socket) -> None:
    with Asking(server_of(listener), timeout=1) as asking:
        before = descriptors()
        asking.board(tcp=True)
        asking.until_landed()
        assert asking.ends[0][1:] == (None, SILENCE)
        assert descriptors() == before


def test_the_first_of_two_servers_may_be_deaf(listener: socket.socket) -> None:
    with closing(listening()) as deaf, Asking(server_of(deaf), server_of(listener)) as asking:
        asking.board(tcp=True)
        asking.until(lambda: asking.asked == 2)
        one, packet = asked(asking, listener)
        with closing(one):
            one.send(framed(response(packet, (address(),))))
            asking.until_landed()
        assert asking.last_answer is not None


def test_a_server_out_of_reach_is_known_at_once() -> None:
    with Asking(Server("255.255.255.255")) as asking:
        assert asking.board(tcp=True) == UNREACHABLE
