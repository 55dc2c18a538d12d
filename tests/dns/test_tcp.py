"""Connections: many questions on each, answers in any order, and what one client may cost.

Hostile clients of the whole program are in test_hostile_tcp.py; here time and answers are ours.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from contextlib import closing, suppress
from functools import cache, partial
from typing import TYPE_CHECKING

import pytest

from kuma_dns.counts import LOCAL, UPSTREAM
from kuma_dns.resolve.answer import BRIEFLY, Answer
from kuma_dns.server.tcp import TcpListener
from kuma_dns.server.udp import UdpListener
from kuma_dns.wire.message import FORMERR, A
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import reply
from lab.host import fork_here
from lab.messages import QR, ask, opt, option
from lab.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS = ("a.mesh=240.0.0.1", *[f"many.mesh=240.0.1.{number}" for number in range(200)])
LOOPBACK = "127.0.0.1"
QUESTION = ask("many.mesh", A, opt(options=option(12, bytes(360))))
"""Its answer is much longer."""


class Client:
    """A connection, seen from the other side."""

    def __init__(self, world: World) -> None:
        """Connect."""
        self.socket = socket.create_connection((LOOPBACK, world.port))
        if world.buffer:
            for one in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                self.socket.setsockopt(socket.SOL_SOCKET, one, world.buffer)
        self._world = world
        self._heard = b""

    def ask(self, *packets: bytes) -> None:
        """Send queries in one go."""
        self.socket.sendall(b"".join([len(one).to_bytes(2, "big") + one for one in packets]))

    def hear(self) -> bytes:
        """Return the next answer; nothing at the end of the connection."""
        while len(self._heard) < 2 or len(self._heard) < 2 + self._length():
            try:
                some = self._world.heard(self.socket, 1 << 20)
            except ConnectionError:
                some = b""
            if not some:
                return b""
            self._heard += some
        end = 2 + self._length()
        answer, self._heard = self._heard[2:end], self._heard[end:]
        return answer

    def _length(self) -> int:
        return int.from_bytes(self._heard[:2], "big")


class World(Serving):
    """A listener, and clients that end with it."""

    def __init__(self, idle: float = 1000.0, most: int = 1000, buffer: int = 0) -> None:
        """Listen; ``buffer`` is what the kernel keeps of what each side has not read."""
        super().__init__(*RECORDS)
        self.buffer = buffer
        sock = socket.create_server((LOOPBACK, 0))
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.port = int(sock.getsockname()[1])
        self.listener = TcpListener(sock, self.resolver, self.loop, idle=idle, most=most)
        self.clients: list[Client] = []

    def holds(self, number: int) -> bool:
        """Whether so many queries are on their way to others."""
        return len(self.later.held) == number

    def client(self) -> Client:
        """Return a new client."""
        self.clients.append(Client(self))
        return self.clients[-1]

    def __exit__(self, kind: object, *rest: object) -> None:
        """Close all."""
        self.listener.close()
        self.listener.abort()
        for client in self.clients:
            client.socket.close()
        super().__exit__(kind, *rest)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


@cache
def right(packet: bytes) -> bytes:
    """Return the answer that a fresh resolver gives to a query."""
    with Serving(*RECORDS) as fresh:
        authority = fresh.resolver.authority
        assert authority is not None
        answer = authority.answer(Query(packet), tcp=True)
        assert answer is not None
        return answer.packet


# --- questions and answers ----------------------------------------------------------------------


def test_many_questions_on_one_connection_are_answered_in_order_if_they_can(world: World) -> None:
    client = world.client()
    asked = [ask(("a.mesh", "A.mesh", "no.mesh")[at % 3], ident=at) for at in range(1000)]
    client.ask(*asked)
    for packet in asked:
        assert client.hear() == packet[:2] + right(b"\0\7" + packet[2:])[2:]


def test_an_answer_that_takes_longer_does_not_hold_up_the_others(world: World) -> None:
    client = world.client()
    slow = [ask("www.example.org", ident=1), ask("www.example.com", ident=2)]
    client.ask(slow[0], ask("a.mesh", ident=3), slow[1], ask("a.mesh", ident=4))
    assert [client.hear()[1] for _ in range(2)] == [3, 4]
    world.later.answer_all()
    assert [client.hear()[1] for _ in range(2)] == [2, 1]


def test_a_query_may_come_in_pieces(world: World) -> None:
    client = world.client()
    packet = ask("a.mesh")
    for byte in len(packet).to_bytes(2, "big") + packet:
        client.socket.send(bytes((byte,)))
        world.loop.turn(0.001)
    assert client.hear() == right(packet)


def test_an_answer_too_long_for_a_datagram_comes_whole_even_if_the_memo_has_it_cut(
    world: World,
) -> None:
    whole = reply(Query(ask("www.example.org"))) + bytes(1000)
    cut = whole[:2] + bytes((whole[2] | 2,)) + whole[3:28]
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as datagrams:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((LOOPBACK, 0))
        datagrams.connect(sock.getsockname())
        listener = UdpListener(sock, world.resolver, world.loop)
        world.later.ready = Answer(cut, BRIEFLY)
        datagrams.send(ask("www.example.org"))
        assert world.heard(datagrams) == cut
        listener.close()
    world.later.ready = Answer(whole, BRIEFLY)
    client = world.client()
    client.ask(ask("www.example.org"))
    assert client.hear() == whole
    assert world.counts.memo_hits == 0


def test_two_hundred_addresses_fit(world: World) -> None:
    client = world.client()
    client.ask(ask("many.mesh", A, opt()))
    assert int.from_bytes(client.hear()[6:8], "big") == 200


def test_a_message_longer_than_any_query_is_refused_and_the_next_one_is_answered(
    world: World,
) -> None:
    client = world.client()
    client.ask(ask("a.mesh", ident=1) + bytes(65000), ask("a.mesh", ident=2))
    assert client.hear()[3] & 15 == FORMERR
    assert client.hear() == right(ask("a.mesh", ident=2))


def test_whoever_has_lost_her_place_is_answered_so_far_and_closed(world: World) -> None:
    for nonsense in (b"", b"short", ask("a.mesh", flags=QR)):
        client = world.client()
        client.ask(ask("a.mesh"), nonsense, ask("a.mesh"))
        assert [client.hear(), client.hear()] == [right(ask("a.mesh")), b""]
    assert world.counts.ignored == 3
    assert world.listener.connections == 0


def test_whoever_closes_her_half_still_gets_her_answers(world: World) -> None:
    client = world.client()
    client.ask(ask("www.example.org"), ask("a.mesh"))
    client.socket.shutdown(socket.SHUT_WR)
    assert client.hear() == right(ask("a.mesh"))
    assert world.listener.connections == 1
    world.later.answer_all()
    assert client.hear()[:2] == b"\0\7"
    assert client.hear() == b""
    assert world.listener.connections == 0


def test_whoever_goes_away_does_no_harm(world: World) -> None:
    for number in range(3):
        client = world.client()
        client.ask(ask("www.example.org"), ask("a.mesh"))
        world.until(partial(world.holds, number + 1))
        if number:
            client.socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, (1).to_bytes(4, "little") + bytes(4)
            )
        client.socket.close()
    world.later.answer_all()
    world.until(lambda: world.listener.connections == 0)


def test_every_answer_is_counted_once(world: World) -> None:
    client = world.client()
    client.ask(ask("a.mesh"), ask("no.mesh"), ask("www.example.org"), b"id" + bytes(10))
    assert client.hear()
    world.until(lambda: world.later.held)
    world.later.answer_all()
    assert all(client.hear() for _ in range(3))
    told = {key: number for key, number in world.counts.queries.items() if number}
    assert told == {("A", LOCAL): 2, ("A", UPSTREAM): 1}
    assert world.counts.refused == 1
    assert world.counts.requests.count == 4


# --- what a client may cost ---------------------------------------------------------------------


def test_whoever_says_nothing_is_closed_when_the_idle_time_is_over() -> None:
    with World(idle=0.1) as world:
        began = world.loop.now()
        clients = [world.client() for _ in range(3)]
        assert [client.hear() for client in clients] == [b""] * 3
        assert world.loop.now() - began >= 0.1
        assert world.client().hear() == b""


@pytest.mark.parametrize("pieces", [b"\0", b"\0\x21" + ask("a.mesh")[:-1], b"\xff\xff" + bytes(9)])
def test_bytes_of_a_query_that_never_ends_do_not_stretch_the_idle_time(pieces: bytes) -> None:
    with World(idle=0.2) as world:
        client = world.client()
        world.until(lambda: world.listener.connections)
        began, left = world.loop.now(), list(pieces)
        while world.listener.connections:
            with suppress(ConnectionError):
                client.socket.send(bytes((left.pop(0) if left else 0xFF,)) if left else b"")
            world.loop.turn(0.02)
            assert world.loop.now() - began < 10
        assert world.loop.now() - began >= 0.2


def test_each_answer_begins_the_idle_time_anew() -> None:
    with World(idle=0.2) as world:
        client = world.client()
        began = world.loop.now()
        while world.loop.now() < began + 0.6:
            client.ask(ask("a.mesh"))
            assert client.hear() == right(ask("a.mesh"))
            world.loop.turn(0.01)
        assert client.hear() == b""


def test_whoever_waits_for_us_is_not_idle() -> None:
    with World(idle=0.05) as world:
        client = world.client()
        client.ask(ask("www.example.org"))
        began = world.loop.now()
        world.until(lambda: world.loop.now() > began + 0.3)
        world.later.answer_all()
        assert client.hear()[:2] == b"\0\7"
        assert client.hear() == b""


def test_a_new_client_takes_the_place_of_the_one_idle_longest() -> None:
    with World(most=3) as world:
        first, second, third = (world.client() for _ in range(3))
        for one in (first, second, third, first):
            one.ask(ask("a.mesh"))
            assert one.hear()
        fourth = world.client()
        fourth.ask(ask("a.mesh"))
        assert fourth.hear()
        assert second.hear() == b""
        for one in (first, third, fourth):
            one.ask(ask("a.mesh"))
            assert one.hear()
        assert world.listener.connections == 3


def test_whoever_waits_for_us_keeps_her_place_as_long_as_others_are_idle() -> None:
    with World(most=2) as world:
        busy = world.client()
        busy.ask(ask("www.example.org"))
        world.until(lambda: world.later.held)
        idle = world.client()
        idle.ask(ask("a.mesh"))
        assert idle.hear()
        new: list[Client] = []
        for number in range(2):
            new.append(world.client())
            new[-1].ask(ask("www.example.org"))
            world.until(partial(world.holds, number + 2))
        assert idle.hear() == b""
        assert busy.hear() == b""
        world.later.answer_all()
        assert [len(one.hear()) > 12 for one in new] == [True, True]


def test_without_descriptors_the_longest_idle_goes_and_the_new_one_is_served() -> None:
    with World() as world:
        old = world.client()
        world.until(lambda: world.listener.connections == 1)
        new = world.client()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            world.until(lambda: world.listener.connections == 0)
            used = time.process_time()
            for _ in range(5):
                world.loop.turn(0.02)
            assert time.process_time() - used < 0.05
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert old.hear() == b""
        new.ask(ask("a.mesh"))
        assert new.hear() == right(ask("a.mesh"))


def fill(world: World, client: Client) -> int:
    """Ask until nothing more can be sent, without reading; return how many whole queries went."""
    client.socket.settimeout(0)
    asked = len(QUESTION).to_bytes(2, "big") + QUESTION
    sent = 0
    with suppress(BlockingIOError):
        while True:
            sent += client.socket.send((asked * 100)[sent % len(asked) :])
            world.loop.turn(0)
    return sent // len(asked)


def test_whoever_does_not_read_is_not_read_either_and_goes_on_when_she_does() -> None:
    with World(buffer=8192) as world:
        client = world.client()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        asked = fill(world, client)
        answered = -1
        while answered != world.counts.requests.count:
            answered = world.counts.requests.count
            world.loop.turn(0.05)
        assert answered < asked
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 << 10
        assert {client.hear()[6:8] for _ in range(asked)} == {b"\0\xc8"}


def test_whoever_never_reads_is_closed_when_the_idle_time_is_over() -> None:
    with World(idle=0.2, buffer=8192) as world:
        fill(world, world.client())
        world.until(lambda: world.listener.connections == 0)


def test_only_so_many_questions_of_one_client_are_under_way(world: World) -> None:
    client = world.client()
    client.ask(*[ask(f"name-{number}.example", ident=number) for number in range(1000)])
    world.until(lambda: len(world.later.held) == 256)
    world.loop.turn(0.01)
    assert len(world.later.held) == 256
    heard: set[bytes] = set()
    while len(heard) < 1000:
        world.later.answer_all()
        heard.add(client.hear()[:2])
    assert world.listener.connections == 1


# --- the end ------------------------------------------------------------------------------------


def test_what_was_asked_is_answered_before_the_end(world: World) -> None:
    idle, busy, late, brief = [world.client() for _ in range(4)]
    late.ask(ask("www.example.org"))
    world.until(lambda: world.later.held)
    world.until(lambda: world.listener.connections == 4)
    world.listener.close()
    world.listener.close()
    busy.ask(*[ask("a.mesh")] * 500)
    brief.ask(ask("a.mesh"))
    world.listener.drain()
    assert [brief.hear(), brief.hear()] == [right(ask("a.mesh")), b""]
    assert [busy.hear() for _ in range(500)] == [right(ask("a.mesh"))] * 500
    assert [busy.hear(), idle.hear()] == [b"", b""]
    assert world.listener.connections == 1
    world.later.answer_all()
    assert late.hear()[:2] == b"\0\7"
    assert late.hear() == b""
    assert world.listener.connections == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, world.port))


def test_a_client_hears_of_the_end_even_if_a_child_has_the_socket_too(world: World) -> None:
    client = world.client()
    world.until(lambda: world.listener.connections)
    child = fork_here(lambda: time.sleep(60))
    world.listener.abort()
    assert client.hear() == b""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
