"""The rows of a rule: one network, one list of ports, one range of owners each.

``rows`` takes a normal rule apart (see ``kuma_net.netfilter.expand`` for what a row may hold),
``boxed`` sees in a rule the boxes of ``Exclusions`` that it says, so that many rows can become
one rule again.
"""

from __future__ import annotations

from itertools import product

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
from kuma_net.netfilter.normal import in_order
from kuma_net.record import Record
from kuma_net.values import L4_PROTOS, IdSet, PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from kuma_net.netfilter.matches import Box, Match, Owner
    from kuma_net.netfilter.ruleset import Rule

    Pieces: TypeAlias = tuple[Match, ...]

MULTIPORT_PLACES = 15
"""XT_MULTI_PORTS of include/uapi/linux/netfilter/xt_multiport.h; a range takes two places."""

PROTOCOLS = {proto.number: proto for proto in L4_PROTOS}


def rows(rule: Rule) -> list[Rule]:
    """Return the rows of a normal rule, outermost dimension first."""
    choices = [_choices(match) for match in rule.matches]
    if all(len(alternatives) == 1 for alternatives in choices):
        joined = tuple(piece for alternatives in choices for piece in alternatives[0])
        return [rule if joined == rule.matches else rule.replace(matches=in_order(joined))]
    return [
        rule.replace(matches=in_order([piece for pieces in row for piece in pieces]))
        for row in product(*choices)
    ]


def _choices(match: Match) -> list[Pieces]:
    """Return the alternatives a match stands for, each a few matches of one row."""
    match match:
        case Source(networks) | Destination(networks):
            kind = type(match)
            return [(kind((network,)),) for network in networks]
        case SourcePort(ports) | DestinationPort(ports):
            return [(type(match)(chunk),) for chunk in port_lists(ports)]
        case OwnerUid(ids) | OwnerGid(ids):
            return [(type(match)(IdSet((interval,))),) for interval in ids]
        case Exclusions(owner, boxes):
            return list(_rows_of_boxes(owner, boxes))
        case _:
            return [(match,)]


def _rows_of_boxes(owner: Owner, boxes: tuple[Box, ...]) -> Iterator[Pieces]:
    by_owner: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for box in boxes:
        by_owner.setdefault(box[:3], []).append(box[3:])
    whose = OwnerUid if owner == "uid" else OwnerGid
    for (number, *interval), ports in by_owner.items():
        ids = whose(IdSet(((interval[0], interval[1]),)))
        if ports == [*PortSet.ALL]:
            yield Protocol(PROTOCOLS[number]), ids
            continue
        for chunk in port_lists(PortSet(tuple(ports))):
            yield Protocol(PROTOCOLS[number]), DestinationPort(chunk), ids


def port_lists(ports: PortSet) -> Iterator[PortSet]:
    """Cut a set of ports into lists that fit ``-m multiport``."""
    chunk: list[tuple[int, int]] = []
    places = 0
    for interval in ports:
        wanted = 1 if interval[0] == interval[1] else 2
        if places + wanted > MULTIPORT_PLACES:
            yield PortSet(tuple(chunk))
            chunk, places = [], 0
        chunk.append(interval)
        places += wanted
    yield PortSet(tuple(chunk))


class Boxed(Record):
    """A rule's matches seen as boxes: whose, which, and the matches that are no part of it."""

    owner: Owner
    boxes: tuple[Box, ...]
    rest: Pieces


def boxed(matches: Pieces) -> Boxed | None:
    """Return what normal matches say of protocol, destination port and owner, as boxes.

    None where they name no protocol or no owner, where they name user and group, where they
    deny one of the three, or ask about the source port.
    """
    proto: Protocol | None = None
    owner: OwnerUid | OwnerGid | None = None
    ports = PortSet.ALL
    rest: list[Match] = []
    for match in matches:
        match match:
            case Exclusions(whose, boxes):
                return Boxed(whose, boxes, tuple(piece for piece in matches if piece is not match))
            case Protocol():
                proto = match
            case DestinationPort(ports):
                pass
            case OwnerUid() | OwnerGid():
                if owner is not None:
                    return None
                owner = match
            case SourcePort() | Not(Protocol() | DestinationPort() | SourcePort()):
                return None
            case _:
                rest.append(match)
    if proto is None or owner is None:
        return None
    number = proto.proto.number
    boxes = tuple([(number, *ids, *interval) for ids in owner.ids for interval in ports])
    return Boxed("uid" if isinstance(owner, OwnerUid) else "gid", boxes, tuple(rest))
