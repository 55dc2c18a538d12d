"""Rules taken apart into rows that one line of iptables can say."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from kuma_net.netfilter.matches import (
    CtState,
    DestinationPort,
    Not,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
    exclusions,
)
from kuma_net.netfilter.rows import MULTIPORT_PLACES, Boxed, boxed, port_lists, rows
from kuma_net.netfilter.ruleset import Rule
from kuma_net.netfilter.targets import Return
from kuma_net.values import IdSet, L4Proto, Network, PortSet

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match

TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(Network.parse, texts))


def apart(*matches: Match) -> list[tuple[Match, ...]]:
    return [row.matches for row in rows(Rule(matches, Return(), "w"))]


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(sorted), max_size=60))
def test_port_lists_fit_multiport_and_lose_nothing(pairs: list[list[int]]) -> None:
    ports = PortSet.of(*[(low, high) for low, high in pairs])
    lists = list(port_lists(ports))
    assert tuple(chain.from_iterable(one.intervals for one in lists)) == ports.intervals
    places = [sum(1 if low == high else 2 for low, high in one) for one in lists]
    assert all(place <= MULTIPORT_PLACES for place in places)
    for one, (place, _) in zip(lists[1:], pairwise(places), strict=True):
        low, high = one.intervals[0]
        assert place + (1 if low == high else 2) > MULTIPORT_PLACES


def test_a_rule_that_is_one_row_is_itself() -> None:
    rule = Rule((TCP, DestinationPort(PortSet.of(1, 2))), Return(), "w")
    assert rows(rule)[0] is rule


def test_networks_ports_and_owners_make_rows_outermost_first() -> None:
    source, ports = networks("10.0.0.0/8", "192.168.0.0/16"), PortSet.of(*range(1, 33, 2))
    found = apart(TCP, Source(source), DestinationPort(ports), OwnerUid(IdSet.of(1, 5)))
    lists = list(port_lists(ports))
    assert found == [
        (TCP, Source((network,)), DestinationPort(part), OwnerUid(IdSet.of(user)))
        for network in source
        for part in lists
        for user in (1, 5)
    ]


def test_source_ports_and_groups_make_rows_too() -> None:
    ports = PortSet.of(*range(1, 33, 2))
    found = apart(UDP, SourcePort(ports), OwnerGid(IdSet.of(1, 5)))
    assert len(found) == 2 * 2


def test_what_is_denied_stays_whole() -> None:
    matches = (TCP, Not(DestinationPort(PortSet.of(*range(1, 99, 2)))))
    assert apart(*matches) == [matches]


def test_boxes_become_protocol_ports_and_owner_with_the_ports_of_one_owner_together() -> None:
    boxes = [(6, 1, 2, 22, 22), (6, 1, 2, 80, 90), (17, 9, 9, 0, 65535)]
    found = apart(Source(networks("10.0.0.0/8")), CtState("NEW"), exclusions("gid", boxes))
    source, state = Source(networks("10.0.0.0/8")), CtState("NEW")
    assert found == [
        (
            TCP,
            source,
            DestinationPort(PortSet.of(22, (80, 90))),
            OwnerGid(IdSet.of((1, 2))),
            state,
        ),
        (UDP, source, OwnerGid(IdSet.of(9)), state),
    ]


def test_one_box_of_a_user_is_one_row() -> None:
    found = apart(CtState("NEW"), exclusions("uid", [(6, 1, 1, 22, 22)]))
    assert found == [(TCP, DestinationPort(PortSet.of(22)), OwnerUid(IdSet.of(1)), CtState("NEW"))]


def test_a_plain_rule_is_seen_as_boxes() -> None:
    state = CtState("NEW")
    matches = (TCP, DestinationPort(PortSet.of(22, 80)), OwnerUid(IdSet.of((1, 2), 7)), state)
    boxes = ((6, 1, 2, 22, 22), (6, 1, 2, 80, 80), (6, 7, 7, 22, 22), (6, 7, 7, 80, 80))
    assert boxed(matches) == Boxed("uid", boxes, (state,))
    assert boxed((UDP, OwnerGid(IdSet.of(1)))) == Boxed("gid", ((17, 1, 1, 0, 65535),), ())


def test_exclusions_are_seen_as_what_they_are() -> None:
    match = exclusions("gid", [(6, 1, 1, 22, 22), (17, 1, 1, 22, 22)])
    assert boxed((CtState("NEW"), match)) == Boxed("gid", match.boxes, (CtState("NEW"),))


def test_what_boxes_cannot_say_is_seen_as_none() -> None:
    user = OwnerUid(IdSet.of(1))
    assert boxed((TCP,)) is None
    assert boxed((user,)) is None
    assert boxed((TCP, user, OwnerGid(IdSet.of(1)))) is None
    assert boxed((TCP, SourcePort(PortSet.of(1)), user)) is None
    assert boxed((TCP, Not(DestinationPort(PortSet.of(1))), user)) is None
    assert boxed((Not(TCP), user)) is None
