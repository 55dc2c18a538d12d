"""Rules in plain English."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.netfilter.describe import (
    describe,
    describe_match,
    describe_matches,
    describe_ruleset,
    describe_target,
    listed,
)
from kuma_net.netfilter.matches import (
    CtState,
    Destination,
    DestinationPort,
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
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.values import (
    BOTH_FAMILIES,
    Family,
    IdSet,
    InterfacePattern,
    L4Proto,
    Network,
    PortSet,
)

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.targets import Target

TCP = Protocol(L4Proto.TCP)


@pytest.mark.parametrize(
    ("matches", "words"),
    [
        ((), "everything"),
        ((TCP,), "TCP"),
        ((Not(TCP),), "all but TCP"),
        ((FamilyIs(Family.IPV6), TCP), "IPv6 TCP"),
        ((Source((Network.parse("10.0.0.0/8"),)),), "everything from 10.0.0.0/8"),
        (
            (
                DestinationPort(PortSet.of(80, (8000, 8999))),
                TCP,
                Not(Destination((Network.parse("::1"),))),
            ),
            "TCP to anything but ::1/128 to port 80 or 8000-8999",
        ),
        ((TCP, SourcePort(PortSet.of(53))), "TCP from port 53"),
        ((InInterface(InterfacePattern.parse("br+")),), "everything coming in through br+"),
        ((OutInterface(InterfacePattern.parse("lo")),), "everything going out through lo"),
        ((OwnerUid(IdSet.of(5678)),), "everything of user 5678"),
        ((OwnerGid(IdSet.of((1, 9))),), "everything of group 1-9"),
        ((CtState("INVALID"),), "everything in connection state INVALID"),
        (
            (exclusions("uid", [(6, 7, 7, 22, 22), (6, 7, 7, 80, 80), (17, 8, 9, 53, 53)]),),
            "TCP to port 22 or 80 of user 7 or UDP to port 53 of user 8-9",
        ),
        ((exclusions("gid", [(6, 7, 7, 22, 22)]),), "TCP to port 22 of group 7"),
    ],
)
def test_matches_in_words(matches: tuple[Match, ...], words: str) -> None:
    assert describe_matches(matches) == words


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Return(), "leaves this chain"),
        (Accept(), "is let through"),
        (Drop(), "is dropped"),
        (Jump("X"), "goes through X"),
        (Redirect(15001), "goes to port 15001 of this machine"),
        (CtZone(2), "is tracked in zone 2"),
        (Log("OUTPUT:", 7), "is logged as 'OUTPUT:' at level 7"),
    ],
)
def test_targets_in_words(target: Target, words: str) -> None:
    assert describe_target(target) == words


def test_one_match_in_words() -> None:
    assert describe_match(TCP) == "TCP"
    assert describe_match(Not(DestinationPort(PortSet.of(80)))) == "to anything but port 80"


def test_a_rule_says_why_and_which_setting() -> None:
    assert describe(Rule((TCP,), Redirect(1), "so it shall be", "some.setting")) == (
        "TCP goes to port 1 of this machine: so it shall be [some.setting]"
    )
    assert describe(Rule((TCP,), Drop(), "")) == "TCP is dropped"


def test_long_lists_are_cut_and_counted() -> None:
    assert listed([]) == ""
    assert listed(["a"]) == "a"
    assert listed("abc") == "a, b or c"
    assert listed(range(1008)) == "0, 1, 2, 3, 4, 5, 6, 7 or one of 1,000 more"


def test_a_ruleset_is_its_chains_with_their_rules_numbered() -> None:
    rule = Rule((TCP,), Jump("X"), "w")
    ruleset = Ruleset(
        BOTH_FAMILIES,
        (HookChain("nat", "OUTPUT", (rule,), (rule,)),),
        (Chain("nat", "X", (Rule((), Return(), ""),)),),
    )
    assert describe_ruleset(ruleset).splitlines() == [
        "rules for IPv4 and IPv6",
        "nat OUTPUT",
        "  1. TCP goes through X: w",
        "  2. TCP goes through X: w",
        "nat X",
        "  1. everything leaves this chain",
    ]
