"""A resolver with listeners and a loop in this process, and a ``Forward`` that a test decides for.

The test is the clients as well: it sends, goes round the loop until something is so, and receives.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from kuma_dns.counts import UPSTREAM, Counts
from kuma_dns.names.join import Joined
from kuma_dns.names.static import read_records
from kuma_dns.names.table import Table
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.answer import Answer
from kuma_dns.resolve.resolver import Resolver
from kuma_dns.server.tcp import TcpListener
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import reply
from kuma_net.serving.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from kuma_dns.resolve.answer import Client
    from kuma_dns.resolve.authority import Authority

LOOPBACK = "127.0.0.1"
PATIENCE = 20.0
"""Seconds that a condition may take to come true."""
_GLANCE = 0.02


class Later:
    """Holds what is not ours until ``answer_all``; or answers at once with ``ready``."""

    def __init__(self, counts: Counts) -> None:
        """Begin with nothing held."""
        self.held: list[tuple[Query, Client]] = []
        self.ready: Answer | None = None
        self._counts = counts

    def answer(self, query: Query, client: Client, now: float) -> Answer | None:
        """Hold a query, or answer it with what is ready."""
        assert now > 0
        if self.ready is None:
            self.held.append((query, client))
            return None
        return Answer(query.id + self.ready.packet[2:], self.ready.keep)

    def use_authority(self, authority: Authority) -> None:
        """Complete nothing."""

    def answer_all(self, rcode: int = 0, padding: int = 0) -> None:
        """Answer what is held, last come first, with some bytes behind."""
        while self.held:
            query, client = self.held.pop()
            self._counts.answered(query.qtype, UPSTREAM, rcode)
            client.send(reply(query, rcode, authoritative=False) + bytes(padding))


class Serving:
    """What a listener needs; leaving the ``with`` block fails if a callback went wrong."""

    tcp = False

    def __init__(self, *records: str) -> None:
        """Serve some records (``NAME=IP``)."""
        self.problems: list[Exception] = []
        self.loop = Loop(self.problems.append)
        self.counts = Counts()
        self.later = Later(self.counts)
        self.resolver = Resolver(Zones(), self.counts, self.later)
        self.loop.keep_time(self.resolver.due, self.resolver.tick)
        joined = Joined([read_records(records)], self.resolver.zones)
        self.resolver.use_table(Table(joined.block()), self.loop.now())

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Close the loop."""
        self.loop.close()
        if kind is None:
            assert self.problems == []

    def right(self, packet: bytes) -> bytes:
        """Return what the authority answers to a query."""
        authority = self.resolver.authority
        assert authority is not None
        answer = authority.answer(Query(packet), tcp=self.tcp)
        assert answer is not None
        return answer.packet

    def until(self, condition: Callable[[], object]) -> None:
        """Go round until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            self.loop.turn(_GLANCE)

    def heard(self, one: socket.socket, size: int = 65535) -> bytes:
        """Go round until something arrives at a socket; return it."""
        heard: list[bytes] = []

        def listens() -> list[bytes]:
            with suppress(BlockingIOError):
                heard.append(one.recv(size, socket.MSG_DONTWAIT))
            return heard

        self.until(listens)
        return heard[0]


class TcpClient:
    """A connection, seen from the other side."""

    def __init__(self, world: TcpServing) -> None:
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

    def fill(self, question: bytes) -> int:
        """Ask until nothing more can be sent, without reading; return how many went whole."""
        self.socket.settimeout(0)
        asked = len(question).to_bytes(2, "big") + question
        sent = 0
        with suppress(BlockingIOError):
            while True:
                sent += self.socket.send((asked * 100)[sent % len(asked) :])
                self._world.loop.turn(0)
        return sent // len(asked)

    def _length(self) -> int:
        return int.from_bytes(self._heard[:2], "big")


class TcpServing(Serving):
    """A listener, and clients that end with it."""

    tcp = True

    def __init__(
        self, *records: str, idle: float = 1000.0, most: int = 1000, buffer: int = 0
    ) -> None:
        """Listen; ``buffer`` is what the kernel keeps of what each side has not read."""
        super().__init__(*records)
        self.buffer = buffer
        sock = socket.create_server((LOOPBACK, 0))
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.port = int(sock.getsockname()[1])
        self.listener = TcpListener(sock, self.resolver, self.loop, idle=idle, most=most)
        self.clients: list[TcpClient] = []

    def holds(self, number: int) -> bool:
        """Whether so many queries are on their way to others."""
        return len(self.later.held) == number

    def client(self) -> TcpClient:
        """Return a new client."""
        self.clients.append(TcpClient(self))
        return self.clients[-1]

    def __exit__(self, kind: object, *rest: object) -> None:
        """Close all."""
        self.listener.close()
        self.listener.abort()
        for client in self.clients:
            client.socket.close()
        super().__exit__(kind, *rest)
