"""Datagrams: batches of all mixtures, late answers, the address they leave from, exact counts."""

from __future__ import annotations

import resource
import socket
from contextlib import closing
from socket import AF_INET, AF_INET6, SOCK_DGRAM
from typing import TYPE_CHECKING

import pytest

from kuma_dns.counts import CACHE, LOCAL, UPSTREAM
from kuma_dns.resolve.answer import BRIEFLY, NEVER, Answer
from kuma_dns.server.datagrams import ROOM, SLOTS
from kuma_dns.server.udp import UdpListener
from kuma_dns.wire.message import AAAA, FORMERR, NOTIMP, NXDOMAIN, A
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import reply
from lab.messages import QR, RD, ask, opt, option
from lab.serving import Serving
from lab.topology import quiet_host

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS = ("a.mesh=240.0.0.1", "two.mesh=240.0.0.2", "two.mesh=240.0.0.3")


class World(Serving):
    """A listener on some address, and a client that is connected to it."""

    def __init__(
        self, bind: str = "127.0.0.1", ask_at: str = "127.0.0.1", ask_from: str = ""
    ) -> None:
        """Listen and connect."""
        super().__init__(*RECORDS)
        family = AF_INET6 if ":" in bind else AF_INET
        self.sock = socket.socket(family, SOCK_DGRAM)
        if family == AF_INET6:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.sock.bind((bind, 0))
        self.listener = UdpListener(self.sock, self.resolver, self.loop)
        self.port = int(self.sock.getsockname()[1])
        self.client = self.connect(ask_at, ask_from)

    def connect(self, address: str, own: str = "") -> socket.socket:
        """Return a client that takes answers from this address only."""
        one = socket.socket(AF_INET6 if ":" in address else AF_INET, SOCK_DGRAM)
        if own:
            one.bind((own, 0))
        one.connect((address, self.port))
        return one

    def __exit__(self, kind: object, *rest: object) -> None:
        """Close all."""
        self.client.close()
        self.listener.close()
        super().__exit__(kind, *rest)

    def answers(self, *packets: bytes) -> list[bytes]:
        """Send all at once; return as many answers, in the order of their ids."""
        for packet in packets:
            self.client.send(packet)
        return sorted([self.heard(self.client) for _ in packets])

    def hears_nothing(self) -> bool:
        """Whether nothing comes but the answer to one more query."""
        return self.answers(ask("a.mesh", ident=65535))[0][:2] == b"\xff\xff"


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


# --- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2, SLOTS - 1, SLOTS, SLOTS + 1, 3 * SLOTS])
@pytest.mark.parametrize("name", ["a.mesh", "A.mesh", "nobody.mesh"])
def test_each_of_many_queries_gets_its_answer_with_its_id(
    world: World, name: str, times: int
) -> None:
    asked = [ask(name, ident=number) for number in range(times)]
    assert world.answers(*asked) == [world.right(packet) for packet in asked]


def test_short_and_long_queries_in_one_batch_do_not_disturb_each_other(world: World) -> None:
    asked = [
        ask("a.mesh", ident=1),
        ask("a.mesh", A, opt(options=option(12, bytes(1000))), ident=2),
        ask("a.mesh", AAAA, ident=3),
        ask(".".join(["x" * 60] * 4) + ".mesh", ident=4),
        ask("a.mesh", ident=5),
    ]
    for _ in range(3):
        assert world.answers(*asked) == [world.right(packet) for packet in asked]


def test_what_gets_no_answer_leaves_no_gap(world: World) -> None:
    silent = [b"", b"i", ask("a.mesh", flags=QR | RD, ident=9), b"\0" * 11]
    asked = [ask("a.mesh", ident=number) for number in range(20)]
    for number, packet in enumerate(asked):
        world.client.send(silent[number % 4])
        world.client.send(packet)
    world.client.send(silent[0])
    assert sorted([world.heard(world.client) for _ in asked]) == [world.right(one) for one in asked]
    assert world.hears_nothing()
    assert world.counts.ignored == 21


