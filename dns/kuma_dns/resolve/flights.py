"""Questions on their way to upstream servers: a state machine without sockets or a clock.

Theory.  An application that waits for a name waits for its user, so a server that says nothing
for 0.4 s gets company: the next one is asked the same, and whoever answers first is believed;
answers of the earlier ones are still welcome as long as the question flies.  The wait doubles
with each round through all servers.  A server that says it cannot (SERVFAIL, REFUSED, NOTIMP,
FORMERR, or what cannot be read) or that the kernel says is not there (ICMP) hands the question on
at once; when all have said so, the client gets the last such reply, or SERVFAIL with the reason
(RFC 8914).  A server that failed, or was silent while another one answered, is asked last for a
while.  TC set: the same server is asked again over TCP.  All of it ends after resolv.conf's
timeout times attempts.

Forged answers (RFC 5452).  Who cannot see our packets must guess address, port, id and question
at once, while the question flies.  The port and the id are the sockets' matter
(``server.upstream``); here, the question must come back as it was asked, and equal questions
share one flight.  Without that, an attacker who makes us ask the same thing a hundred times has
a hundred ids to hit (the birthday attack of section 5).  A hedged question has as many as there
are servers, each with its own address and port.

Loops.  A query that comes back to us through some server is the same question: it joins the
flight it came from and waits with it, so nothing multiplies.

Bounds: ``MOST_FLIGHTS`` questions, ``MOST_WAITING`` clients of one of them, and ``MOST_JOINED`` of
all beside those who came first: each of them takes 700 bytes.  When all places are taken, a new
question gets that of the oldest one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from kuma_dns.resolve.alarms import Alarms
from kuma_dns.wire.message import (
    EDE_NETWORK_ERROR,
    EDE_NO_REACHABLE_AUTHORITY,
    EDE_OTHER,
)
from kuma_dns.wire.reply import Remark
from kuma_dns.wire.response import FAILURES, Response, answers
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Hashable

    from kuma_dns.counts import Counts
    from kuma_dns.resolve.answer import Client
    from kuma_dns.resolve.servers import ResolvConf, Server
    from kuma_dns.wire.query import Query

FIRST_WAIT: Final = 0.4
"""Seconds until the next server is asked too."""
PENANCE: Final = 5.0
"""Seconds for which a server that failed is asked last."""
MOST_FLIGHTS: Final = 2000
MOST_WAITING: Final = 1000
MOST_JOINED: Final = 32768
_INSTANT: Final = 0.001
"""Seconds: alarms are rounded to it."""

NO_SERVER: Final = Remark(EDE_NO_REACHABLE_AUTHORITY, "no upstream server is known")
TOO_MANY: Final = Remark(EDE_OTHER, "too many questions are on their way")
SILENCE: Final = Remark(EDE_NO_REACHABLE_AUTHORITY, "no upstream server answered in time")
UNREACHABLE: Final = Remark(EDE_NETWORK_ERROR, "no upstream server could be reached")


class Upstream(Protocol):
    """Sends questions to servers; tells ``Flights`` of what comes back."""

    def ask(self, server: Server, packet: bytes, flight: Flight, *, tcp: bool) -> object | None:
        """Send a query with an id of its own; return a ticket, None if it could not be sent.

        What comes back is told to ``Flights.received``, a failure to ``Flights.unreachable``;
        neither from within this call.
        """

    def forget(self, ticket: object) -> None:
        """Wait no longer for the answer to a question."""


class Landing(Protocol):
    """What becomes of a flight's end."""

    def suits(self, response: Response) -> bool:
        """Whether a response that says "cannot" is of use all the same."""

    def landed(self, flight: Flight, response: Response | None, remark: Remark, now: float) -> None:
        """Answer those who wait; without a response, ``remark`` says why there is none."""


