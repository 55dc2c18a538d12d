"""Questions on their way over real sockets: a loop, flights, and name servers that a test plays."""

from __future__ import annotations

import gc
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from kuma_dns.counts import Counts
from kuma_dns.resolve.flights import Flights
from kuma_dns.resolve.servers import ResolvConf, Server
from kuma_dns.server.upstream import UpstreamSockets
from kuma_dns.wire.query import Query
from kuma_dns.wire.response import FAILURES
from kuma_net.serving.loop import Loop
from lab.messages import ask
from lab.upstreams import Listener

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from kuma_dns.resolve.flights import Flight
    from kuma_dns.wire.reply import Remark
    from kuma_dns.wire.response import Response

PATIENCE = 20.0
"""Seconds that a condition may take to come true."""
_GLANCE = 0.02


def descriptors() -> set[str]:
    """Return what this process has open; what earlier tests left to the collector is closed first.

    Otherwise it might be closed between two looks.
    """
    gc.collect()
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def name_server(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a UDP socket that plays a name server."""
    one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    one.bind((host, port))
    one.settimeout(PATIENCE)
    return one


def server_of(one: socket.socket) -> Server:
    """Return where a socket listens."""
    host, port = one.getsockname()[:2]
    return Server(host, port)


class Asking:
    """Flights over sockets; ``ends`` is how they ended."""

    def __init__(self, *servers: Server, timeout: float = 5.0) -> None:
        """Know some servers."""
        self.problems: list[Exception] = []
        self.ends: list[tuple[Flight, Response | None, Remark]] = []
        self.loop = Loop(self.problems.append)
        self.upstream = UpstreamSockets(self.loop, Counts())
        self.flights = Flights(self.upstream, self.upstream.counts, self)
        self.upstream.attach(self.flights)
        self.flights.use_servers(ResolvConf(servers, timeout=timeout, attempts=1))
        self.loop.keep_time(self.flights.due, self.flights.tick)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Close all; nothing may have gone wrong."""
        for flight in list(self.flights._flying.values()):
            for ticket in flight.tickets:
                self.upstream.forget(ticket)
        self.upstream.close()
        self.loop.close()
        if kind is None:
            assert self.problems == []

    def suits(self, response: Response) -> bool:
        """Whether a failure is of use: none is."""
        return response.rcode not in FAILURES

    def landed(self, flight: Flight, response: Response | None, remark: Remark, now: float) -> None:
        """Keep how a flight ended."""
        assert now <= self.loop.now()
        self.ends.append((flight, response, remark))

    def board(self, name: str = "www.example.org", *, tcp: bool = False) -> Remark | None:
        """Ask for a name's address."""
        query = Query(ask(name))
        return self.flights.board(query.name, query, Listener(tcp=tcp), self.loop.now())

    def until(self, condition: Callable[[], object]) -> None:
        """Go round until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            self.loop.turn(_GLANCE)

    def until_landed(self, count: int = 1) -> None:
        """Go round until so many flights have ended."""
        self.until(lambda: len(self.ends) >= count)

    @property
    def asked(self) -> int:
        """Return how many queries have been sent."""
        return sum(self.upstream.counts.upstream_queries.values())

    @property
    def last_answer(self) -> Response | None:
        """Return what the last flight ended with."""
        return self.ends[-1][1]
