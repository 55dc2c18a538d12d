"""Parts of one rule put together again: those of two families, those of one range each."""

from __future__ import annotations

from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    Exclusions,
    Not,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.netfilter.read_questions import NotOurs
from kuma_net.values import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.ruleset import Rule

_DIFFERENT = "it differs from the other parts of its rule"


def join_parts(one: Rule, other: Rule) -> Rule:
    """Return the rule that two parts are of; ``NotOurs`` when they are not of one."""
    alike = one.replace(matches=()) == other.replace(matches=())
    if not alike or len(one.matches) != len(other.matches):
        raise NotOurs(_DIFFERENT)
    pairs = zip(one.matches, other.matches, strict=True)
    return one.replace(matches=tuple([_join(first, second) for first, second in pairs]))


def _join(one: Match, other: Match) -> Match:
    if one == other:
        return one
    if isinstance(one, Not) and isinstance(other, Not):
        inner = _join_addresses(one.match, other.match)
        joined: Match | None = Not(inner) if inner else None
    else:
        joined = _join_addresses(one, other) or _join_members(one, other)
    if joined is None:
        raise NotOurs(_DIFFERENT)
    return joined


def _join_addresses(one: Match, other: Match) -> Source | Destination | None:
    if not isinstance(one, Source | Destination):
        return None
    if not isinstance(other, Source | Destination) or type(one) is not type(other):
        return None
    networks = {*one.networks, *other.networks}
    return type(one)(tuple(sorted(networks, key=Network.sort_key)))


def _join_members(one: Match, other: Match) -> Match | None:
    joined: Match | None = None
    if isinstance(one, SourcePort) and isinstance(other, SourcePort):
        joined = SourcePort(one.ports.union(other.ports))
    elif isinstance(one, DestinationPort) and isinstance(other, DestinationPort):
        joined = DestinationPort(one.ports.union(other.ports))
    elif isinstance(one, OwnerUid) and isinstance(other, OwnerUid):
        joined = OwnerUid(one.ids.union(other.ids))
    elif isinstance(one, OwnerGid) and isinstance(other, OwnerGid):
        joined = OwnerGid(one.ids.union(other.ids))
    elif isinstance(one, Exclusions) and isinstance(other, Exclusions):
        joined = _join_boxes(one, other)
    return joined


def _join_boxes(one: Exclusions, other: Exclusions) -> Exclusions | None:
    if one.owner != other.owner:
        return None
    return Exclusions(one.owner, tuple(sorted({*one.boxes, *other.boxes})))


def of_box(matches: list[Match]) -> list[Match]:
    """Return the matches with protocol, owner and port made one box; ``NotOurs`` without them."""
    for place in range(len(matches) - 2):
        proto, owner, port = matches[place : place + 3]
        if not (isinstance(proto, Protocol) and isinstance(port, DestinationPort)):
            continue
        if isinstance(owner, OwnerUid | OwnerGid):
            box = (proto.proto.number, *owner.ids.intervals[0], *port.ports.intervals[0])
            exclusion = Exclusions("uid" if isinstance(owner, OwnerUid) else "gid", (box,))
            return [*matches[:place], exclusion, *matches[place + 3 :]]
    raise NotOurs("it should name a protocol, an owner and a port")
