"""What a rule may ask of a packet: a closed set of frozen values.

Every interpreter (lowering, restore text, nft text, simulation, explanation) is an exhaustive
``match`` over ``Match`` that ends in ``assert_never``: a new class here makes the type checker
list every place that must learn it.  Negation is a wrapper, ``Not(match)``; nothing mutates.

A match on networks names both families at once: ``Destination`` with an IPv4 and an IPv6
network is one rule for a person, one rule per family for a kernel.

``Exclusions`` is "many protocol x ports x owners at once", canonical (disjoint and sorted), so
that it fits one concatenated interval set of nf_tables however many there are.
"""

from __future__ import annotations

from itertools import pairwise

from kuma_net.record import Record
from kuma_net.values import join_intervals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal, TypeAlias

    from kuma_net.values import Family, IdSet, InterfacePattern, L4Proto, Network, PortSet

    Owner: TypeAlias = Literal["uid", "gid"]
    Box: TypeAlias = tuple[int, int, int, int, int]
    _Piece: TypeAlias = tuple[int, int, tuple[tuple[int, int], ...]]
    CtStateName: TypeAlias = Literal["INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED"]


class FamilyIs(Record):
    """The packet is of this family (``meta nfproto``); the other family's restore text lacks it."""

    family: Family


class Protocol(Record):
    """``-p tcp`` or ``-p udp``."""

    proto: L4Proto


class Source(Record):
    """``-s``: the source address lies in one of the networks (sorted, at least one)."""

    networks: tuple[Network, ...]


class Destination(Record):
    """``-d``: the destination address lies in one of the networks (sorted, at least one)."""

    networks: tuple[Network, ...]


class SourcePort(Record):
    """``--sport``: needs a ``Protocol`` before it."""

    ports: PortSet


class DestinationPort(Record):
    """``--dport``: needs a ``Protocol`` before it."""

    ports: PortSet


class InInterface(Record):
    """``-i``: the packet came in through the interface."""

    interface: InterfacePattern


class OutInterface(Record):
    """``-o``: the packet leaves through the interface."""

    interface: InterfacePattern


class OwnerUid(Record):
    """``-m owner --uid-owner``: the sending socket's user; no socket, no match."""

    ids: IdSet


class OwnerGid(Record):
    """``-m owner --gid-owner``: the sending socket's group; no socket, no match."""

    ids: IdSet


class CtState(Record):
    """``-m conntrack --ctstate``: connection tracking's verdict on the packet."""

    state: CtStateName


class Exclusions(Record):
    """Protocol, destination port and owner lie in one of the boxes.

    ``boxes`` holds ``(protocol number, first id, last id, first port, last port)``, disjoint
    and sorted: build it with ``exclusions``.
    """

    owner: Owner
    boxes: tuple[Box, ...]


class Not(Record):
    """The packet does not satisfy ``match``.

    Owners are not negated: for a packet without a socket xt_owner holds ``! --uid-owner`` to be
    true and nf_tables ``meta skuid !=`` to be false.
    """

    match: Invertible


if TYPE_CHECKING:
    Invertible: TypeAlias = (
        FamilyIs
        | Protocol
        | Source
        | Destination
        | SourcePort
        | DestinationPort
        | InInterface
        | OutInterface
        | CtState
    )
    Positive: TypeAlias = Invertible | OwnerUid | OwnerGid
    Match: TypeAlias = Positive | Exclusions | Not


MOST_OVERLAP = 500_000
"""How many ports of ids that overlap are looked at: ten thousand rules within fifty wide ranges.

Ranges nested in one another ask for the square of their number; where such text comes from a pod
it must not keep a node busy.
"""


class Entangled(ValueError):
    """Exclusions overlap so much that they cannot be told apart in reasonable time."""


def exclusions(owner: Owner, boxes: Iterable[Box]) -> Exclusions:
    """Return the canonical ``Exclusions`` that covers exactly the given boxes.

    Boxes may overlap.  Per protocol the ids are cut where any box begins or ends; neighbours
    with equal ports are joined again.  n boxes without overlap of ids cost n log n; raises
    ``Entangled`` beyond ``MOST_OVERLAP``.
    """
    by_proto: dict[int, dict[tuple[int, int], list[tuple[int, int]]]] = {}
    for proto, first_id, last_id, first_port, last_port in boxes:
        by_ids = by_proto.setdefault(proto, {})
        by_ids.setdefault((first_id, last_id), []).append((first_port, last_port))
    disjoint: list[Box] = []
    for proto in sorted(by_proto):
        for first_id, last_id, joined in _joined(_cut(by_proto[proto])):
            disjoint += [(proto, first_id, last_id, *interval) for interval in joined]
    return Exclusions(owner, tuple(disjoint))


def _joined(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Join neighbours whose ids touch and whose ports are the same."""
    joined: list[_Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and last[1] == piece[0] - 1 and last[2] == piece[2]:
            joined[-1] = (last[0], piece[1], piece[2])
        else:
            joined.append(piece)
    return joined


def _cut(by_ids: dict[tuple[int, int], list[tuple[int, int]]]) -> Iterable[_Piece]:
    """Return disjoint ``(first id, last id, ports)`` in order of the ids."""
    listed = sorted(by_ids)
    if all(one[1] < other[0] for one, other in pairwise(listed)):
        return [(*ids, join_intervals(by_ids[ids])) for ids in listed]
    return _sweep(by_ids)


def _sweep(by_ids: dict[tuple[int, int], list[tuple[int, int]]]) -> list[_Piece]:
    """Cut ids that overlap wherever one begins or ends."""
    edges: dict[int, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {}
    for ids in by_ids:
        edges.setdefault(ids[0], ([], []))[0].append(ids)
        edges.setdefault(ids[1] + 1, ([], []))[1].append(ids)
    open_ids: dict[tuple[int, int], None] = {}
    pieces: list[_Piece] = []
    previous = looked_at = 0
    for edge in sorted(edges):
        if open_ids:
            ports = [port for ids in open_ids for port in by_ids[ids]]
            looked_at += len(ports)
            if looked_at > MOST_OVERLAP:
                raise Entangled
            pieces.append((previous, edge - 1, join_intervals(ports)))
        begins, ends = edges[edge]
        for ids in ends:
            del open_ids[ids]
        for ids in begins:
            open_ids[ids] = None
        previous = edge
    return pieces
