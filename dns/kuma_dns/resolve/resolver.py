"""The way of a query: refused, answered from the table, or handed on.

A query that belongs to the mesh and comes before the first names are there is held back for a
while: the application starts together with its sidecar, and "no such name" would be a lie that
some programs believe for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from kuma_dns.counts import CACHE, LOCAL
from kuma_dns.names.table import Table, block_of
from kuma_dns.resolve.answer import Answer
from kuma_dns.resolve.authority import Authority, refuse
from kuma_dns.resolve.memo import Memo
from kuma_dns.resolve.quick import Quick
from kuma_dns.wire.message import EDE_NOT_READY, EDNS_SIZE, SERVFAIL
from kuma_dns.wire.query import Ignored, Query, Refusal
from kuma_dns.wire.reply import Remark, refusal, reply

if TYPE_CHECKING:
    from kuma_dns.counts import Counts
    from kuma_dns.names.zones import Zones
    from kuma_dns.resolve.answer import Client

PATIENCE: Final = 4.0
"""Seconds a query waits for the first names; applications wait for 5 (resolv.conf(5))."""
MOST_WAITING: Final = 1000
_NOT_READY: Final = Remark(EDE_NOT_READY, "the mesh's names are not there yet")


class Forward(Protocol):
    """Answers what is not ours: cache and upstream servers."""

    def answer(self, query: Query, client: Client, now: float) -> Answer | None:
        """Return an answer that is there at once; None: it will come by ``client.send``."""

    def use_authority(self, authority: Authority) -> None:
        """Complete answers that lead into the mesh (CNAME) by this authority from now on."""


class Resolver:
    """Answers queries; ``authority`` is None until the first table is there."""

    def __init__(self, zones: Zones, counts: Counts, forward: Forward) -> None:
        """Begin without names."""
        self.zones = zones
        self.counts = counts
        self.forward = forward
        self.memo = Memo()
        self.authority: Authority | None = None
        self.quick = Quick(Table(block_of((), ttl=0)), self.memo)
        self.search: tuple[bytes, ...] = ()
        self._waiting: list[tuple[float, Query, Client]] = []

    @property
    def waiting(self) -> int:
        """How many queries wait for the first names."""
        return len(self._waiting)

    def use_table(self, table: Table, now: float) -> None:
        """Answer from this table from now on; answer whoever has waited for the first one."""
        self._use(Authority(self.zones, table, self.search))
        waiting, self._waiting = self._waiting, []
        for _, query, client in waiting:
            answer = self.resolve(query, client, now)
            if answer is not None:
                client.send(answer.packet)

    def use_search(self, search: tuple[bytes, ...]) -> None:
        """Take the search domains (keys) of a resolv.conf."""
        self.search = search
        if self.authority is not None:
            self._use(Authority(self.zones, self.authority.table, search))

    def _use(self, authority: Authority) -> None:
        self.authority = authority
        self.quick = Quick(authority.table, self.memo)
        self.memo.clear()
        self.forward.use_authority(authority)

    def receive(self, packet: bytes, client: Client, now: float) -> Answer | None:
        """Return the answer to a packet; None: there will be one later, or never."""
        try:
            query = Query(packet)
        except Refusal as refused:
            self.counts.refused += 1
            return Answer(refusal(packet, refused.rcode))
        except Ignored:
            self.counts.ignored += 1
            return None
        return self.resolve(query, client, now)

    def resolve(self, query: Query, client: Client, now: float) -> Answer | None:
        """Return the answer to a query; None: it will come by ``client.send``."""
        if self.authority is not None:
            answer = self.authority.answer(query, tcp=client.tcp)
        else:
            answer = refuse(query, EDNS_SIZE)
            if answer is None and self.zones.of(query.name) is not None:
                return self._hold(query, client, now)
        source = LOCAL
        if answer is None:
            source = CACHE
            answer = self.forward.answer(query, client, now)
        else:
            self.counts.answered(query.qtype, LOCAL, answer.packet[3] & 15)
        if answer is not None and answer.keep and not (client.tcp or query.options):
            self.memo.take(query, answer, source, now)
        return answer

    def _hold(self, query: Query, client: Client, now: float) -> Answer | None:
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append((now + PATIENCE, query, client))
            return None
        return self._not_ready(query)

    def _not_ready(self, query: Query) -> Answer:
        self.counts.answered(query.qtype, LOCAL, SERVFAIL)
        return Answer(reply(query, SERVFAIL, authoritative=False, remark=_NOT_READY))

    def due(self) -> float | None:
        """Return when ``tick`` has something to do; None: nothing waits."""
        forget = self.memo.due()
        if not self._waiting:
            return forget
        first = self._waiting[0][0]
        return first if forget is None else min(first, forget)

    def tick(self, now: float) -> None:
        """Answer whoever has waited long enough for the first names; let the memo forget."""
        self.memo.tick(now)
        while self._waiting and self._waiting[0][0] <= now:
            _, query, client = self._waiting.pop(0)
            client.send(self._not_ready(query).packet)
