"""A million hostile packets, through the listeners: no exception, no lie, no growth.

Server and client share this process and take turns, so nothing is lost and nothing is waited for:
a batch is sent, the server's loop turns, the answers are read.  What the server forwards comes
back at once from an upstream that is no better than the clients (``lab.hostile.Replies``).

The seed is printed with a failure; ``Packets(seed, NAMES)`` gives the same packets again.
"""

from __future__ import annotations

import gc
import resource
import socket
from contextlib import suppress
from itertools import islice
from pathlib import Path
from struct import pack
from time import perf_counter
from typing import TYPE_CHECKING

import dns.message
import dnslib
import pytest

from kuma_dns.counts import Counts
from kuma_dns.names.join import Joined
from kuma_dns.names.static import read_records
from kuma_dns.names.table import Table
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.forward import Forwarder
from kuma_dns.resolve.resolver import Resolver
from kuma_dns.resolve.servers import ResolvConf, Server
from kuma_dns.server.datagrams import SLOTS, Datagrams, Peer
from kuma_dns.server.tcp import TcpListener
from kuma_dns.server.udp import UdpListener
from kuma_dns.wire.message import HEADER, PLAIN_SIZE
from kuma_dns.wire.query import Ignored, Query, Refusal
from kuma_net.serving.loop import Loop
from lab.hostile import WORST, Packets, Replies, worst

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_dns.resolve.flights import Flight

SEED = 20_261_121
BY_UDP, BY_TCP = 900_000, 100_000
NAMES = ("one.mesh", "two.mesh", "six.mesh", "nobody.mesh", "www.example.org", "mesh")
RECORDS = ("one.mesh=240.0.0.1", "two.mesh=240.0.0.2", "two.mesh=240.0.0.3", "six.mesh=fd00::1")
READ_EACH = 500
"""One of so many answers is read by two libraries: that costs more than all the rest."""
MOST_TURNS = 2000
GROWTH = 1 << 20
"""Bytes that the process may grow in the second half of the packets."""
PAGE = resource.getpagesize()


class Hostile:
    """Upstream servers that answer in the next turn, and badly; or are not there after all."""

    def __init__(self) -> None:
        """Begin with nothing asked."""
        self._replies = Replies(SEED)
        self._asked: dict[int, tuple[Server, bytes, Flight, bool]] = {}
        self._fresh: list[int] = []
        self._tickets = 0

    def ask(self, server: Server, packet: bytes, flight: Flight, *, tcp: bool) -> int:
        """Take a query."""
        self._tickets += 1
        self._asked[self._tickets] = (server, packet, flight, tcp)
        self._fresh.append(self._tickets)
        return self._tickets

    def forget(self, ticket: object) -> None:
        """Drop a query."""
        assert isinstance(ticket, int)
        del self._asked[ticket]

    def speak(self, forward: Forwarder, now: float) -> None:
        """Answer each query once; whoever is not content with that hears that nobody is there."""
        while self._fresh:
            ticket = self._fresh.pop()
            if ticket not in self._asked:
                continue
            server, packet, flight, tcp = self._asked[ticket]
            forward.flights.received(flight, server, self._replies.to(packet), now, tcp=tcp)
            if ticket in self._asked:
                forward.flights.unreachable(flight, server, now)


