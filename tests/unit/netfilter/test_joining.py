"""Neighbours are joined where one rule can say them, whatever way they were cut up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kuma_net.netfilter.joining import reason, settled
from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    OwnerUid,
    Protocol,
    SourcePort,
    exclusions,
)
from kuma_net.netfilter.normal import plain
from kuma_net.netfilter.rows import rows
from kuma_net.netfilter.ruleset import Rule
from kuma_net.netfilter.targets import Return
from kuma_net.values import IdSet, L4Proto, Network, PortSet

TCP = Protocol(L4Proto.TCP)
NETWORKS = tuple(Network.parse(f"10.{number}.0.0/16") for number in range(4))

boxes = st.lists(
    st.tuples(
        st.sampled_from([6, 17]), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)
    ).map(lambda box: (box[0], box[1], box[1], *sorted(box[2:]))),
    min_size=1,
    max_size=12,
)


@given(boxes, st.booleans())
def test_exclusions_come_back_from_their_rows(
    listed: list[tuple[int, int, int, int, int]], behind_network: bool
) -> None:
    before = (Destination(NETWORKS),) if behind_network else ()
    pieces = plain(exclusions("uid", listed))
    assert pieces is not None
    ordered = sorted((*before, *pieces), key=lambda match: not isinstance(match, Protocol))
    rule = Rule(tuple(ordered), Return(), "w")
    assert settled(tuple(rows(rule))) == (rule,)


@given(st.permutations(NETWORKS))
def test_the_order_of_rows_does_not_matter(order: list[Network]) -> None:
    listed = tuple(Rule((TCP, Destination((network,))), Return(), "w") for network in order)
    assert settled(listed) == (Rule((TCP, Destination(NETWORKS)), Return(), "w"),)


def test_source_ports_are_joined_and_so_are_ports_without_an_owner() -> None:
    def ports(kind: type[SourcePort | DestinationPort], *numbers: int) -> Rule:
        return Rule((TCP, kind(PortSet.of(*numbers))), Return(), "w")

    assert settled((ports(SourcePort, 1), ports(SourcePort, 2))) == (ports(SourcePort, 1, 2),)
    halves = (ports(DestinationPort, 1, 9), ports(DestinationPort, 5))
    assert settled(halves) == (ports(DestinationPort, 1, 5, 9),)


def test_neighbours_that_differ_in_two_things_stay_apart() -> None:
    listed = tuple(
        Rule((TCP, Destination((network,)), DestinationPort(PortSet.of(port))), Return(), "w")
        for port, network in enumerate(NETWORKS, 1)
    )
    assert settled(listed) == listed


def test_nothing_is_nothing() -> None:
    assert settled(()) == ()


def test_a_reason_is_target_why_and_setting() -> None:
    assert reason(Rule((TCP,), Return(), "w", "s")) == reason(Rule((), Return(), "w", "s"))


def test_the_first_overlap_ends_what_is_joined_and_the_rest_goes_on() -> None:
    listed = tuple(
        Rule((TCP, OwnerUid(IdSet.of(number))), Return(), "w") for number in (1, 2, 3, 3, 4)
    )
    both = settled(listed)
    assert both == (
        Rule((TCP, OwnerUid(IdSet.of((1, 3)))), Return(), "w"),
        Rule((TCP, OwnerUid(IdSet.of((3, 4)))), Return(), "w"),
    )
