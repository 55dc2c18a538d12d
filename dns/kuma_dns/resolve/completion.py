"""A CNAME that leads from the world into the mesh, completed from our own table.

Somebody makes a Service of type ExternalName with ``externalName: backend.mesh``, and the
cluster's name server answers ``CNAME backend.mesh``: it knows no such zone, so it adds nothing, or
says NXDOMAIN or SERVFAIL about the target.  We know better.  What it said about the names before
the mesh's one stays (the CNAMEs, DNAMEs, and their signatures); what it said about the mesh's name
and beyond is replaced by what a direct question for that name gets: addresses, "no data" with our
SOA, NXDOMAIN with our SOA.  AD is not set: nobody has validated our part.

This is done when an answer is given, not when it is kept, so that a changed table is never
answered from the past.

The kept records are written anew without compression: pointers would lead to where the
original message had its names.  Data of RRSIG has none (RFC 4034 section 3.1.7).
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from kuma_dns.wire.message import (
    CNAME,
    DNAME,
    EDE_OTHER,
    EDNS_SIZE,
    HEADER,
    IN,
    LONGEST_MESSAGE,
    RRSIG,
    SERVFAIL,
)
from kuma_dns.wire.name import is_within
from kuma_dns.wire.query import Query
from kuma_dns.wire.records import FIXED, name_at, walk
from kuma_dns.wire.reply import POINTER, Part, Remark, reply
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_dns.resolve.authority import Authority
    from kuma_dns.wire.records import Found
    from kuma_dns.wire.response import Response

_MOST_RECORDS: Final = 64
"""Of a chain of 16 names: a CNAME, a DNAME and their signatures for each."""
_CONTRADICTED: Final = Remark(EDE_OTHER, "the mesh's sources contradict each other about an alias")
_COUNTS: Final = Struct("!4H").unpack_from
_COVERED: Final = Struct("!H").unpack_from
_FIXED_PART: Final = Struct("!HHIH").pack


def mesh_name(response: Response, authority: Authority | None) -> int:
    """Return how many names of a response's chain come before the first one of ours; -1: none."""
    if authority is not None:
        for index, name in enumerate(response.chain):
            if authority.zones.of(name) is not None or authority.table.get(name) is not None:
                return index
    return -1


def completed(
    response: Response, query: Query, authority: Authority, *, age: int, tcp: bool
) -> bytes | None:
    """Return the answer whose end is ours; None if no part of it is.

    ``age`` is how many seconds ago the response came.
    """
    index = mesh_name(response, authority)
    if index < 0:
        return None
    target = response.chain[index]
    packet = query.packet
    inner = Query(packet[:HEADER] + target + packet[HEADER + len(query.name) :])
    local = authority.answer(inner, tcp=True)
    if local is None:
        return None
    chain = _chain(response, query, response.chain[:index], age)
    answer, denial = _local(local.packet, inner, target)
    rcode = local.packet[3] & 15
    return reply(
        query,
        rcode,
        Part(chain.records + answer.records, chain.count + answer.count),
        denial,
        authoritative=False,
        limit=LONGEST_MESSAGE if tcp else min(query.size, EDNS_SIZE),
        remark=_CONTRADICTED if rcode == SERVFAIL else None,
    )


def _chain(response: Response, query: Query, middle: tuple[bytes, ...], age: int) -> Part:
    """Return the records that lead from the question's name to ours, aged."""
    names = (query.name, *middle)
    packet = response.packet
    records: list[bytes] = []
    for (start, at, end, kind, ttl), leading in _leading(response):
        try:
            owner, _ = name_at(packet, start)
            data = packet[at + FIXED : end] if kind == RRSIG else name_at(packet, at + FIXED)[0]
        except Malformed:  # nobody has followed the names of these yet
            continue
        leads = owner in names
        if leading == DNAME:
            leads = any(is_within(name, owner) for name in names)
        if leads:
            head = _FIXED_PART(kind, IN, max(0, ttl - age), len(data))
            records.append((POINTER if owner == query.name else owner) + head + data)
    return Part(b"".join(records), len(records))


def _leading(response: Response) -> Iterator[tuple[Found, int]]:
    """Iterate over what may lead on: CNAME, DNAME, and signatures with the type they cover."""
    (count,) = _COVERED(response.packet, 6)
    left = _MOST_RECORDS
    for found in walk(response.packet, response.body, count):
        _, at, end, kind, _ = found
        leading = kind
        if kind == RRSIG and end - at > FIXED + 2:
            (leading,) = _COVERED(response.packet, at + FIXED)
        if leading in {CNAME, DNAME} and left:
            left -= 1
            yield found, leading


def _local(packet: bytes, inner: Query, target: bytes) -> tuple[Part, Part]:
    """Return answer and authority of our own reply, with owners that stand anywhere."""
    _, count, authorities, _ = _COUNTS(packet, 4)
    parts: list[bytes] = []
    for start, at, end, _, _ in walk(packet, HEADER + len(inner.question), count + authorities):
        owner = packet[start:at]
        parts.append((target if owner == POINTER else owner) + packet[at:end])
    return Part(b"".join(parts[:count]), count), Part(b"".join(parts[count:]), authorities)
