"""Parts of a rule put together again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.netfilter.joined import join_parts, of_box
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
from kuma_net.netfilter.ruleset import Rule
from kuma_net.netfilter.targets import Accept, Return
from kuma_net.values import IdSet, L4Proto, Network, PortSet

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match

TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)
ONE, TWO = (Network.parse("10.0.0.1"),), (Network.parse("::1"),)
LOW, HIGH = PortSet.of(1), PortSet.of((5, 9))
YOUNG, OLD = IdSet.of(1), IdSet.of((5, 9))
BOXES = ((6, 1, 1, 80, 80), (17, 1, 1, 53, 53))


def rule(*matches: Match) -> Rule:
    return Rule(matches, Return(), "w")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (TCP, TCP, TCP),
        (Source(TWO), Source(ONE), Source(ONE + TWO)),
        (Destination(ONE), Destination(TWO), Destination(ONE + TWO)),
        (Not(Source(ONE)), Not(Source(TWO)), Not(Source(ONE + TWO))),
        (SourcePort(LOW), SourcePort(HIGH), SourcePort(LOW.union(HIGH))),
        (DestinationPort(LOW), DestinationPort(HIGH), DestinationPort(LOW.union(HIGH))),
        (OwnerUid(YOUNG), OwnerUid(OLD), OwnerUid(YOUNG.union(OLD))),
        (OwnerGid(YOUNG), OwnerGid(OLD), OwnerGid(YOUNG.union(OLD))),
        (Exclusions("uid", BOXES[1:]), Exclusions("uid", BOXES[:1]), Exclusions("uid", BOXES)),
    ],
)
def test_what_differs_in_one_thing_is_joined(one: Match, other: Match, both: Match) -> None:
    assert join_parts(rule(TCP, one), rule(TCP, other)) == rule(TCP, both)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rule(TCP), rule(UDP)),
        (rule(TCP), rule(TCP, TCP)),
        (rule(TCP), rule(TCP).replace(target=Accept())),
        (rule(Source(ONE)), rule(Destination(ONE))),
        (rule(Source(ONE)), rule(TCP)),
        (rule(TCP), rule(Source(ONE))),
        (rule(Not(TCP)), rule(Not(UDP))),
        (rule(Not(TCP)), rule(UDP)),
        (rule(SourcePort(LOW)), rule(DestinationPort(LOW))),
        (rule(DestinationPort(LOW)), rule(SourcePort(LOW))),
        (rule(OwnerUid(YOUNG)), rule(OwnerGid(YOUNG))),
        (rule(OwnerGid(YOUNG)), rule(OwnerUid(YOUNG))),
        (rule(Exclusions("uid", BOXES)), rule(TCP)),
        (rule(Exclusions("uid", BOXES)), rule(Exclusions("gid", BOXES))),
    ],
)
def test_parts_of_different_rules_are_refused(one: Rule, other: Rule) -> None:
    with pytest.raises(NotOurs, match="differs from the other parts"):
        join_parts(one, other)


def test_three_questions_are_one_box() -> None:
    low = DestinationPort(LOW)
    by_user: list[Match] = [Source(ONE), TCP, OwnerUid(OLD), low]
    assert of_box(by_user) == [Source(ONE), Exclusions("uid", ((6, 5, 9, 1, 1),))]
    assert of_box([UDP, OwnerGid(YOUNG), DestinationPort(HIGH), Source(ONE)]) == [
        Exclusions("gid", ((17, 1, 1, 5, 9),)),
        Source(ONE),
    ]
    # A protocol of the rule's own does not begin the box.
    assert of_box([TCP, TCP, OwnerUid(YOUNG), low]) == [TCP, Exclusions("uid", ((6, 1, 1, 1, 1),))]


def test_without_three_questions_there_is_no_box() -> None:
    too_few: list[Match] = [TCP]
    no_owner: list[Match] = [TCP, Source(ONE), DestinationPort(LOW)]
    for matches in (too_few, no_owner):
        with pytest.raises(NotOurs, match="a protocol, an owner and a port"):
            of_box(matches)
