"""Connections together: which are closed and when, and the end of all of them.

Hostile clients of the whole program are in test_hostile_tcp.py; here time and answers are ours.
"""

from __future__ import annotations

import resource
import socket
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from kuma_dns.wire.message import A
from lab.messages import ask, opt, option
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


def test_whoever_says_nothing_is_closed_when_the_idle_time_is_over() -> None:
    with TcpServing(*RECORDS, idle=0.1) as world:
        began = world.loop.now()
        clients = [world.client() for _ in range(3)]
        assert [client.hear() for client in clients] == [b""] * 3
        assert world.loop.now() - began >= 0.1
        assert world.client().hear() == b""


@pytest.mark.parametrize("pieces", [b"\0", b"\0\x21" + ask("a.mesh")[:-1], b"\xff\xff" + bytes(9)])
def test_bytes_of_a_query_that_never_ends_do_not_stretch_the_idle_time(pieces: bytes) -> None:
    with TcpServing(*RECORDS, idle=0.2) as world:
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
    with TcpServing(*RECORDS, idle=0.2) as world:
        client = world.client()
        began = world.loop.now()
        while world.loop.now() < began + 0.6:
            client.ask(ask("a.mesh"))
            assert client.hear() == world.right(ask("a.mesh"))
            world.loop.turn(0.01)
        assert client.hear() == b""


def test_whoever_waits_for_us_is_not_idle() -> None:
    with TcpServing(*RECORDS, idle=0.05) as world:
        client = world.client()
        client.ask(ask("www.example.org"))
        began = world.loop.now()
        world.until(lambda: world.loop.now() > began + 0.3)
        world.later.answer_all()
        assert client.hear()[:2] == b"\0\7"
        assert client.hear() == b""


def test_a_new_client_takes_the_place_of_the_one_idle_longest() -> None:
    with TcpServing(*RECORDS, most=3) as world:
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
    with TcpServing(*RECORDS, most=2) as world:
        busy = world.client()
        busy.ask(ask("www.example.org"))
        world.until(lambda: world.later.held)
        idle = world.client()
        idle.ask(ask("a.mesh"))
        assert idle.hear()
        new = world.client()
        new.ask(ask("www.example.org"))
        assert idle.hear() == b""
        world.until(partial(world.holds, 2))
        world.later.answer_all()
        assert [len(one.hear()) > 12 for one in (busy, new)] == [True, True]


def test_if_all_wait_for_us_the_oldest_goes() -> None:
    with TcpServing(*RECORDS, most=2) as world:
        clients = []
        for number in range(3):
            clients.append(world.client())
            clients[-1].ask(ask("www.example.org"))
            world.until(partial(world.holds, number + 1))
        assert clients[0].hear() == b""
        world.later.answer_all()
        assert [len(one.hear()) > 12 for one in clients[1:]] == [True, True]


def test_without_descriptors_the_longest_idle_goes_and_the_new_one_is_served() -> None:
    with TcpServing(*RECORDS) as world:
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
        assert new.hear() == world.right(ask("a.mesh"))


def test_whoever_never_reads_is_closed_when_the_idle_time_is_over() -> None:
    with TcpServing(*RECORDS, idle=0.2, buffer=8192) as world:
        world.client().fill(QUESTION)
        world.until(lambda: world.listener.connections == 0)


def test_what_was_asked_is_answered_before_the_end(world: TcpServing) -> None:
    idle, busy, late, brief = [world.client() for _ in range(4)]
    late.ask(ask("www.example.org"))
    world.until(lambda: world.later.held)
    world.until(lambda: world.listener.connections == 4)
    world.listener.close()
    world.listener.close()
    busy.ask(*[ask("a.mesh")] * 500)
    brief.ask(ask("a.mesh"))
    world.listener.drain()
    assert [brief.hear(), brief.hear()] == [world.right(ask("a.mesh")), b""]
    assert [busy.hear() for _ in range(500)] == [world.right(ask("a.mesh"))] * 500
    assert [busy.hear(), idle.hear()] == [b"", b""]
    assert world.listener.connections == 1
    world.later.answer_all()
    assert late.hear()[:2] == b"\0\7"
    assert late.hear() == b""
    assert world.listener.connections == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((LOOPBACK, world.port))
