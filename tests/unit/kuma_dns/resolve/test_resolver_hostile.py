"""What is built to cost much costs no more than its length; what lies is not believed.

A million packets are sent through the listeners in ``tests/dns/test_hostile_packets.py``.
"""

from __future__ import annotations

from itertools import islice
from timeit import repeat
from typing import TYPE_CHECKING

import pytest

from kuma_dns.counts import Counts
from kuma_dns.names.join import Joined
from kuma_dns.names.static import read_records
from kuma_dns.names.table import Table
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.forward import Forwarder
from kuma_dns.resolve.resolver import Resolver
from kuma_dns.resolve.servers import ResolvConf, Server
from kuma_dns.wire.query import Query
from kuma_dns.wire.response import Response
from kuma_net.values import Malformed
from lab.hostile import WORST, WORST_REPLIES, Packets, Replies, worst, worst_reply
from lab.messages import ask
from lab.upstreams import PaperUpstream

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20_261_121
NAMES = ("one.mesh", "two.mesh", "www.example.org")
TIMES = 3.0
"""What a machine with other things to do may add to a ratio of times."""


class Asker:
    """A client that counts her answers and looks at each."""

    def __init__(self, query: bytes, *, tcp: bool) -> None:
        """Take her query."""
        self.query = query
        self.tcp = tcp
        self.answers = 0

    def send(self, packet: bytes) -> None:
        """Look at an answer."""
        self.answers += 1
        assert packet[:2] == self.query[:2]
        assert packet[2] & 0x80
        assert packet[12:].startswith(Query(self.query).question)
        assert len(packet) <= (65535 if self.tcp else Query(self.query).size)


def resolver(upstream: PaperUpstream) -> tuple[Resolver, Forwarder]:
    forward = Forwarder(upstream, Counts(), cache_size=100, serve_stale=10.0)
    forward.use_servers(ResolvConf((Server("192.0.2.53"), Server("192.0.2.54"))))
    made = Resolver(Zones(), Counts(), forward)
    joined = Joined([read_records(["one.mesh=240.0.0.1", "a.mesh=240.0.0.2"])], made.zones)
    made.use_table(Table(joined.block()), 0.0)
    return made, forward


def test_hostile_replies_are_no_trouble() -> None:
    upstream, replies = PaperUpstream(), Replies(SEED)
    ours, forward = resolver(upstream)
    now, asked, answered = 0.0, 0, 0
    for number in range(20_000):
        client = Asker(ask(f"n{number % 50}.example", 1 + number % 2 * 27), tcp=number % 3 == 0)
        answer = ours.receive(client.query, client, now)
        if answer is not None:
            client.send(answer.packet)
        for one in list(upstream.open):
            if one in upstream.open:
                reply = replies.to(one.packet)
                forward.flights.received(one.flight, one.server, reply, now, tcp=one.tcp)
        asked += 1
        answered += client.answers
        now += 0.01
        forward.tick(now)
    assert answered > asked / 2
    for _ in range(2000):
        now += 0.1
        forward.tick(now)
    assert (len(forward.flights), upstream.open, forward.due()) == (0, [], None)


def test_hostile_packets_are_no_trouble() -> None:
    upstream = PaperUpstream()
    ours, forward = resolver(upstream)
    for packet in islice(Packets(SEED, NAMES), 20_000):
        client = Asker(packet, tcp=True)
        before = len(upstream.sent)
        answer = ours.receive(packet, client, 0.0)
        if len(packet) < 12 or packet[2] & 0x80:
            assert answer is None
            assert len(upstream.sent) == before
        assert client.answers == 0
    assert forward.due() is not None


def fastest(call: Callable[[], object]) -> float:
    return min(repeat(call, number=5, repeat=7))


@pytest.mark.parametrize("kind", WORST)
def test_no_packet_costs_more_than_its_length(kind: str) -> None:
    ours, _ = resolver(PaperUpstream())
    for small, large in ((500, 4000), (8000, 64000)):
        times = []
        for size in (small, large):
            packet = worst(kind, size)
            client = Asker(packet, tcp=True)

            def serve(packet: bytes = packet, client: Asker = client) -> object:
                return ours.receive(packet, client, 0.0)

            times.append(fastest(serve))
        assert times[1] / times[0] < large / small * TIMES


@pytest.mark.parametrize("kind", WORST_REPLIES)
def test_no_reply_costs_more_than_its_length(kind: str) -> None:
    query = Query(ask("www.example"))
    times = []
    for size in (8000, 64000):
        packet = worst_reply(kind, size)

        def read(packet: bytes = packet) -> Response | None:
            try:
                return Response(packet, query)
            except Malformed:
                return None

        times.append(fastest(read))
    assert times[1] / times[0] < 8 * TIMES
