"""A rule as one family sees it: one order of matches, nothing that always or never holds."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    exclusions,
)
from kuma_net.netfilter.normal import complement, in_order, kind_of, normal, plain
from kuma_net.netfilter.ruleset import Rule
from kuma_net.netfilter.targets import Return
from kuma_net.values import Family, IdSet, InterfacePattern, L4Proto, Network, PortSet, outermost
from lab.rulesets import NETWORKS

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match

TCP = Protocol(L4Proto.TCP)
V4, V6 = Family.IPV4, Family.IPV6
EVERY_INTERFACE = InterfacePattern.parse("+")


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(Network.parse, texts))


def seen(*matches: Match, family: Family = V4) -> tuple[Match, ...] | None:
    rule = normal(Rule(matches, Return(), "w"), family)
    return None if rule is None else rule.matches


def test_matches_stand_in_the_order_of_iptables_save() -> None:
    asked = (
        CtState("NEW"),
        OwnerGid(IdSet.of(2)),
        OwnerUid(IdSet.of(1)),
        DestinationPort(PortSet.of(2)),
        Not(SourcePort(PortSet.of(1))),
        OutInterface(InterfacePattern.parse("lo")),
        Not(InInterface(InterfacePattern.parse("eth0"))),
        Destination(networks("10.0.0.0/8")),
        Source(networks("10.0.0.0/8")),
        TCP,
    )
    assert seen(*asked) == tuple(reversed(asked))
    assert in_order(asked) == tuple(reversed(asked))
    assert kind_of(asked[4]) is SourcePort


def test_a_normal_rule_is_returned_itself() -> None:
    rule = Rule((TCP, Source(networks("10.0.0.0/8")), DestinationPort(PortSet.of(1))), Return(), "")
    assert normal(rule, V4) is rule
    denied = Rule((TCP, Not(Destination(networks("10.0.0.0/8")))), Return(), "")
    assert normal(denied, V4) is denied


def test_networks_of_the_other_family_go() -> None:
    both = networks("10.0.0.0/8", "fd00::/8")
    assert seen(Source(both)) == (Source(both[:1]),)
    assert seen(Source(both), family=V6) == (Source(both[1:]),)
    assert seen(Not(Destination(both)), family=V6) == (Not(Destination(both[1:])),)


def test_a_rule_whose_networks_are_of_the_other_family_does_not_exist() -> None:
    six = networks("fd00::/8")
    assert seen(Source(six)) is None
    assert seen(Not(Source(six))) is None


def test_the_family_goes_where_it_is_ours_and_takes_the_rule_where_it_is_not() -> None:
    assert seen(FamilyIs(V4), TCP) == (TCP,)
    assert seen(FamilyIs(V6), TCP) is None
    assert seen(Not(FamilyIs(V4)), TCP) is None
    assert seen(Not(FamilyIs(V6)), TCP) == (TCP,)


@pytest.mark.parametrize(
    "match",
    [
        Source(networks("0.0.0.0/0")),
        Destination(networks("0.0.0.0/0", "10.0.0.0/8")),
        DestinationPort(PortSet.ALL),
        Not(SourcePort(PortSet())),
        InInterface(EVERY_INTERFACE),
        OutInterface(EVERY_INTERFACE),
    ],
)
def test_what_always_holds_goes(match: Match) -> None:
    assert seen(TCP, match) == (TCP,)


@pytest.mark.parametrize(
    "match",
    [
        Not(Source(networks("0.0.0.0/0"))),
        Not(Destination(networks("0.0.0.0/1", "128.0.0.0/1"))),
        DestinationPort(PortSet()),
        Not(SourcePort(PortSet.ALL)),
        Not(InInterface(EVERY_INTERFACE)),
        OwnerUid(IdSet()),
        OwnerGid(IdSet()),
        Exclusions("uid", ()),
    ],
)
def test_a_rule_that_never_holds_does_not_exist(match: Match) -> None:
    assert seen(*([] if isinstance(match, Exclusions) else [TCP]), match) is None


def test_networks_inside_others_go() -> None:
    listed = networks("10.0.0.0/8", "10.1.0.0/16", "192.168.0.0/16", "192.168.0.0/16")
    assert seen(Source(listed)) == (Source((listed[0], listed[2])),)


def test_several_denied_networks_become_all_the_others() -> None:
    asked = Not(Destination(networks("0.0.0.0/2", "128.0.0.0/1")))
    assert seen(asked) == (Destination(networks("64.0.0.0/2")),)


@pytest.mark.parametrize(
    "matches",
    [
        (TCP, Not(TCP)),
        (Source(networks("10.0.0.0/8")), Source(networks("10.0.0.0/8"))),
        (TCP, exclusions("uid", [(6, 1, 1, 1, 1), (17, 1, 1, 2, 2)])),
        (OwnerGid(IdSet.of(1)), exclusions("uid", [(6, 1, 1, 1, 1), (17, 1, 1, 2, 2)])),
    ],
)
def test_asking_twice_is_refused(matches: tuple[Match, ...]) -> None:
    with pytest.raises(ValueError, match="asks twice"):
        seen(*matches)


@pytest.mark.parametrize("match", [SourcePort(PortSet.of(1)), Not(DestinationPort(PortSet.of(1)))])
def test_ports_of_no_protocol_are_refused(match: Match) -> None:
    with pytest.raises(ValueError, match="ports of no protocol"):
        seen(match)


def test_exclusions_that_fill_a_grid_are_plain() -> None:
    grid = exclusions("gid", [(17, 5, 9, 0, 65535)])
    assert plain(grid) == (Protocol(L4Proto.UDP), OwnerGid(IdSet.of((5, 9))))
    ports = exclusions("uid", [(6, user, user, port, port) for user in (1, 3) for port in (22, 80)])
    assert plain(ports) == (
        TCP,
        DestinationPort(PortSet.of(22, 80)),
        OwnerUid(IdSet.of(1, 3)),
    )


@pytest.mark.parametrize(
    "boxes",
    [
        [(6, 1, 1, 22, 22), (17, 1, 1, 22, 22)],
        [(6, 1, 1, 22, 22), (6, 3, 3, 23, 23)],
        [(6, 1, 1, 22, 22), (6, 1, 1, 80, 80), (6, 3, 3, 22, 22)],
        [(6, 1, 1, 22, 22), (6, 3, 3, 23, 23), (6, 5, 5, 22, 22)],
        [(6, 1, 1, 1, 1), (6, 1, 1, 3, 3), (6, 3, 3, 1, 1), (6, 3, 3, 4, 4)],
    ],
)
def test_exclusions_that_fill_no_grid_stay(boxes: list[tuple[int, int, int, int, int]]) -> None:
    match = exclusions("uid", boxes)
    assert plain(match) == (match,)


def python_network(network: Network) -> IPv4Network | IPv6Network:
    return ip_network(str(network))


four_networks = st.builds(
    lambda address, prefix: Network.parse(f"{address}/{prefix}"),
    st.ip_addresses(v=4),
    st.integers(0, 32),
)


@given(st.lists(four_networks, max_size=6))
def test_the_complement_and_the_networks_cover_everything_once(listed: list[Network]) -> None:
    kept = outermost(listed)
    others = complement(tuple(kept), V4)
    together = sorted(map(python_network, kept + others), key=lambda one: one.network_address)
    assert sum(one.num_addresses for one in together) == 1 << 32
    assert all(not one.overlaps(other) for one, other in pairwise(together))


def test_the_complement_of_nothing_is_everything_also_in_ipv6() -> None:
    assert complement((), V6) == networks("::/0")
    assert complement(networks("::/0"), V6) == ()
    assert complement(networks("8000::/1"), V6) == networks("::/1")


@given(st.lists(st.sampled_from(NETWORKS), max_size=8))
def test_the_outermost_networks_cover_the_same_and_are_apart(listed: list[Network]) -> None:
    kept = outermost(listed)
    assert list(kept) == sorted(kept, key=Network.sort_key)
    assert all(
        any(one.family == other.family and one.contains(other.address) for one in kept)
        for other in listed
    )
    assert len(outermost(kept)) == len(kept)
