"""The resolver: the way of a query, in order; scenarios tell the rest."""

from __future__ import annotations

import dns.message
import pytest

from kuma_dns.counts import CACHE, Counts
from kuma_dns.names.join import Joined
from kuma_dns.names.static import read_records
from kuma_dns.names.table import Table
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.answer import BRIEFLY, Answer, Client
from kuma_dns.resolve.authority import Authority
from kuma_dns.resolve.resolver import MOST_WAITING, PATIENCE, Resolver
from kuma_dns.wire.message import AAAA, MX, NXDOMAIN, SERVFAIL, A
from kuma_dns.wire.name import key_of
from kuma_dns.wire.query import Query
from lab.messages import QR, ask, message


class Asker:
    """A client that keeps what she is told."""

    tcp = False

    def __init__(self) -> None:
        """Begin with nothing."""
        self.told: list[bytes] = []

    def send(self, packet: bytes) -> None:
        """Keep an answer."""
        self.told.append(packet)


class Elsewhere:
    """Takes what is not ours; ``asked`` are the names."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.asked: list[bytes] = []
        self.authorities: list[Authority] = []

    def answer(self, query: Query, client: Client, now: float) -> None:
        """Take a query."""
        assert client is not None
        assert now >= 0
        self.asked.append(query.name)

    def use_authority(self, authority: Authority) -> None:
        """Take an authority."""
        self.authorities.append(authority)


class World:
    """A resolver, a client, and everybody else."""

    def __init__(self) -> None:
        """Begin without names."""
        self.elsewhere = Elsewhere()
        self.asker = Asker()
        self.counts = Counts()
        self.resolver = Resolver(Zones(), self.counts, self.elsewhere)

    def ask(self, name: str, kind: int = A, now: float = 0.0) -> Answer | None:
        """Ask as a client."""
        return self.resolver.receive(ask(name, kind), self.asker, now)

    def use(self, *records: str, now: float = 0.0) -> None:
        """Use some names."""
        joined = Joined([read_records(records)], self.resolver.zones)
        self.resolver.use_table(Table(joined.block()), now)


@pytest.fixture
def world() -> World:
    return World()


def rcode(packet: bytes) -> int:
    return dns.message.from_wire(packet).rcode()


def test_what_is_ours_is_answered_and_what_is_not_is_handed_on(world: World) -> None:
    world.use("a.mesh=240.0.0.1")
    assert world.ask("a.mesh") is not None
    assert world.ask("b.mesh") is not None
    assert world.ask("www.example.org") is None
    assert world.elsewhere.asked == [key_of("www.example.org")]


def test_every_answer_of_ours_is_counted_once(world: World) -> None:
    world.use("a.mesh=240.0.0.1")
    for name, kind in (("a.mesh", A), ("a.mesh", AAAA), ("b.mesh", A), ("a.mesh", MX)):
        world.ask(name, kind)
    queries = {pair: count for pair, count in world.counts.queries.items() if count}
    assert queries == {("A", "local"): 2, ("AAAA", "local"): 1, ("other", "local"): 1}
    assert world.counts.rcodes == {"noerror": 3, "nxdomain": 1, "servfail": 0, "other": 0}


def test_refusals_and_what_is_ignored_are_counted_apart(world: World) -> None:
    world.use()
    world.resolver.receive(message(b"", (0, 0, 0, 0)), world.asker, 0.0)
    world.resolver.receive(message(b"", flags=QR), world.asker, 0.0)
    world.resolver.receive(b"", world.asker, 0.0)
    assert (world.counts.refused, world.counts.ignored) == (1, 2)
    assert sum(world.counts.queries.values()) == 0


def test_queries_before_the_first_names_wait_in_order(world: World) -> None:
    assert world.resolver.due() is None
    for number, name in enumerate(("a.mesh", "b.mesh", "c.mesh.local")):
        assert world.ask(name, now=float(number)) is None
    assert world.resolver.waiting == 3
    assert world.resolver.due() == PATIENCE
    world.use("a.mesh=240.0.0.1", now=3.0)
    assert [rcode(packet) for packet in world.asker.told] == [0, NXDOMAIN, NXDOMAIN]
    assert world.resolver.waiting == 0
    assert world.elsewhere.asked == []


def test_waiting_ends_for_each_at_her_own_time(world: World) -> None:
    world.ask("a.mesh", now=0.0)
    world.ask("a.mesh", now=1.0)
    world.resolver.tick(PATIENCE - 0.1)
    assert world.asker.told == []
    world.resolver.tick(PATIENCE)
    assert [rcode(packet) for packet in world.asker.told] == [SERVFAIL]
    assert world.resolver.due() == PATIENCE + 1.0
    world.resolver.tick(PATIENCE + 5.0)
    assert len(world.asker.told) == 2
    assert world.counts.rcodes["servfail"] == 2


def test_no_more_than_some_wait(world: World) -> None:
    for _ in range(MOST_WAITING):
        assert world.ask("a.mesh") is None
    answer = world.ask("a.mesh")
    assert answer is not None
    assert rcode(answer.packet) == SERVFAIL
    assert world.resolver.waiting == MOST_WAITING


def test_the_search_list_is_used_with_the_names_there_are(world: World) -> None:
    world.resolver.use_search((key_of("example.net"),))
    assert world.elsewhere.authorities == []
    world.use("a.mesh=240.0.0.1")
    assert world.ask("a.mesh.example.net") is not None
    world.resolver.use_search((key_of("example.com"),))
    assert world.ask("a.mesh.example.net") is None
    assert world.ask("a.mesh.example.com") is not None
    assert len(world.elsewhere.authorities) == 2
    assert world.elsewhere.authorities[-1] is world.resolver.authority


def test_new_names_make_the_memo_forget(world: World) -> None:
    world.use("a.mesh=240.0.0.1")
    packet = ask("a.mesh")
    assert world.resolver.receive(packet, world.asker, 0.0) is not None
    assert world.resolver.memo.find(packet[2:]) is not None
    world.use("a.mesh=240.0.0.2")
    assert world.resolver.memo.find(packet[2:]) is None


def test_what_came_by_tcp_is_not_kept_for_datagrams(world: World) -> None:
    world.use("a.mesh=240.0.0.1")
    world.asker.tcp = True
    assert world.ask("a.mesh") is not None
    assert world.resolver.memo.find(ask("a.mesh")[2:]) is None


def test_the_resolver_wakes_for_the_memo_too(world: World) -> None:
    packet = ask("www.example.org")
    world.resolver.memo.take(Query(packet), Answer(packet, BRIEFLY), CACHE, 10.0)
    forget = world.resolver.due()
    assert forget is not None
    assert forget > 10.0
    world.ask("a.mesh", now=forget - PATIENCE - 1.0)
    assert world.resolver.due() == forget - 1.0
    world.resolver.tick(forget)
    assert world.resolver.due() is None


def test_a_query_that_has_waited_and_is_not_ours_after_all_is_handed_on(world: World) -> None:
    world.ask("a.mesh.local")
    world.resolver.zones = Zones(("mesh",))
    world.use("a.mesh=240.0.0.1")
    assert world.elsewhere.asked == [key_of("a.mesh.local")]
    assert world.asker.told == []
