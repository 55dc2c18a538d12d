"""Everything that is not ours: from the cache, or from an upstream server.

A query with options of EDNS (a client's subnet) or a signature of its own (TSIG) gets an answer
of its own, so it is neither kept nor given what is kept, and shares a flight only with the very
same bytes.  A cookie is no such option: it is between neighbours and stays here.  All others are
told apart by name, type, flags, DO, and whether they have EDNS at all; their answers differ in
nothing but the id and the letters' case of the question.

Stale answers (RFC 8767), if wanted: when all servers fail, or are silent for 1.8 s, what was
kept is given with a TTL of 30 s and the extended error 3; after a failure nobody is asked again
for 30 s (section 5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_dns.counts import CACHE, UPSTREAM
from kuma_dns.resolve.alarms import Alarms
from kuma_dns.resolve.answer import BRIEFLY, NEVER, Answer
from kuma_dns.resolve.cache import Cache
from kuma_dns.resolve.completion import completed, mesh_name
from kuma_dns.resolve.flights import Flights
from kuma_dns.wire.message import LONGEST_MESSAGE, SERVFAIL
from kuma_dns.wire.reply import reply
from kuma_dns.wire.response import FAILURES

if TYPE_CHECKING:
    from collections.abc import Hashable

    from kuma_dns.counts import Counts
    from kuma_dns.resolve.answer import Client
    from kuma_dns.resolve.authority import Authority
    from kuma_dns.resolve.cache import Kept
    from kuma_dns.resolve.flights import Flight, Upstream
    from kuma_dns.resolve.servers import ResolvConf
    from kuma_dns.wire.query import Query
    from kuma_dns.wire.reply import Remark
    from kuma_dns.wire.response import Response

CACHE_SIZE: Final = 10000
"""Answers."""
STALE_TTL: Final = 30
"""Seconds (RFC 8767 section 5)."""
STALE_PATIENCE: Final = 1.8
"""Seconds that a client waits before she gets a stale answer (RFC 8767 section 5)."""
STALE_REST: Final = 30.0
"""Seconds without asking after a failure (the same)."""


class Forwarder:
    """Cache and flights together; ``len(flights)`` is how many questions are on their way."""

    def __init__(
        self,
        upstream: Upstream,
        counts: Counts,
        *,
        cache_size: int = CACHE_SIZE,
        serve_stale: float = 0.0,
    ) -> None:
        """Begin without servers and names; ``serve_stale``: seconds beyond an answer's time."""
        self.flights = Flights(upstream, counts, self)
        self.cache = Cache(cache_size, serve_stale)
        self._counts = counts
        self._authority: Authority | None = None
        self._impatient: Alarms[Hashable] = Alarms()

    def use_servers(self, conf: ResolvConf) -> None:
        """Ask the servers of a resolv.conf from now on, the way it says."""
        self.flights.use_servers(conf)

    def use_authority(self, authority: Authority) -> None:
        """Complete answers that lead into the mesh by this authority from now on."""
        self._authority = authority

    def due(self) -> float | None:
        """Return when ``tick`` has something to do; None: nothing is on its way."""
        times = [time for time in (self.flights.due(), self._impatient.due()) if time is not None]
        return min(times, default=None)

    def tick(self, now: float) -> None:
        """Ask further servers, give stale answers, give up: whatever is due."""
        for key in self._impatient.ring(now):
            flight, kept = self.flights.get(key), self.cache.get(key, now)
            if flight is not None and kept is not None:
                waiting, flight.waiting = flight.waiting, []
                for query, client in waiting:
                    self._send(query, client, self._stale(kept, query, client))
        self.flights.tick(now)

    def peek(self, query: Query) -> Kept | None:
        """Return what is kept for a query, be its time over; for whoever explains it."""
        return self.cache.peek(_key(query))

    def is_flying(self, query: Query) -> bool:
        """Whether an equal question is on its way."""
        return self.flights.get(_key(query)) is not None

    def answer(self, query: Query, client: Client, now: float) -> Answer | None:
        """Return what is kept, or an error; None: it will come by ``client.send``."""
        if query.options:
            query = query.without_cookie()
        key = _key(query)
        kept = self.cache.get(key, now)
        if kept is not None:
            answer = self._kept(kept, query, client, now)
            if answer is not None:
                self._counts.answered(query.qtype, CACHE, answer.packet[3] & 15)
                return answer
        self._counts.cache_misses += 1
        remark = self.flights.board(key, query, client, now)
        if remark is None:
            if kept is not None:
                self._impatient.set(now + STALE_PATIENCE, key)
            return None
        packet = self._failed(query, remark) if kept is None else self._stale(kept, query, client)
        self._counts.answered(query.qtype, UPSTREAM, packet[3] & 15)
        return Answer(packet)

    def _kept(self, kept: Kept, query: Query, client: Client, now: float) -> Answer | None:
        """Return the answer that is kept; None if somebody must be asked."""
        response = kept.response
        if kept.ends <= now:
            if kept.rests <= now:
                flight = self.flights.get(_key(query))
                if flight is None or flight.waiting:
                    return None
            return Answer(self._stale(kept, query, client))
        if response.dangling and mesh_name(response, self._authority) < 0:
            return None
        packet = self._relayed(response, query, client, int(now - kept.born))
        brief = len(packet) <= query.size and mesh_name(response, self._authority) < 0
        return Answer(packet, BRIEFLY if brief else NEVER)

    def _relayed(self, response: Response, query: Query, client: Client, age: int) -> bytes:
        """Return a response as this client is to have it."""
        if response.chain and self._authority is not None:
            packet = completed(response, query, self._authority, age=age, tcp=client.tcp)
            if packet is not None:
                return packet
        packet = response.aged(query, age)
        limit = LONGEST_MESSAGE if client.tcp else query.size
        return packet if len(packet) <= limit else response.cut(packet, limit)

    def _stale(self, kept: Kept, query: Query, client: Client) -> bytes:
        """Return what is kept although its time is over."""
        self._counts.stale_answers += 1
        if mesh_name(kept.response, self._authority) >= 0:
            return self._relayed(kept.response, query, client, 0)
        packet = kept.response.stale(query, STALE_TTL)
        limit = LONGEST_MESSAGE if client.tcp else query.size
        return packet if len(packet) <= limit else kept.response.cut(packet, limit)

    @staticmethod
    def _failed(query: Query, remark: Remark) -> bytes:
        return reply(query, SERVFAIL, authoritative=False, limit=query.size, remark=remark)

    # --- the end of flights ---------------------------------------------------------------------

    def suits(self, response: Response) -> bool:
        """Whether a failure is about a name of ours only, which we know better."""
        return mesh_name(response, self._authority) >= 0

    def landed(self, flight: Flight, response: Response | None, remark: Remark, now: float) -> None:
        """Keep a response and answer those who wait."""
        if response is None or response.truncated or self._fails(response):
            self._lost(flight, response, remark, now)
            return
        if type(flight.key) is tuple and (not response.dangling or self.suits(response)):
            self.cache.put(flight.key, response, now)
        for query, client in flight.waiting:
            self._send(query, client, self._relayed(response, query, client, 0))

    def _fails(self, response: Response) -> bool:
        return response.rcode in FAILURES and not self.suits(response)

    def _lost(self, flight: Flight, response: Response | None, remark: Remark, now: float) -> None:
        """Answer those who wait with what is kept, with the failure, or with what is missing."""
        kept = self.cache.get(flight.key, now)
        if kept is not None:
            self.cache.rest(flight.key, now + STALE_REST)
        for query, client in flight.waiting:
            if kept is not None:
                packet = self._stale(kept, query, client)
            elif response is None or (response.truncated and client.tcp):
                packet = self._failed(query, remark)
            else:
                packet = self._relayed(response, query, client, 0)
            self._send(query, client, packet)

    def _send(self, query: Query, client: Client, packet: bytes) -> None:
        self._counts.answered(query.qtype, UPSTREAM, packet[3] & 15)
        client.send(packet)


def _key(query: Query) -> Hashable:
    """Return what makes questions equal."""
    packet = query.packet
    if query.options or packet[11] != query.edns:
        return packet[2:]
    flags = packet[2] << 10 | packet[3] << 2 | query.edns << 1 | query.do
    return query.name, query.qtype, flags
