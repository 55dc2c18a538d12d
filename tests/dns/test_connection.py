"""One connection: many questions on it, answers in any order, and what it may cost."""

from __future__ import annotations

import os
import resource
import signal
import socket
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from kuma_dns.counts import LOCAL, UPSTREAM
from kuma_dns.resolve.answer import BRIEFLY, Answer
from kuma_dns.server.udp import UdpListener
from kuma_dns.wire.message import FORMERR, A
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import reply
from lab.host import fork_here
from lab.messages import QR, ask, opt, option
from lab.serving import LOOPBACK, TcpServing

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS = ("a.mesh=240.0.0.1", *[f"many.mesh=240.0.1.{number}" for number in range(200)])

QUESTION = ask("many.mesh", A, opt(options=option(12, bytes(360))))
"""Its answer is much longer."""


@pytest.fixture
def world() -> Iterator[TcpServing]:
    with TcpServing(*RECORDS) as made:
        yield made


def test_many_questions_on_one_connection_are_answered_in_order_if_they_can(
    world: TcpServing,
) -> None:
    client = world.client()
    asked = [ask(("a.mesh", "A.mesh", "no.mesh")[at % 3], ident=at) for at in range(1000)]
    client.ask(*asked)
    for packet in asked:
        assert client.hear() == packet[:2] + world.right(b"\0\7" + packet[2:])[2:]


def test_an_answer_that_takes_longer_does_not_hold_up_the_others(world: TcpServing) -> None:
    client = world.client()
    slow = [ask("www.example.org", ident=1), ask("www.example.com", ident=2)]
    client.ask(slow[0], ask("a.mesh", ident=3), slow[1], ask("a.mesh", ident=4))
    assert [client.hear()[1] for _ in range(2)] == [3, 4]
    world.later.answer_all()
    assert [client.hear()[1] for _ in range(2)] == [2, 1]


def test_a_query_may_come_in_pieces(world: TcpServing) -> None:
    client = world.client()
    packet = ask("a.mesh")
    for byte in len(packet).to_bytes(2, "big") + packet:
        client.socket.send(bytes((byte,)))
        world.loop.turn(0.001)
    assert client.hear() == world.right(packet)


def test_an_answer_too_long_for_a_datagram_comes_whole_even_if_the_memo_has_it_cut(
    world: TcpServing,
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


def test_two_hundred_addresses_fit(world: TcpServing) -> None:
    client = world.client()
    client.ask(ask("many.mesh", A, opt()))
    assert int.from_bytes(client.hear()[6:8], "big") == 200


def test_a_message_longer_than_any_query_is_refused_and_the_next_one_is_answered(
    world: TcpServing,
) -> None:
    client = world.client()
    client.ask(ask("a.mesh", ident=1) + bytes(65000), ask("a.mesh", ident=2))
    assert client.hear()[3] & 15 == FORMERR
    assert client.hear() == world.right(ask("a.mesh", ident=2))


def test_whoever_has_lost_her_place_is_answered_so_far_and_closed(world: TcpServing) -> None:
    for nonsense in (b"", b"short", ask("a.mesh", flags=QR)):
        client = world.client()
        client.ask(ask("a.mesh"), nonsense, ask("a.mesh"))
        assert [client.hear(), client.hear()] == [world.right(ask("a.mesh")), b""]
    assert world.counts.ignored == 3
    assert world.listener.connections == 0


def test_whoever_closes_her_half_still_gets_her_answers(world: TcpServing) -> None:
    client = world.client()
    client.ask(ask("www.example.org"), ask("a.mesh"))
    client.socket.shutdown(socket.SHUT_WR)
    assert client.hear() == world.right(ask("a.mesh"))
    assert world.listener.connections == 1
    world.later.answer_all()
    assert client.hear()[:2] == b"\0\7"
    assert client.hear() == b""
    assert world.listener.connections == 0


def test_whoever_goes_away_does_no_harm(world: TcpServing) -> None:
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


def test_every_answer_is_counted_once(world: TcpServing) -> None:
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


def test_whoever_does_not_read_is_not_read_either_and_goes_on_when_she_does() -> None:
    with TcpServing(*RECORDS, buffer=8192) as world:
        client = world.client()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        asked = client.fill(QUESTION)
        answered = -1
        while answered != world.counts.requests.count:
            answered = world.counts.requests.count
            world.loop.turn(0.05)
        assert answered < asked
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 << 10
        assert {client.hear()[6:8] for _ in range(asked)} == {b"\0\xc8"}


def test_no_more_is_answered_at_once_than_a_client_may_leave_unread(world: TcpServing) -> None:
    client = world.client()
    client.ask(*[ask("many.mesh")] * 100)
    world.until(lambda: world.listener.connections)
    connection = next(iter(world.listener._connections))
    world.loop.forget(connection._descriptor)
    connection._on_readable()
    assert (16 << 10) < len(connection._unsent) < (16 << 10) + 4000
    assert [client.hear()[6:8] for _ in range(100)] == [b"\0\xc8"] * 100


def test_only_so_many_questions_of_one_client_are_under_way(world: TcpServing) -> None:
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


def test_a_client_hears_of_the_end_even_if_a_child_has_the_socket_too(world: TcpServing) -> None:
    client = world.client()
    world.until(lambda: world.listener.connections)
    child = fork_here(lambda: time.sleep(60))
    world.listener.abort()
    assert client.hear() == b""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
