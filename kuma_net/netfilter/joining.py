"""Neighbours of one family that one rule can say, joined.

A run of neighbours with the same target, reason and setting is taken apart into rows
(``kuma_net.netfilter.rows``) and joined from the innermost dimension outwards, until nothing
changes.  So the outcome does not depend on how the run was cut up, and joining twice is joining
once.  Rules that overlap are never joined: one that somebody added twice stays visible.

A run of one rule, which is nearly every rule that compile writes, needs none of this.
"""

from __future__ import annotations

from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    Exclusions,
    OwnerGid,
    OwnerUid,
    Source,
    SourcePort,
    exclusions,
)
from kuma_net.netfilter.normal import in_order, plain
from kuma_net.netfilter.rows import boxed, rows
from kuma_net.record import Record
from kuma_net.values import IdSet, PortSet, join_intervals, outermost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from kuma_net.netfilter.matches import Box, Match
    from kuma_net.netfilter.ruleset import Rule
    from kuma_net.values import Network

    Rules: TypeAlias = tuple[Rule, ...]
    Matches: TypeAlias = tuple[Match, ...]
    Key: TypeAlias = tuple[Any, ...]
    Members: TypeAlias = tuple[Any, ...]
    Dimension: TypeAlias = "_Boxes | _Intervals | _Networks"

ROUNDS = 8
"""Joining settles in two rounds or three; the bound keeps an odd listing from costing more."""


class _Networks(Record):
    """Neighbours that differ in their source, or their destination, networks."""

    kind: type[Source | Destination]

    def seen(self, rule: Rule) -> tuple[Key, Members] | None:
        """Return what else the rule says and its networks; None when it names none."""
        for match in rule.matches:
            if isinstance(match, self.kind):
                return _others(rule, match), match.networks
        return None

    def join(self, networks: Sequence[Network]) -> Members:
        """Return the networks in order, without those inside others."""
        return outermost(networks)

    def size(self, networks: Sequence[Network]) -> int:
        """Count the addresses."""
        return sum([1 << (network.family.bits - network.prefix) for network in networks])

    def put(self, key: Key, networks: Members) -> Matches:
        """Return matches that ``seen`` would take apart so."""
        return _put_back(key, self.kind(networks))


class _Intervals(Record):
    """Neighbours that differ in ports, users or groups."""

    kind: type[SourcePort | DestinationPort | OwnerUid | OwnerGid]

    def seen(self, rule: Rule) -> tuple[Key, Members] | None:
        """Return what else the rule says and its intervals; None when it has none."""
        for match in rule.matches:
            if isinstance(match, self.kind):
                listed = match.ids if isinstance(match, OwnerUid | OwnerGid) else match.ports
                return _others(rule, match), listed.intervals
        return None

    def join(self, intervals: Sequence[tuple[int, int]]) -> Members:
        """Return the intervals in order, neighbours joined."""
        return join_intervals(intervals)

    def size(self, intervals: Sequence[tuple[int, int]]) -> int:
        """Count the numbers."""
        return sum([last - first + 1 for first, last in intervals])

    def put(self, key: Key, intervals: Members) -> Matches:
        """Return matches that ``seen`` would take apart so."""
        if issubclass(self.kind, OwnerUid | OwnerGid):
            return _put_back(key, self.kind(IdSet(intervals)))
        return _put_back(key, self.kind(PortSet(intervals)))


class _Boxes(Record):
    """Neighbours that differ in protocol, destination ports and owner together."""

    def seen(self, rule: Rule) -> tuple[Key, Members] | None:
        """Return owner and other matches, and the boxes; None when it is no such rule."""
        found = boxed(rule.matches)
        return ((found.owner, found.rest), found.boxes) if found else None

    def join(self, boxes: Sequence[Box]) -> Members:
        """Return the boxes disjoint and sorted."""
        return exclusions("uid", boxes).boxes

    def size(self, boxes: Sequence[Box]) -> int:
        """Count the combinations of protocol, port and owner."""
        return sum([(box[2] - box[1] + 1) * (box[4] - box[3] + 1) for box in boxes])

    def put(self, key: Key, boxes: Members) -> Matches:
        """Return matches that ``seen`` would take apart so."""
        owner, rest = key
        return in_order([*rest, *(plain(Exclusions(owner, boxes)) or ())])


def _others(rule: Rule, match: Match) -> Key:
    return tuple([type(match) if each is match else each for each in rule.matches])


def _put_back(key: Key, match: Match) -> Matches:
    return tuple([match if each is type(match) else each for each in key])


_DIMENSIONS: tuple[_Boxes | _Intervals | _Networks, ...] = (
    _Boxes(),
    *[_Intervals(kind) for kind in (OwnerGid, OwnerUid, DestinationPort, SourcePort)],
    *[_Networks(kind) for kind in (Destination, Source)],
)
"""Innermost first."""


def reason(rule: Rule) -> Key:
    """Return what neighbours must have in common to be one run."""
    return (rule.why, rule.setting, rule.target)


def settled(listed: Rules) -> Rules:
    """Return the normal rules of one family with the neighbours joined that one rule can say."""
    joined: list[Rule] = []
    start = 0
    for end in range(1, len(listed) + 1):
        if end == len(listed) or reason(listed[end]) != reason(listed[start]):
            run = listed[start:end]
            joined += run if len(run) == 1 else _settle(run)
            start = end
    return tuple(joined)


def _settle(run: Rules, rounds: int = ROUNDS) -> Rules:
    apart = [row for rule in run for row in rows(rule)]
    for dimension in _DIMENSIONS:
        apart = _along(dimension, apart)
    joined = tuple(apart)
    return joined if joined == run or not rounds else _settle(joined, rounds - 1)


def _along(dimension: Dimension, listed: list[Rule]) -> list[Rule]:
    """Join neighbours that differ in ``dimension`` alone."""
    joined: list[Rule] = []
    start = 0
    while start < len(listed):
        seen = dimension.seen(listed[start])
        if seen is None:
            joined.append(listed[start])
            start += 1
            continue
        key, members = seen
        block = [members]
        for rule in listed[start + 1 :]:
            other = dimension.seen(rule)
            if other is None or other[0] != key:
                break
            block.append(other[1])
        apart = _disjoint(dimension, block)
        together = [one for each in block[:apart] for one in each]
        matches = dimension.put(key, dimension.join(together))
        joined.append(listed[start].replace(matches=matches) if apart > 1 else listed[start])
        start += apart
    return joined


def _disjoint(dimension: Dimension, members: list[Members]) -> int:
    """Return how many of the first lists of members do not overlap (1 at least), by bisection."""

    def apart(count: int) -> bool:
        listed = [one for each in members[:count] for one in each]
        return dimension.size(dimension.join(listed)) == dimension.size(listed)

    low, high = 1, len(members)
    if low == high or apart(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if apart(middle) else (low, middle)
    return low
