"""Why an answer is what it is: the way of a query once more, in words.

The same steps in the same order as ``resolver`` and ``authority`` take, each asked for its
reason instead of its bytes.  Nothing is changed by it: no counter moves, nothing in the cache
becomes younger, nobody is asked.

What a name is called here (``verdict``):

============  ====================================================================================
``waiting``   it belongs to the mesh, whose names are not there yet
``known``     a source knows it, and has an address of the type
``no-data``   it exists, but has nothing of the type
``unknown``   it would be in a zone of ours, and is not: NXDOMAIN
``collision`` sources contradict each other: SERVFAIL
``reverse``   it asks for the name of an address of the mesh
``expansion`` a search list made it of one of our names: NXDOMAIN
``refused``   nobody is asked such things
``cached``    another server answered it a while ago
``stale``     the same, but its time is over: used if no server answers
``upstream``  other servers are asked
``hopeless``  it would be asked elsewhere, but no server is known
============  ====================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_dns.names.addresses import each_text
from kuma_dns.names.table import COLLIDES, DERIVED, KNOWN, REVERSE
from kuma_dns.resolve.authority import refuse
from kuma_dns.wire.message import AAAA, ANY, IN, LONGEST_MESSAGE, PTR, SOA, A, rcode_text, type_text
from kuma_dns.wire.name import text_of
from kuma_dns.wire.query import Query
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuma_dns.names.table import Entry
    from kuma_dns.names.zones import Zones
    from kuma_dns.resolve.authority import Authority
    from kuma_dns.resolve.cache import Kept
    from kuma_dns.resolve.servers import Server

_ASKS: Final = b"\0\0\1\0\0\1\0\0\0\0\0\0"
"""The header of a plain query: recursion desired, one question."""


class Outlook(Record):
    """What else is known: servers in order, what the cache has, what was said of the names.

    ``flying``: an equal question is on its way to the servers.
    """

    servers: tuple[Server, ...] = ()
    kept: Kept | None = None
    flying: bool = False
    violations: tuple[str, ...] = ()


class Explanation(Record):
    """What becomes of a question, and why.

    ``answer`` are addresses, or the name of an address; ``source`` is who knows the name;
    ``zone`` the zone of ours that it is in; ``servers`` who is asked, in order; ``left`` how many
    seconds the cache believes it; ``why`` sentences.
    """

    name: str
    type: str
    verdict: str
    why: tuple[str, ...]
    answer: tuple[str, ...] = ()
    source: str = ""
    zone: str = ""
    servers: tuple[str, ...] = ()
    left: float | None = None


def plain_query(key: bytes, qtype: int) -> Query:
    """Return the query that a simple client would send for a name."""
    return Query(_ASKS + key + qtype.to_bytes(2, "big") + IN.to_bytes(2, "big"))


def explain(
    zones: Zones, authority: Authority | None, query: Query, outlook: Outlook, now: float
) -> Explanation:
    """Say what becomes of a query; ``authority`` is None before the first names."""
    zone = zones.of(query.name)
    told = Explanation(
        text_of(query.name),
        type_text(query.qtype),
        "",
        _zone_sentence(zone),
        zone="" if zone is None else text_of(zone),
    )
    if refuse(query, LONGEST_MESSAGE) is not None:
        why = f"{type_text(query.qtype)} is refused to everybody: no zone is handed out here."
        return _said(told, "refused", why)
    if authority is None:
        if zone is not None:
            return _said(told, "waiting", "No source has told its names yet: the query is held.")
    else:
        ours = _ours(authority, query, told, zone, outlook.violations)
        if ours is not None:
            return ours
    return _beyond(outlook, told, now)


def _said(told: Explanation, verdict: str, *why: str) -> Explanation:
    return told.replace(verdict=verdict, why=told.why + why)


def _zone_sentence(zone: bytes | None) -> tuple[str, ...]:
    if zone is None:
        return ("The name is in none of our zones.",)
    return (f"The name is in our zone {text_of(zone)}: nobody else is ever asked for it.",)


# --- what we answer ourselves -------------------------------------------------------------------


def _ours(
    authority: Authority,
    query: Query,
    told: Explanation,
    zone: bytes | None,
    violations: Iterable[str],
) -> Explanation | None:
    """Explain an answer of our own; None if the name is another server's matter."""
    entry = authority.table.get(query.name)
    if entry is None:
        return _without_entry(authority, query, told, zone)
    if entry.flags & COLLIDES:
        about = [one for one in violations if one.startswith(f"{told.name}: ")]
        return _said(told, "collision", "Sources contradict each other: SERVFAIL.", *about)
    if query.name == zone and query.qtype in {SOA, ANY}:
        return _said(told, "known", "It is the zone itself, whose SOA record is ours.")
    if entry.flags & REVERSE:
        return _reverse(authority, query, told, entry)
    if not entry.flags & KNOWN:
        why = "There are names below it, but none of that name itself: it exists, without records."
        return _said(told, "no-data", why)
    told = told.replace(source=authority.table.sources[entry.source])
    spelling = " as another spelling of one of its names" if entry.flags & DERIVED else ""
    told = told.replace(why=(*told.why, f"It is known from {told.source}{spelling}."))
    return _known(query, told, entry, zone)


