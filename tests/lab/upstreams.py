"""Upstream servers on paper, and what they say: for tests of the forwarder without sockets."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from kuma_dns.wire.message import CNAME, SOA, A
from lab.messages import name_of

if TYPE_CHECKING:
    from kuma_dns.resolve.flights import Flight
    from kuma_dns.resolve.servers import Server

QUESTION = b"\xc0\x0c"
"""A pointer to the question's name."""


class Sent:
    """A query that went to a server."""

    def __init__(self, server: Server, packet: bytes, flight: Flight, *, tcp: bool) -> None:
        """Keep what was sent to whom."""
        self.server, self.packet, self.flight, self.tcp = server, packet, flight, tcp


class PaperUpstream:
    """Keeps what it is asked: ``sent`` in order, ``open`` without what was forgotten."""

    def __init__(self) -> None:
        """Begin with every server within reach."""
        self.sent: list[Sent] = []
        self.open: list[Sent] = []
        self.out_of_reach: set[str] = set()
        """Hosts that nothing can be sent to."""

    def ask(self, server: Server, packet: bytes, flight: Flight, *, tcp: bool) -> Sent | None:
        """Keep a query, or say that it could not be sent."""
        if server.host in self.out_of_reach:
            return None
        one = Sent(server, packet, flight, tcp=tcp)
        self.sent.append(one)
        self.open.append(one)
        return one

    def forget(self, ticket: object) -> None:
        """Wait no longer."""
        self.open = [one for one in self.open if one is not ticket]

    @property
    def hosts(self) -> list[str]:
        """Return whom was asked, in order; over TCP with a ``+``."""
        return [one.server.host + "+" * one.tcp for one in self.sent]


class Listener:
    """A client who keeps what she is told."""

    def __init__(self, *, tcp: bool = False) -> None:
        """Begin having heard nothing."""
        self.tcp = tcp
        self.heard: list[bytes] = []

    def send(self, packet: bytes) -> None:
        """Hear an answer."""
        self.heard.append(packet)


def record(kind: int, data: bytes, owner: bytes = QUESTION, *, ttl: int = 300) -> bytes:
    """Return a record of class IN."""
    return owner + pack("!HHIH", kind, 1, ttl, len(data)) + data


def address(text: str = "192.0.2.1", owner: bytes = QUESTION, *, ttl: int = 300) -> bytes:
    """Return an A record."""
    return record(A, bytes(map(int, text.split("."))), owner, ttl=ttl)


def alias(target: str, owner: bytes = QUESTION, *, ttl: int = 300) -> bytes:
    """Return a CNAME record."""
    return record(CNAME, name_of(target), owner, ttl=ttl)


def soa(*, ttl: int = 300, minimum: int = 60) -> bytes:
    """Return the root's SOA record."""
    return record(SOA, b"\0\0" + pack("!5I", 1, 2, 3, 4, minimum), b"\0", ttl=ttl)


def response(  # noqa: PLR0913 - the parts of a message
    query: bytes,
    answer: tuple[bytes, ...] = (),
    authority: tuple[bytes, ...] = (),
    additional: tuple[bytes, ...] = (),
    *,
    rcode: int = 0,
    cut: bool = False,
) -> bytes:
    """Return a response to a query: its question, and these records."""
    end = query.index(0, 12) + 5
    flags = bytes((0x80 | query[2] & 1 | cut << 1, 0x80 | query[3] & 0x10 | rcode))
    counts = pack("!4H", 1, len(answer), len(authority), len(additional))
    body = b"".join((*answer, *authority, *additional))
    return query[:2] + flags + counts + query[12:end] + body
