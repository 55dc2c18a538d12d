"""What we answer ourselves: names of the mesh, and what must not leave for anybody else.

==================================  =============================================================
the name is                         the answer is
==================================  =============================================================
in a zone of ours and known         its addresses; for another type "no data", with SOA
in a zone of ours and only above    "no data", with SOA (RFC 8020)
a known name
in a zone of ours and unknown       NXDOMAIN, with SOA; never leaked
known, in no zone of ours           its addresses for A and AAAA; other types go upstream
the reverse of a known address      PTR to the name; other types go upstream
a known name with a search domain   NXDOMAIN: only a search list makes such names, and upstream
behind it                           would be asked several times for each lookup
anything else                       none: ask upstream
==================================  =============================================================

Before anything else: versions of EDNS we do not know (BADVERS), other classes than IN and
transfers of zones (REFUSED).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_dns.names.table import COLLIDES, KNOWN, REVERSE
from kuma_dns.resolve.answer import BRIEFLY, NEVER, WHILE_TABLE, Answer
from kuma_dns.wire.message import (
    AAAA,
    ANY,
    AXFR,
    BADVERS,
    EDE_OTHER,
    EDNS_SIZE,
    IN,
    IXFR,
    LONGEST_MESSAGE,
    NXDOMAIN,
    PTR,
    REFUSED,
    SERVFAIL,
    SOA,
    A,
)
from kuma_dns.wire.name import is_within, without
from kuma_dns.wire.reply import NOTHING, Part, Remark, addresses, addresses6, pointer, reply, soa

if TYPE_CHECKING:
    from kuma_dns.names.table import Entry, Table
    from kuma_dns.names.zones import Zones
    from kuma_dns.wire.query import Query

_COLLISION: Final = Remark(EDE_OTHER, "the mesh's sources contradict each other about this name")


class Authority:
    """Answers from a table of names."""

    def __init__(self, zones: Zones, table: Table, search: tuple[bytes, ...] = ()) -> None:
        """Take our zones, the names, and the search domains (keys) of this host."""
        self.zones = zones
        self.table = table
        self.search = search
        self._turn = 0
        self._none = {zone: soa(zone, table.ttl, table.serial) for zone in zones.keys}

    def answer(self, query: Query, *, tcp: bool = False) -> Answer | None:
        """Return the answer, or None if upstream must be asked."""
        limit = LONGEST_MESSAGE if tcp else min(query.size, EDNS_SIZE)
        refused = refuse(query, limit)
        if refused is not None:
            return refused
        name = query.name
        entry = self.table.get(name)
        zone = self.zones.of(name)
        if entry is not None and entry.flags & COLLIDES:
            return Answer(reply(query, SERVFAIL, limit=limit, remark=_COLLISION))
        if zone is None:
            if entry is not None:
                return self._outside(query, entry, limit)
            return self._denied(query, NOTHING, limit) if self.is_expanded(name) else None
        return self._inside(query, entry, zone, limit)

    def is_expanded(self, name: bytes) -> bool:
        """Whether a name outside our zones is a known one with a search domain behind it.

        A known name of one label is not meant: "web" of a hosts file and the Service "web" of
        the cluster, ``web.default.svc.cluster.local``, may both be there.
        """
        for domain in self.search:
            if name != domain and is_within(name, domain):
                front = without(name, domain)
                entry = self.table.get(front)
                if entry is not None and entry.flags & KNOWN and front[front[0] + 1]:
                    return True
        return False

    def _outside(self, query: Query, entry: Entry, limit: int) -> Answer | None:
        wanted = PTR if entry.flags & REVERSE else (A, AAAA, ANY)
        if query.qtype != wanted and not (isinstance(wanted, tuple) and query.qtype in wanted):
            return None
        return self._given(query, self._records(query, entry), NOTHING, limit)

    def _inside(self, query: Query, entry: Entry | None, zone: bytes, limit: int) -> Answer:
        none = self._none[zone]
        if query.name == zone:
            if query.qtype in {SOA, ANY}:
                return Answer(reply(query, answer=none, limit=limit))
        elif entry is None:
            return self._denied(query, none, limit)
        found = NOTHING if entry is None else self._records(query, entry)
        return self._given(query, found, NOTHING if found.count else none, limit)

    @staticmethod
    def _denied(query: Query, authority: Part, limit: int) -> Answer:
        """Say that there is no such name; there are too many of these to keep them for long."""
        packet = reply(query, NXDOMAIN, authority=authority, limit=limit)
        return Answer(packet, NEVER if query.options else BRIEFLY)

    def _records(self, query: Query, entry: Entry) -> Part:
        """Return the records of the type asked for; of ANY one set only (RFC 8482)."""
        kind, ttl = query.qtype, self.table.ttl
        if kind == ANY:
            kind = A if entry.ipv4 else AAAA if entry.ipv6 else PTR
        if kind == A and entry.ipv4:
            return addresses(entry.ipv4, ttl, first=self._first(len(entry.ipv4) // 4))
        if kind == AAAA and entry.ipv6:
            return addresses6(entry.ipv6, ttl, first=self._first(len(entry.ipv6) // 16))
        if kind == PTR and entry.pointer:
            return pointer(entry.pointer, ttl)
        return NOTHING

    def _first(self, count: int) -> int:
        """Say which of several addresses leads this time."""
        if count == 1:
            return 0
        self._turn += 1
        return self._turn % count

    @staticmethod
    def _given(query: Query, answer: Part, authority: Part, limit: int) -> Answer:
        packet = reply(query, answer=answer, authority=authority, limit=limit)
        same = answer.count <= 1 and not query.options
        return Answer(packet, WHILE_TABLE if same else NEVER)


def refuse(query: Query, limit: int) -> Answer | None:
    """Return the refusal of a query that nobody shall be asked, or None."""
    if query.badvers:
        return Answer(reply(query, BADVERS, authoritative=False, limit=limit))
    if query.qclass != IN or query.qtype in {AXFR, IXFR}:
        return Answer(reply(query, REFUSED, authoritative=False, limit=limit))
    return None