class Flight:
    """One question, those who wait for its answer, and whom we have asked.

    ``waiting`` are their queries and they themselves, ``joined`` counts those who came after the
    first.  ``key`` is what makes questions equal.
    ``order`` is whom to ask, ``turn`` how often somebody has been.
    """

    __slots__ = (
        "alarm",
        "begun",
        "failed",
        "joined",
        "key",
        "order",
        "query",
        "refusal",
        "tcp",
        "tickets",
        "turn",
        "waiting",
    )

    def __init__(self, key: Hashable, query: Query, client: Client, now: float) -> None:
        """Begin with one client."""
        self.key = key
        self.query = query
        self.tcp = client.tcp
        self.begun = now
        self.waiting = [(query, client)]
        self.joined = 0
        self.order: tuple[Server, ...] = ()
        self.turn = 0
        self.tickets: list[object] = []
        self.failed: tuple[Server, ...] = ()
        self.refusal: Response | None = None
        self.alarm = -1


class Flights:
    """All questions that are on their way."""

    def __init__(self, upstream: Upstream, counts: Counts, landing: Landing) -> None:
        """Begin with none, and without servers."""
        self._upstream = upstream
        self._counts = counts
        self._landing = landing
        self._alarms: Alarms[Flight] = Alarms()
        self._flying: dict[Hashable, Flight] = {}
        self._joined = 0
        self._sick: dict[Server, float] = {}
        self._orders: list[tuple[Server, ...]] = [()]
        self._names: dict[Server, str] = {}
        self._turn = 0
        self._patience = 0.0

    def __len__(self) -> int:
        """How many fly."""
        return len(self._flying)

    def use_servers(self, conf: ResolvConf) -> None:
        """Ask these from now on; questions that fly already keep to their own."""
        servers = conf.servers
        starts = len(servers) if conf.rotate else 1
        self._orders = [servers[at:] + servers[:at] for at in range(starts)] or [()]
        self._patience = conf.timeout * conf.attempts
        self._sick = {server: end for server, end in self._sick.items() if server in servers}
        for server in servers:
            name = self._names[server] = str(server)
            self._counts.upstream_queries.setdefault(name, 0)
            self._counts.upstream_errors.setdefault(name, 0)
            self._counts.upstream_answers.setdefault(name, 0)
            self._counts.upstream_seconds.setdefault(name, 0.0)

    def get(self, key: Hashable) -> Flight | None:
        """Return the flight of a question equal to one with this key."""
        return self._flying.get(key)

    def board(self, key: Hashable, query: Query, client: Client, now: float) -> Remark | None:
        """Let a client wait for the answer to a question, and ask it if nobody has.

        A remark says why she need not wait.
        """
        flight = self._flying.get(key)
        if flight is None:
            return self._start(key, query, client, now)
        if len(flight.waiting) >= MOST_WAITING or self._joined >= MOST_JOINED:
            return TOO_MANY
        self._joined += 1
        flight.joined += 1
        self._counts.coalesced += 1
        flight.waiting.append((query, client))
        return None

    def _start(self, key: Hashable, query: Query, client: Client, now: float) -> Remark | None:
        if len(self._flying) >= MOST_FLIGHTS and not self._made_room(now):
            return TOO_MANY
        flight = Flight(key, query, client, now)
        flight.order = self._order(now)
        if not flight.order:
            return NO_SERVER
        if not self._ask_next(flight, now):
            self._counts.upstream_failures += 1
            return UNREACHABLE
        self._flying[key] = flight
        return None

    def _made_room(self, now: float) -> bool:
        """Give the oldest question up if its server had time to answer.

        Otherwise some thousand questions that nobody answers would keep out, for ten seconds,
        all those that somebody would answer at once.
        """
        oldest = next(iter(self._flying.values()))
        if now - oldest.begun < FIRST_WAIT:
            return False
        self._land(oldest, oldest.refusal, TOO_MANY, now)
        return True

    def _order(self, now: float) -> tuple[Server, ...]:
        """Return the servers in the order to ask them: those who failed of late come last."""
        orders = self._orders
        order = orders[0]
        if len(orders) > 1:
            self._turn += 1
            order = orders[self._turn % len(orders)]
        if self._sick:
            self._sick = sick = {server: end for server, end in self._sick.items() if end > now}
            order = tuple(sorted(order, key=sick.__contains__))
        return order

    def _ask_next(self, flight: Flight, now: float) -> bool:
        """Ask the next server that has not failed this question; False without one."""
        order, first = flight.order, flight.turn
        for turn in range(first, first + len(order)):
            server = order[turn % len(order)]
            if server not in flight.failed and self._ask(flight, server):
                flight.turn = turn + 1
                end = now + FIRST_WAIT * (1 << turn // len(order))
                flight.alarm = self._alarms.set(min(end, flight.begun + self._patience), flight)
                return True
            self._fail(flight, server, now)
        return False

    def _ask(self, flight: Flight, server: Server) -> bool:
        ticket = self._upstream.ask(server, flight.query.packet, flight, tcp=flight.tcp)
        if ticket is None:
            return False
        flight.tickets.append(ticket)
        self._counts.upstream_queries[self._names[server]] += 1
        return True

    def _fail(self, flight: Flight, server: Server, now: float) -> None:
        """Keep in mind that a server has failed a question."""
        if server not in flight.failed:
            flight.failed += (server,)
            self._blame(server, now)

    def _blame(self, server: Server, now: float) -> None:
        self._sick[server] = now + PENANCE
        self._counts.upstream_errors[self._names[server]] += 1

    # --- what comes back ------------------------------------------------------------------------

    def received(
        self, flight: Flight, server: Server, packet: bytes, now: float, *, tcp: bool = False
    ) -> None:
        """Take what came from a server with the right id; what answers another question is junk."""
        query = flight.query
        if server in flight.failed or not answers(packet, query.question):
            return
        try:
            response = Response(packet, query)
        except Malformed:
            self._hand_on(flight, server, now)
            return
        if response.truncated:
            self._cut(flight, server, response, now, tcp=tcp)
        elif response.rcode in FAILURES and not self._landing.suits(response):
            flight.refusal = response
            self._hand_on(flight, server, now)
        else:
            if flight.turn > 1:
                self._blame_silent(flight, server, now)
            name = self._names[server]
            self._counts.upstream_answers[name] += 1
            self._counts.upstream_seconds[name] += now - flight.begun
            self._land(flight, response, SILENCE, now)

    def _blame_silent(self, flight: Flight, server: Server, now: float) -> None:
        """Blame those that were asked before the server that answered, and said nothing."""
        for earlier in flight.order[: flight.order.index(server)]:
            if earlier not in flight.failed:
                self._blame(earlier, now)

    def unreachable(self, flight: Flight, server: Server, now: float) -> None:
        """Take that a server cannot be reached, or has broken off."""
        if server not in flight.failed:
            self._hand_on(flight, server, now)

    def _hand_on(self, flight: Flight, server: Server, now: float) -> None:
        self._fail(flight, server, now)
        self._alarms.cancel(flight.alarm, flight)
        if not self._ask_next(flight, now):
            self._land(flight, flight.refusal, UNREACHABLE, now)

    def _cut(
        self, flight: Flight, server: Server, response: Response, now: float, *, tcp: bool
    ) -> None:
        """Ask for the whole answer; from here on every server is asked over TCP.

        TC over TCP is nonsense: that server has failed.
        """
        if tcp:
            self._hand_on(flight, server, now)
        elif not flight.tcp:
            flight.tcp = True
            flight.refusal = response
            if not self._ask(flight, server):
                self._hand_on(flight, server, now)

    # --- time and end ---------------------------------------------------------------------------

    def due(self) -> float | None:
        """Return when ``tick`` has something to do; None: nothing flies."""
        return self._alarms.due()

    def tick(self, now: float) -> None:
        """Ask the next server for whoever has waited long enough, or give up."""
        for flight in self._alarms.ring(now):
            if now > flight.begun + self._patience - _INSTANT or not self._ask_next(flight, now):
                self._land(flight, flight.refusal, SILENCE, now)

    def _land(self, flight: Flight, response: Response | None, remark: Remark, now: float) -> None:
        self._alarms.cancel(flight.alarm, flight)
        for ticket in flight.tickets:
            self._upstream.forget(ticket)
        flight.tickets.clear()
        del self._flying[flight.key]
        self._joined -= flight.joined
        if response is None:
            self._counts.upstream_failures += 1
        self._counts.upstream.observe(now - flight.begun)
        self._landing.landed(flight, response, remark, now)