class World:
    """A server with both listeners, and a client beside it."""

    def __init__(self) -> None:
        """Open the sockets."""
        self.errors: list[Exception] = []
        self.loop = Loop(self.errors.append)
        self.upstream = Hostile()
        counts = Counts()
        self.forward = Forwarder(self.upstream, counts, cache_size=200, serve_stale=5.0)
        self.forward.use_servers(ResolvConf((Server("192.0.2.53"), Server("192.0.2.54"))))
        self.resolver = Resolver(Zones(), counts, self.forward)
        self.resolver.memo.most = 1000  # full before the first half is over, as the cache is
        joined = Joined([read_records(RECORDS)], self.resolver.zones)
        self.resolver.use_table(Table(joined.block()), self.loop.now())
        served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        served.bind(("127.0.0.1", 0))
        self.address = served.getsockname()
        self.udp = UdpListener(served, self.resolver, self.loop)
        listening = socket.create_server(("127.0.0.1", 0))
        self.tcp_address = listening.getsockname()
        self.tcp = TcpListener(listening, self.resolver, self.loop)
        self.judge = Judge()

    def close(self) -> None:
        """Close them."""
        self.udp.close()
        self.tcp.close()
        self.tcp.abort()
        self.loop.close()

    def turn(self) -> None:
        """Let the server answer, upstream reply, and the server answer what waited for that."""
        self.loop.turn(0)
        self.upstream.speak(self.forward, self.loop.now())
        self.resolver.tick(self.loop.now())
        self.forward.tick(self.loop.now())
        self.loop.turn(0)
        assert not self.errors, f"seed {SEED}: {self.errors[0]!r}"


class Judge:
    """Looks at answers."""

    def __init__(self) -> None:
        """Begin with none."""
        self.answers = 0

    def look(self, query: bytes, answer: bytes, *, tcp: bool) -> None:
        """Look at an answer to a query; fails with both in hex."""
        self.answers += 1
        fine = (
            answer[:2] == query[:2]
            and answer[2] & 0x80
            and not query[2] & 0x80
            and (len(answer) <= PLAIN_SIZE or len(answer) <= limit_of(query, tcp=tcp))
        )
        assert fine, f"seed {SEED}: {query.hex()} was answered {answer.hex()}"
        ours = answer[2] & 4 or answer[4:] == bytes(8)
        if ours and self.answers % READ_EACH == 0:
            dns.message.from_wire(answer)
            if answer[HEADER : answer.find(0, HEADER)].isascii():  # dnslib takes names for UTF-8
                dnslib.DNSRecord.parse(answer)


def limit_of(query: bytes, *, tcp: bool) -> int:
    """Return how long the answer to a query may be."""
    try:
        return 65535 if tcp else Query(query).size
    except (Refusal, Ignored):
        return PLAIN_SIZE


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


# --- over UDP -----------------------------------------------------------------------------------