def _known(query: Query, told: Explanation, entry: Entry, zone: bytes | None) -> Explanation | None:
    """Explain what becomes of a question for a known name."""
    packed = {
        A: (entry.ipv4, b""),
        AAAA: (b"", entry.ipv6),
        ANY: (entry.ipv4, b"" if entry.ipv4 else entry.ipv6),
    }.get(query.qtype, (b"", b""))
    found = tuple(each_text(*packed))
    if found:
        turn = " They take turns in leading." if len(found) > 1 else ""
        return _said(told.replace(answer=found), "known", f"Its answer is ours.{turn}")
    if zone is None and query.qtype not in {A, AAAA, ANY}:
        return None
    have = ", ".join(each_text(entry.ipv4, entry.ipv6)) or "no address"
    return _said(told, "no-data", f"It has {have}, nothing of type {told.type}.")


def _reverse(
    authority: Authority, query: Query, told: Explanation, entry: Entry
) -> Explanation | None:
    if query.qtype not in {PTR, ANY}:
        return None
    source = authority.table.sources[entry.source]
    told = told.replace(source=source, answer=(text_of(entry.pointer),))
    return _said(told, "reverse", f"It is the reverse of an address known from {source}.")


def _without_entry(
    authority: Authority, query: Query, told: Explanation, zone: bytes | None
) -> Explanation | None:
    if zone is not None and query.name == zone:
        if query.qtype in {SOA, ANY}:
            return _said(told, "known", "It is the zone itself, whose SOA record is ours.")
        return _said(told, "no-data", "It is the zone itself, which has a SOA record only.")
    if zone is not None:
        return _said(told, "unknown", "No source knows it: NXDOMAIN.")
    if authority.is_expanded(query.name):
        why = (
            "It is a name of the mesh with a search domain of resolv.conf behind it; only a "
            "resolver that tries its search list asks for such: NXDOMAIN at once."
        )
        return _said(told, "expansion", why)
    return None


# --- what others answer -------------------------------------------------------------------------


def _beyond(outlook: Outlook, told: Explanation, now: float) -> Explanation:
    """Explain a question that is not ours: the cache, then servers."""
    told = told.replace(servers=tuple([str(server) for server in outlook.servers]))
    kept = outlook.kept
    if kept is not None:
        left = kept.ends - now
        said = rcode_text(kept.response.rcode)
        if left > 0:
            why = f"Another server said {said}, which the cache believes for {left:.0f} s more."
            return _said(told.replace(left=round(left, 1)), "cached", why)
        why = f"The cache has {said}, whose time is over; it is used if no server answers."
        return _said(told.replace(left=0.0), "stale", why)
    if not told.servers:
        why = "No other server is known, neither from --upstream nor resolv.conf: SERVFAIL."
        return _said(told, "hopeless", why)
    asked = ", then ".join(told.servers)
    under_way = "the question is on its way to" if outlook.flying else "asked is"
    return _said(told, "upstream", f"It is not in the cache; {under_way} {asked}.")