def test_batches_without_any_answer_are_followed_by_batches_with_some(world: World) -> None:
    for _ in range(SLOTS + 5):
        world.client.send(b"\0\0\x80" + bytes(9))
    assert world.hears_nothing()
    assert world.counts.ignored == SLOTS + 5


def test_a_query_of_more_bytes_than_there_is_room_is_no_query(world: World) -> None:
    whole = b""
    for size in (ROOM, ROOM + 1, 65507):
        head = ask("a.mesh", A, opt(options=b""), ident=size % 65536)[:-2]
        room = size - len(head) - 2
        packet = head + room.to_bytes(2, "big") + b"\0\x0c" + (room - 4).to_bytes(2, "big")
        answer = world.answers(packet + bytes(room - 4))[0]
        assert answer[:2] == packet[:2]
        assert answer[3] & 15 == (FORMERR if size > ROOM else 0)
        if size == ROOM:
            whole = packet + bytes(room - 4)
    assert world.answers(whole + b"!")[0][3] & 15 == FORMERR
    world.client.send(ask("a.mesh", flags=QR)[:12] + bytes(10000))
    assert world.hears_nothing()


def test_answers_come_from_a_new_table_at_once(world: World) -> None:
    before = world.answers(ask("a.mesh"))[0]
    with Serving("a.mesh=240.9.9.9") as other:
        assert other.resolver.authority is not None
        world.resolver.use_table(other.resolver.authority.table, 1.0)
    assert before[-4:] == bytes((240, 0, 0, 1))
    assert world.answers(ask("a.mesh"))[0][-4:] == bytes((240, 9, 9, 9))


def test_several_addresses_take_turns(world: World) -> None:
    lasts = {answer[-4:] for answer in world.answers(*[ask("two.mesh")] * 4)}
    assert lasts == {bytes((240, 0, 0, 2)), bytes((240, 0, 0, 3))}


# --- late answers -------------------------------------------------------------------------------


def test_late_answers_find_their_clients_in_any_order(world: World) -> None:
    clients = [world.connect("127.0.0.1") for _ in range(40)]
    for number, client in enumerate(clients):
        client.send(ask(f"name-{number}.example", ident=number))
    world.until(lambda: len(world.later.held) == len(clients))
    world.later.answer_all(NXDOMAIN)
    for number, client in enumerate(clients):
        with closing(client):
            answer = world.heard(client)
            query = Query(ask(f"name-{number}.example", ident=number))
            assert answer == reply(query, NXDOMAIN, authoritative=False)
    assert world.counts.queries["A", UPSTREAM] == len(clients)


@pytest.mark.parametrize("padding", [0, ROOM, 60000])
def test_long_answers_are_sent_too_at_once_or_late(world: World, padding: int) -> None:
    packet = ask("www.example.org", A, opt(65535))
    world.client.send(packet)
    world.until(lambda: world.later.held)
    world.later.answer_all(padding=padding)
    late = world.heard(world.client)
    world.later.ready = Answer(late, NEVER)
    assert len(late) > padding
    assert world.answers(packet) == [late]


def test_a_client_that_has_gone_does_no_harm(world: World) -> None:
    gone = world.connect("127.0.0.1")
    for number in range(3):
        gone.send(ask("www.example.org", ident=number))
    world.until(lambda: len(world.later.held) == 3)
    gone.close()
    world.later.answer_all()
    assert world.answers(ask("a.mesh")) == [world.right(ask("a.mesh"))]


def test_what_arrived_is_answered_before_the_socket_closes_and_nothing_is_sent_after() -> None:
    with World() as world:
        world.client.send(ask("www.example.org"))
        world.until(lambda: world.later.held)
        asked = [ask("a.mesh", ident=number) for number in range(3 * SLOTS)]
        for packet in asked:
            world.client.send(packet)
        world.listener.close()
        assert sorted([world.client.recv(512) for _ in asked]) == [
            world.right(one) for one in asked
        ]
        world.later.answer_all()
        world.loop.turn(0)
        assert world.counts.dropped == 0
        world.client.settimeout(0)
        with pytest.raises(OSError, match=r"refused|unavailable"):
            world.client.recv(512)


