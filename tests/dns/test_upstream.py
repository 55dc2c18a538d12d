"""Sockets to upstream servers: random, shared by few, and gone when nobody needs them."""

from __future__ import annotations

import resource
import socket
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from kuma_dns.resolve.flights import UNREACHABLE
from kuma_dns.resolve.servers import Server
from kuma_dns.server.upstream import MOST_USES
from lab.asking_upstream import Asking, descriptors, name_server, server_of
from lab.topology import quiet_host
from lab.upstreams import address, response

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with closing(name_server()) as one:
        yield one


def answer(server: socket.socket) -> tuple[bytes, int]:
    """Answer one query; return it and the port it came from."""
    packet, back = server.recvfrom(4096)
    server.sendto(response(packet, (address(),)), back)
    return packet, back[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_question_goes_out_and_its_answer_comes_back(host: str) -> None:
    with closing(name_server(host)) as server, Asking(server_of(server)) as asking:
        asking.board()
        asking.loop.turn(0)
        packet, _ = answer(server)
        asking.until_landed()
        assert asking.last_answer is not None
        assert asking.last_answer.packet[:2] == packet[:2]


def test_ids_and_ports_are_random_and_a_port_is_used_by_few(server: socket.socket) -> None:
    count = 10 * MOST_USES
    with Asking(server_of(server)) as asking:
        idents, ports = [], []
        for number in range(count):
            asking.board(f"n{number}.example")
            asking.loop.turn(0)
            packet, port = answer(server)
            idents.append(int.from_bytes(packet[:2], "big"))
            ports.append(port)
            asking.until_landed(number + 1)
    assert max(map(ports.count, ports)) <= MOST_USES
    each = list(dict.fromkeys(ports))
    assert len(each) >= 10
    steps = {later - earlier for earlier, later in pairwise(each)}
    assert len(steps) > len(each) // 2, "ports must not follow from each other"
    assert len(set(idents)) > 0.98 * count
    assert min(idents) < 0x1000
    assert max(idents) > 0xF000


def test_many_questions_of_one_turn_are_all_answered(server: socket.socket) -> None:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    before = descriptors()
    with Asking(server_of(server)) as asking:
        for number in range(300):
            asking.board(f"n{number}.example")
        asking.loop.turn(0)
        ports = {answer(server)[1] for _ in range(300)}
        asking.until_landed(300)
        assert len(ports) == -(-300 // MOST_USES)
        assert all(end[1] is not None for end in asking.ends)
    assert descriptors() == before


def test_a_socket_is_closed_a_second_after_it_was_opened(server: socket.socket) -> None:
    with Asking(server_of(server)) as asking:
        before = descriptors()
        asking.board()
        asking.loop.turn(0)
        answer(server)
        asking.until_landed()
        assert descriptors() != before, "it may be used again"
        asking.until(lambda: descriptors() == before)


def test_a_socket_with_questions_under_way_outlives_its_second(server: socket.socket) -> None:
    with Asking(server_of(server)) as asking:
        before = descriptors()
        asking.board()
        asking.loop.turn(0)
        packet, back = server.recvfrom(4096)
        end = asking.loop.now() + 1.1
        asking.until(lambda: asking.loop.now() > end)
        server.sendto(response(packet, (address(),)), back)
        asking.until_landed()
        assert asking.last_answer is not None
        asking.until(lambda: len(descriptors()) <= len(before) + 1)


def test_only_the_right_id_from_the_right_server_is_an_answer(server: socket.socket) -> None:
    with closing(name_server()) as stranger, Asking(server_of(server)) as asking:
        asking.board()
        asking.loop.turn(0)
        packet, back = server.recvfrom(4096)
        forged = response(packet, (address("192.0.2.66"),))
        wrong = bytes((packet[0] ^ 1,)) + forged[1:]
        stranger.sendto(forged, back)
        for junk in (wrong, b"", b"x", packet, forged[:5]):
            server.sendto(junk, back)
        asking.loop.turn(0.05)
        assert asking.ends == []
        server.sendto(response(packet, (address("192.0.2.1"),)), back)
        asking.until_landed()
        assert asking.last_answer is not None
        assert asking.last_answer.packet.endswith(bytes((192, 0, 2, 1)))


def test_an_answer_that_comes_when_all_is_over_is_nobodys(server: socket.socket) -> None:
    with Asking(server_of(server)) as asking:
        asking.board()
        asking.loop.turn(0)
        packet, back = server.recvfrom(4096)
        for _ in range(3):
            server.sendto(response(packet, (address(),)), back)
        asking.until_landed()
        asking.loop.turn(0.05)
        assert len(asking.ends) == 1


def test_that_nobody_listens_is_known_at_once(server: socket.socket) -> None:
    nobody = server_of(server)
    server.close()
    with Asking(nobody, timeout=30) as asking:
        began = asking.loop.now()
        for number in range(MOST_USES + 1):
            asking.board(f"n{number}.example")
        asking.until_landed(MOST_USES + 1)
        assert asking.loop.now() - began < 5
        assert {end[1:] for end in asking.ends} == {(None, UNREACHABLE)}


def test_the_next_server_is_asked_instead(server: socket.socket) -> None:
    with closing(name_server()) as gone:
        dead = server_of(gone)
    with Asking(dead, server_of(server)) as asking:
        asking.board()
        asking.loop.turn(0.2)
        asking.loop.turn(0.2)
        answer(server)
        asking.until_landed()
        assert asking.last_answer is not None


def test_without_a_way_nothing_is_waited_for() -> None:
    host = quiet_host()
    try:
        assert host.call(_is_unreachable)
    finally:
        host.stop()


def _is_unreachable() -> bool:
    with Asking(Server("192.0.2.1"), Server("2001:db8::1")) as asking:
        return asking.board() == UNREACHABLE


@pytest.mark.parametrize("tcp", [False, True])
def test_without_descriptors_nothing_is_waited_for(server: socket.socket, tcp: bool) -> None:
    with Asking(server_of(server)) as asking:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(map(int, descriptors()))
        fillers = [socket.socket() for _ in range(highest)]
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
            assert asking.board(tcp=tcp) == UNREACHABLE
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for one in fillers:
                one.close()
        assert asking.board(tcp=tcp) is None
