"""A rule cut into parts that one rule of nf_tables can say.

* Networks of both families: one part a family.
* ``Exclusions``: one part a protocol, which is asked first, so that the set has keys of owner
  and port alone.  (With the protocol in the key, which is the same for thousands of elements,
  the kernel needs half a second to insert 10,000 ranges, without it 40 ms: its set of
  concatenated intervals searches field by field.)  Where single ports of single owners are many
  they are a part of their own, in a hash set.
* Ranges where the kernel's sets hold none: one part a range.
"""

from __future__ import annotations

from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    Exclusions,
    FamilyIs,
    Not,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.record import Record
from kuma_net.values import L4_PROTOS, IdSet, PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from kuma_net.netfilter.matches import Box, Match, Owner
    from kuma_net.netfilter.nf_tables import Features
    from kuma_net.netfilter.ruleset import Rule
    from kuma_net.values import Family

    Matches: TypeAlias = tuple[Match, ...]

MANY = 128
"""So many single boxes get a set of their own beside one with ranges."""
_PROTOCOLS = {proto.number: Protocol(proto) for proto in L4_PROTOS}


class Part(Record):
    """A part of ``rule``, which stands at ``position``: its matches as ``family`` sees them.

    ``family`` is None where the part is for every family of the table.  ``box``: three of the
    matches together are one box of ``Exclusions``.
    """

    rule: Rule
    position: int
    family: Family | None
    matches: Matches
    box: bool


def cut(
    rules: tuple[Rule, ...], families: tuple[Family, ...], features: Features
) -> tuple[Part, ...]:
    """Return the parts of all rules, in order, for a table of these families."""
    parts: list[Part] = []
    for position, rule in enumerate(rules):
        for family, seen in _of_families(rule.matches, families):
            for matches, box in _choices(seen, features):
                parts.append(Part(rule, position, family, matches, box))
    return tuple(parts)


def _of_families(
    matches: Matches, families: tuple[Family, ...]
) -> list[tuple[Family | None, Matches]]:
    """Return the matches as each family sees them; once, with None, where none matters."""
    named = [found for found in map(families_named, matches) if found]
    here = [family for family in families if may_hold(matches, family)]
    if not named:
        return [(None, matches)] if here else []
    return [
        (family, tuple([_within(match, family) for match in matches]))
        for family in here
        if all(family in found for found in named)
    ]


def families_named(match: Match) -> tuple[Family, ...]:
    """Return the families of a match's networks, none where it names no network."""
    inner = match.match if isinstance(match, Not) else match
    if isinstance(inner, Source | Destination):
        return tuple([network.family for network in inner.networks])
    return ()


def may_hold(matches: Matches, family: Family) -> bool:
    """Whether no ``FamilyIs`` excludes the family."""
    for match in matches:
        negated = isinstance(match, Not)
        inner = match.match if isinstance(match, Not) else match
        if isinstance(inner, FamilyIs) and (inner.family == family) == negated:
            return False
    return True


def _within(match: Match, family: Family) -> Match:
    """Return the match with the networks of one family."""
    inner = match.match if isinstance(match, Not) else match
    if not isinstance(inner, Source | Destination):
        return match
    within = type(inner)(tuple([n for n in inner.networks if n.family == family]))
    return Not(within) if isinstance(match, Not) else within


def _choices(matches: Matches, features: Features) -> list[tuple[Matches, bool]]:
    """Return lists of matches that together say the same; the flag: a box in three questions."""
    lists: list[tuple[Matches, bool]] = [((), False)]
    for match in matches:
        if isinstance(match, Exclusions):
            choices = _exclusions(match, features)
        elif features.interval_sets:
            choices = [((match,), False)]
        else:
            choices = [(choice, False) for choice in _single_ranges(match)]
        lists = [(done + choice, a or b) for done, a in lists for choice, b in choices]
    return lists


def _exclusions(match: Exclusions, features: Features) -> list[tuple[Matches, bool]]:
    ranges_fit = features.interval_sets and features.concat_intervals
    choices: list[tuple[Matches, bool]] = []
    for number in dict.fromkeys([box[0] for box in match.boxes]):
        boxes = tuple([box for box in match.boxes if box[0] == number])
        points = tuple([box for box in boxes if box[1] == box[2] and box[3] == box[4]])
        if len(points) == len(boxes):
            choices.append(((Exclusions(match.owner, boxes),), False))
            continue
        ranges = boxes
        if len(points) > MANY or (points and not ranges_fit):
            choices.append(((Exclusions(match.owner, points),), False))
            ranges = tuple([box for box in boxes if box[1] != box[2] or box[3] != box[4]])
        if ranges_fit:
            choices.append(((Exclusions(match.owner, ranges),), False))
        else:
            choices += [(_three_questions(match.owner, box), True) for box in ranges]
    return choices


def _three_questions(owner: Owner, box: Box) -> Matches:
    """Return one box; all ports are asked for too, so that there are always three questions."""
    proto, first_id, last_id, first_port, last_port = box
    ids = IdSet(((first_id, last_id),))
    ports = DestinationPort(PortSet(((first_port, last_port),)))
    return (_PROTOCOLS[proto], (OwnerUid if owner == "uid" else OwnerGid)(ids), ports)


def _single_ranges(match: Match) -> list[Matches]:
    """Return alternatives that together say what ``match`` says, each without ranges in a set."""
    choices: list[Matches] = [(match,)]
    if isinstance(match, Source | Destination):
        if any(network.prefix < network.family.bits for network in match.networks):
            choices = [(type(match)((network,)),) for network in match.networks]
    elif isinstance(match, SourcePort | DestinationPort):
        if any(first != last for first, last in match.ports):
            choices = [(type(match)(PortSet((part,))),) for part in match.ports]
    elif isinstance(match, OwnerUid | OwnerGid) and any(first != last for first, last in match.ids):
        choices = [(type(match)(IdSet((part,))),) for part in match.ids]
    return choices