# --- from which address -------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
def test_an_answer_leaves_from_the_address_that_was_asked(*, late: bool) -> None:
    with World("0.0.0.0", "127.0.0.77") as world:  # noqa: S104 - what is tested
        if late:
            world.client.send(ask("www.example.org"))
            world.until(lambda: world.later.held)
            world.later.answer_all()
            assert world.heard(world.client)[3] & 15 == 0
        else:
            assert world.answers(ask("a.mesh")) == [world.right(ask("a.mesh"))]


def _ask_at(bind: str, address: str) -> str:
    """Return from where a client with another address is answered, at once and late."""
    with World(bind, address, "::1" if ":" in address else "127.0.0.1") as world:
        world.client.send(ask("www.example.org"))
        world.until(lambda: world.later.held)
        world.later.answer_all()
        world.heard(world.client)
        asked = ask("a.mesh")
        assert world.answers(asked) == [world.right(asked)]
        return str(world.client.getpeername()[0])


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("0.0.0.0", "10.9.9.9"),  # noqa: S104 - what is tested
        ("::", "fd09::9"),
        ("::", "::1"),
        ("::", "10.9.9.9"),
        ("10.9.9.9", "10.9.9.9"),
        ("fd09::9", "fd09::9"),
    ],
)
def test_each_of_a_hosts_addresses_answers_for_itself(bind: str, address: str) -> None:
    host = quiet_host()
    try:
        for one in ("10.9.9.9/32", "fd09::9/128"):
            host.run(("ip", "addr", "add", one, "dev", "lo", "nodad"))
        assert host.call(_ask_at, bind, address) == address
    finally:
        host.stop()


# --- counts -------------------------------------------------------------------------------------


def test_every_answer_is_counted_once(world: World) -> None:
    for _ in range(3):
        world.answers(ask("a.mesh"), ask("two.mesh"), ask("a.mesh", AAAA), ask("x.mesh"))
    world.answers(ask("a.mesh", flags=2 << 11), b"\0\7\0\0\0\2" + bytes(6))
    world.later.ready = Answer(reply(Query(ask("www.example.org"))), BRIEFLY)
    world.client.send(ask("www.example.org"))
    world.heard(world.client)
    world.counts.answered(A, CACHE, 0)  # as a cache does; the memo counts from here on
    world.answers(*[ask("www.example.org")] * 5)
    counts = world.counts
    told = {key: number for key, number in counts.queries.items() if number}
    assert told == {("A", LOCAL): 9, ("AAAA", LOCAL): 3, ("A", CACHE): 6}
    assert counts.rcodes == {"noerror": 15, "nxdomain": 3, "servfail": 0, "other": 0}
    assert counts.refused == 2
    assert counts.requests.count == 20
    assert counts.memo_hits == 2 + 2 + 2 + 5
    assert 0 < counts.requests.sum < 20


def test_a_refused_operation_says_so(world: World) -> None:
    assert world.answers(ask("a.mesh", flags=2 << 11))[0][3] & 15 == NOTIMP


def test_time_counts_from_the_arrival_of_the_query(world: World) -> None:
    world.client.send(ask("www.example.org"))
    world.until(lambda: world.later.held)
    ends = world.loop.now() + 0.02
    world.until(lambda: world.loop.now() >= ends)
    world.later.answer_all()
    world.heard(world.client)
    assert world.counts.requests.sum >= 0.02


def test_a_flood_of_the_longest_datagrams_costs_no_memory() -> None:
    with World() as world:
        world.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        world.client.send(bytes(60000))
        world.loop.turn(1.0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(2000):
            world.client.send(b"\0" * 60000)
            world.loop.turn(0)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2048
