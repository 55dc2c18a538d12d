"""Rules cut into parts that one rule of nf_tables can say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    Exclusions,
    FamilyIs,
    InInterface,
    Not,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.netfilter.nf_tables import Features
from kuma_net.netfilter.parts import MANY, cut, families_named, may_hold
from kuma_net.netfilter.ruleset import Rule
from kuma_net.netfilter.targets import Return
from kuma_net.values import BOTH_FAMILIES, IdSet, InterfacePattern, L4Proto, Network, PortSet

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.parts import Part
    from kuma_net.values import Family

V4, V6 = BOTH_FAMILIES
TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)
NO_RANGES = Features(interval_sets=False, concat_intervals=False)


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(Network.parse, texts))


BOTH = networks("10.0.0.0/8", "10.0.0.1", "fd00::/8")


def parts(
    *matches: Match,
    families: tuple[Family, ...] = BOTH_FAMILIES,
    features: Features | None = None,
) -> tuple[Part, ...]:
    return cut((Rule(matches, Return(), "w"),), families, features or Features())


def seen(*matches: Match, features: Features | None = None) -> list[tuple[Match, ...]]:
    return [part.matches for part in parts(*matches, features=features)]


def test_a_rule_without_networks_is_one_part_for_all() -> None:
    (part,) = parts(TCP)
    assert (part.family, part.matches, part.position, part.box) == (None, (TCP,), 0, False)


def test_networks_are_asked_family_by_family() -> None:
    first, second = parts(TCP, Source(BOTH))
    assert (first.family, first.matches) == (V4, (TCP, Source(BOTH[:2])))
    assert (second.family, second.matches) == (V6, (TCP, Source(BOTH[2:])))


def test_denied_networks_are_too() -> None:
    first, second = parts(Not(Destination(BOTH)))
    assert first.matches == (Not(Destination(BOTH[:2])),)
    assert second.matches == (Not(Destination(BOTH[2:])),)


def test_a_family_is_there_where_every_match_names_it() -> None:
    (part,) = parts(Source(BOTH), Destination(BOTH[2:]))
    assert part.family == V6
    assert parts(Source(BOTH[:1]), Destination(BOTH[2:])) == ()


def test_a_family_that_is_excluded_has_no_part() -> None:
    (part,) = parts(FamilyIs(V6), Source(BOTH))
    assert part.family == V6
    assert parts(FamilyIs(V6), families=(V4,)) == ()
    assert parts(Not(FamilyIs(V4)), families=(V4,)) == ()


def test_which_families_a_match_speaks_of() -> None:
    assert families_named(TCP) == ()
    assert families_named(Not(Source(BOTH))) == (V4, V4, V6)
    assert may_hold((TCP, FamilyIs(V4)), V4)
    assert not may_hold((TCP, FamilyIs(V4)), V6)


def test_exclusions_are_asked_protocol_by_protocol() -> None:
    tcp, udp = (6, 1, 1, 80, 80), (17, 1, 1, 53, 53)
    assert seen(Exclusions("uid", (tcp, udp))) == [
        (Exclusions("uid", (tcp,)),),
        (Exclusions("uid", (udp,)),),
    ]


def test_many_single_boxes_stand_beside_those_with_ranges() -> None:
    single = tuple((6, 1000 + n, 1000 + n, 80, 80) for n in range(MANY + 1))
    wide = (6, 1, 1, 0, 65535)
    assert seen(Exclusions("gid", (wide, *single))) == [
        (Exclusions("gid", single),),
        (Exclusions("gid", (wide,)),),
    ]
    few = Exclusions("gid", (wide, *single[:MANY]))
    assert seen(few) == [(few,)]


def test_without_ranges_in_concatenated_sets_each_range_is_three_questions() -> None:
    boxes = ((6, 1, 1, 80, 80), (6, 1, 2, 443, 443), (17, 5, 5, 0, 65535))
    found = parts(TCP, Exclusions("uid", boxes), features=Features(concat_intervals=False))
    assert [part.box for part in found] == [False, True, True]
    assert found[0].matches == (TCP, Exclusions("uid", boxes[:1]))
    ports = DestinationPort(PortSet.of(443))
    assert found[1].matches == (TCP, TCP, OwnerUid(IdSet.of((1, 2))), ports)
    assert found[2].matches == (TCP, UDP, OwnerUid(IdSet.of(5)), DestinationPort(PortSet.ALL))
    (of_group,) = parts(Exclusions("gid", boxes[1:2]), features=NO_RANGES)
    assert of_group.matches == (TCP, OwnerGid(IdSet.of((1, 2))), ports)


def test_without_ranges_in_sets_each_range_is_a_part() -> None:
    ranges = PortSet.of(1, (5, 6))
    assert len(seen(TCP, SourcePort(ranges), features=NO_RANGES)) == 2
    assert len(seen(TCP, DestinationPort(ranges), features=NO_RANGES)) == 2
    assert len(seen(OwnerUid(IdSet.of(1, (5, 6))), features=NO_RANGES)) == 2
    assert len(seen(OwnerGid(IdSet.of(1, (5, 6))), features=NO_RANGES)) == 2
    assert len(seen(Source(BOTH), features=NO_RANGES)) == 3
    both = seen(TCP, SourcePort(ranges), DestinationPort(ranges), features=NO_RANGES)
    assert len(both) == 4


def test_single_values_fit_a_set_of_any_kernel() -> None:
    few: tuple[Match, ...] = (
        SourcePort(PortSet.of(1, 3)),
        DestinationPort(PortSet.of(1, 3)),
        OwnerUid(IdSet.of(1, 3)),
        OwnerGid(IdSet.of(1, 3)),
        Source(networks("10.0.0.1", "10.0.0.3")),
        Not(SourcePort(PortSet.of((1, 3), 9))),
        InInterface(InterfacePattern("eth0")),
        Exclusions("uid", ((6, 1, 1, 80, 80),)),
    )
    for match in few:
        assert seen(match, features=NO_RANGES) == [(match,)]


def test_exclusions_of_nothing_have_no_part() -> None:
    assert parts(Exclusions("uid", ())) == ()