class Sender:
    """Sends packets over UDP in batches, their ids numbered, and reads the answers."""

    def __init__(self, world: World) -> None:
        """Open a socket."""
        self._world = world
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        host, port = world.address
        name = pack("=H", socket.AF_INET) + pack("!H", port) + socket.inet_aton(host) + bytes(8)
        self._server = Peer(name, b"")
        self._out = Datagrams(self._socket, room=65507)
        self._in = Datagrams(self._socket, room=65507)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def send(self, packets: list[bytes]) -> None:
        """Send a batch, let the server turn, look at its answers."""
        numbered = [pack("!H", slot) + packet[2:] for slot, packet in enumerate(packets)]
        for slot, packet in enumerate(numbered):
            self._out.put(slot, packet[: len(packets[slot])], self._server)
        assert self._out.send(len(packets)) == 0
        self._world.turn()
        while count := self._in.receive():
            arena, words = self._in.packets, self._in.words
            for place in self._in.places[:count]:
                answer = arena[place.start : place.start + words[place.length]]
                query = numbered[answer[0] << 8 | answer[1]]
                self._world.judge.look(query, answer, tcp=False)
            self._in.renew(count)


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.slow
def test_hostile_packets_over_udp(world: World) -> None:
    sender = Sender(world)
    packets = iter(Packets(SEED, NAMES))
    half = 0
    for batch in range(BY_UDP // SLOTS):
        sender.send(list(islice(packets, SLOTS)))
        if batch == BY_UDP // SLOTS // 2:
            half = resident()
    grown = resident() - half
    sender.close()
    assert world.judge.answers > BY_UDP / 3
    assert grown < GROWTH, f"{grown >> 20} MB more after the second half"


@pytest.mark.parametrize("kind", WORST)
def test_packets_of_every_size_over_udp(world: World, kind: str) -> None:
    sender = Sender(world)
    for size in (0, 100, 512, 4000, 4096, 4097, 5000, 20000, 65507):
        packet = worst(kind, size)[:65507]
        sender.send([packet])
        sender.send([packet[:2] + b"\xff" + packet[3:]])
    sender.close()


def test_a_response_that_is_too_long_for_a_slot_is_not_answered(world: World) -> None:
    sender = Sender(world)
    sender.send([b"\0\0\x81\x80" + bytes(60000)])
    assert world.judge.answers == 0
    sender.send([b"\0\0\x01\x00\0\1" + bytes(60000)])
    assert world.judge.answers == 1
    sender.close()


# --- over TCP -----------------------------------------------------------------------------------


class Stream:
    """A connection on which packets go and answers come; made anew when the server closes it."""

    def __init__(self, world: World) -> None:
        """Connect."""
        self._world = world
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._world.tcp_address)
        self._socket.setblocking(False)  # noqa: FBT003 - the library's signature
        self._left = self._answers = b""
        self._ended = False

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def send(self, packets: list[bytes]) -> None:
        """Send packets, each behind its length; look at what comes back."""
        numbered = [
            (pack("!H", at) + packet[2:])[: len(packet)] for at, packet in enumerate(packets)
        ]
        self._left = b"".join([pack("!H", len(packet)) + packet for packet in numbered])
        answered = 0
        for _ in range(MOST_TURNS):
            self._write()
            self._world.turn()
            self._read()
            answered += self._look(numbered)
            if self._ended or answered == len(packets):
                break
        assert self._ended or answered == len(packets), f"seed {SEED}: answers are missing"
        if self._ended:
            self.close()
            self._connect()

    def _write(self) -> None:
        with suppress(BlockingIOError, ConnectionError):
            self._left = self._left[self._socket.send(self._left) :]

    def _read(self) -> None:
        """Read until there is nothing left, or the end."""
        with suppress(BlockingIOError):
            while not self._ended:
                try:
                    more = self._socket.recv(1 << 20)
                except ConnectionError:
                    more = b""
                self._answers += more
                self._ended = not more

    def _look(self, numbered: list[bytes]) -> int:
        """Look at the answers that are whole; return how many they are."""
        count, answers = 0, self._answers
        while len(answers) > 1 and len(answers) >= (end := 2 + (answers[0] << 8 | answers[1])):
            answer, answers = answers[2:end], answers[end:]
            self._world.judge.look(numbered[answer[0] << 8 | answer[1]], answer, tcp=True)
            count += 1
        self._answers = answers
        return count


def breaks_off(packet: bytes) -> bool:
    """Whether a packet ends its connection: no query at all."""
    return len(packet) < 12 or bool(packet[2] & 0x80)


@pytest.mark.slow
def test_hostile_packets_over_tcp(world: World) -> None:
    stream, batch = Stream(world), list[bytes]()
    for packet in islice(Packets(SEED + 1, NAMES), BY_TCP):
        breaker = breaks_off(packet)
        if not breaker:
            batch.append(packet)
        if breaker or len(batch) == 100:
            stream.send(batch)
            batch = []
        if breaker:
            stream.send([packet])
    stream.close()
    assert world.judge.answers > BY_TCP / 3


def test_the_costliest_packets_over_tcp(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints what each of them costs; the figure to keep is in the bench's table."""
    stream, rows = Stream(world), []
    for kind in WORST:
        packet = worst(kind, 65535)
        times = []
        for _ in range(5):
            began = perf_counter()
            stream.send([packet])
            times.append(perf_counter() - began)
        rows.append(f"{min(times) * 1000:8.3f} ms  {len(packet):6} bytes  {kind}")
    stream.close()
    with capsys.disabled():
        print("\n" + "\n".join(rows))  # noqa: T201 - for people to read
    assert world.judge.answers == 5 * len(WORST)
