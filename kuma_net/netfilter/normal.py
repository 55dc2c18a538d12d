"""One rule as one family sees it, its matches in one fixed order.

A rule of a ``Ruleset`` may speak of two families at once and in any order of words; the kernel
and iptables-save speak of one family and have their own order.  ``normal`` is where the two
meet: two rules that mean the same to a family and differ in wording only become equal here.

What ``normal`` settles:

* the order of matches (``ORDER``, the order in which iptables-save prints them);
* the family: networks of the other family and ``FamilyIs`` go, a rule without any network
  left, where it named some, does not exist in this family (also under ``Not``: a rule that
  names addresses belongs to those addresses' families);
* matches that always hold (``0.0.0.0/0``, every port, every interface) go: iptables-save does
  not print them back;
* rules that can never hold (an empty set) do not exist;
* networks inside other networks of the same match go: intervals of an nf_tables set must not
  overlap;
* "not in any of these networks" becomes the list of all others where there are several:
  iptables knows ``!`` for one network only;
* ``Exclusions`` that a plain rule can say (one protocol, the same ports for each owner) become
  that plain rule, because in a listing nothing tells the two apart.

A rule that asks for the same thing twice has no form in iptables and is refused: ``ValueError``.
"""

from __future__ import annotations

from kuma_net.netfilter.matches import (
    CtState,
    Destination,
    DestinationPort,
    Exclusions,
    FamilyIs,
    InInterface,
    Not,
    OutInterface,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.values import L4_PROTOS, IdSet, Network, PortSet, outermost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias, assert_never  # noqa: TC004 - a branch never reached

    from kuma_net.netfilter.matches import Invertible, Match
    from kuma_net.netfilter.ruleset import Rule
    from kuma_net.values import Family

    Pieces: TypeAlias = tuple[Match, ...]
ORDER: tuple[type, ...] = (
    FamilyIs,
    Protocol,
    Source,
    Destination,
    InInterface,
    OutInterface,
    SourcePort,
    DestinationPort,
    OwnerUid,
    OwnerGid,
    CtState,
    Exclusions,
)
"""The order of matches in a normal rule, by class; ``Not`` stands where its match would."""

_PLACE = {kind: place for place, kind in enumerate(ORDER)}
_PROTOCOLS = {proto.number: proto for proto in L4_PROTOS}
_PORTS = (_PLACE[SourcePort], _PLACE[DestinationPort])
_STOOD_FOR = [_PLACE[kind] for kind in (Protocol, SourcePort, DestinationPort, OwnerUid, OwnerGid)]
"""What ``Exclusions`` speaks of, so that no other match beside it may."""


def kind_of(match: Match) -> type:
    """Return what is asked about, negated or not."""
    return type(match.match) if type(match) is Not else type(match)


def normal(rule: Rule, family: Family) -> Rule | None:
    """Return the rule as ``family`` sees it, or None where it does not exist or never holds.

    Raises ``ValueError`` for a rule that asks twice about one thing or about ports without a
    protocol.  A rule that is normal already is returned itself, not a copy.
    """
    pieces: list[Match] = []
    for match in rule.matches:
        seen = _seen(match, family)
        if seen is None:
            return None
        pieces += seen
    matches = in_order(pieces)
    _refuse_doubt(matches, rule)
    if len(matches) == len(rule.matches) and all(map(_same, matches, rule.matches)):
        return rule
    return rule.replace(matches=matches)


def in_order(pieces: Iterable[Match]) -> Pieces:
    """Return the matches in the one order that a normal rule has."""
    return tuple(sorted(pieces, key=_place))


def _place(match: Match) -> int:
    return _PLACE[kind_of(match)]


def _same(one: Match, other: Match) -> bool:
    return one is other


def _refuse_doubt(pieces: Pieces, rule: Rule) -> None:
    """Refuse what no single rule of iptables can ask."""
    places = [_place(match) for match in pieces]
    if _PLACE[Exclusions] in places:
        places += _STOOD_FOR
    if len(set(places)) != len(places):
        message = f"a rule asks twice about one thing: {rule!r}"
        raise ValueError(message)
    if _PLACE[Protocol] not in places and any(place in places for place in _PORTS):
        message = f"a rule asks about ports of no protocol: {rule!r}"
        raise ValueError(message)


def _seen(match: Match, family: Family) -> Pieces | None:
    """Return what is left of a match in ``family``: nothing to ask, or None for never."""
    if isinstance(match, Not):
        return _denied(match, family)
    if isinstance(match, Exclusions):
        return plain(match)
    answer = _answer(match, family)
    if answer is None:
        return (match if not isinstance(match, Source | Destination) else _cut(match, family),)
    return () if answer else None


def _denied(match: Not, family: Family) -> Pieces | None:
    asked = match.match
    if isinstance(asked, Source | Destination):
        cut = _cut(asked, family)
        if len(cut.networks) > 1:
            others = complement(cut.networks, family)
            return (type(asked)(others),) if others else None
        if not cut.networks or not cut.networks[0].prefix:
            return None
        return (match if cut is asked else Not(cut),)
    answer = _answer(asked, family)
    if answer is None:
        return (match,)
    return None if answer else ()


def _answer(match: Invertible | OwnerUid | OwnerGid, family: Family) -> bool | None:
    """Return whether a match holds for every packet, for none, or None for some."""
    match match:
        case FamilyIs(asked):
            return asked == family
        case Source(networks) | Destination(networks):
            here = [network for network in networks if network.family == family]
            always = any(not network.prefix for network in here)
            return always if always or not here else None
        case SourcePort(ports) | DestinationPort(ports):
            return None if ports and ports != PortSet.ALL else bool(ports)
        case InInterface(interface) | OutInterface(interface):
            return True if interface.wildcard and not interface.prefix else None
        case OwnerUid(ids) | OwnerGid(ids):
            return None if ids else False
        case Protocol() | CtState():
            return None
        case _:
            assert_never(match)


def _cut(match: Source | Destination, family: Family) -> Source | Destination:
    """Return the match with the outermost networks of ``family`` alone; itself when it is so."""
    networks = match.networks
    if len(networks) == 1 and networks[0].family == family:
        return match
    kept = outermost(network for network in networks if network.family == family)
    return match if kept == networks else type(match)(kept)


def plain(match: Exclusions) -> Pieces | None:
    """Return plain matches that say the same, where there are any, else the match itself.

    None where there are no boxes: that never holds.
    """
    boxes = match.boxes
    if not boxes:
        return None
    if boxes[0][0] != boxes[-1][0]:
        return (match,)
    ports = [box[3:] for box in boxes if box[1:3] == boxes[0][1:3]]
    if len(boxes) % len(ports) or boxes[-len(ports)][3:] != ports[0]:
        return (match,)
    ids = boxes[:: len(ports)]
    grid = tuple((*box[:3], *interval) for box in ids for interval in ports)
    if boxes != grid:
        return (match,)
    return (
        Protocol(_PROTOCOLS[boxes[0][0]]),
        *_ports_of(ports),
        (OwnerUid if match.owner == "uid" else OwnerGid)(IdSet.of(*(box[1:3] for box in ids))),
    )


def _ports_of(intervals: list[tuple[int, int]]) -> Pieces:
    ports = PortSet(tuple(intervals))
    return () if ports == PortSet.ALL else (DestinationPort(ports),)


def complement(networks: tuple[Network, ...], family: Family) -> tuple[Network, ...]:
    """Return the fewest networks that cover exactly what ``networks`` of ``family`` leave out."""
    found: list[Network] = []
    start = 0
    for network in outermost(networks):
        found += _cover(start, network.address, family)
        start = network.address + (1 << (family.bits - network.prefix))
    found += _cover(start, 1 << family.bits, family)
    return tuple(found)


def _cover(start: int, end: int, family: Family) -> Iterable[Network]:
    """Yield the fewest networks that cover ``start`` up to ``end``, excluding it."""
    while start < end:
        size = start & -start or 1 << family.bits
        while size > end - start:
            size >>= 1
        yield Network(family, start, family.bits + 1 - size.bit_length())
        start += size
