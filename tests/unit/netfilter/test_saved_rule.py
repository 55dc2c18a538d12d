"""Single rules of iptables-save: those of ours read back, others refused with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from kuma_net.netfilter.expand import expand
from kuma_net.netfilter.listing import words_of
from kuma_net.netfilter.matches import (
    CtState,
    Destination,
    DestinationPort,
    InInterface,
    Not,
    OutInterface,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.netfilter.restore_text import Style, rule_text
from kuma_net.netfilter.ruleset import Rule, Ruleset
from kuma_net.netfilter.saved_rule import read_rule
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.values import Family, IdSet, InterfacePattern, L4Proto, Network, PortSet
from lab.rulesets import ONE, TWO, rulesets

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.targets import Target

TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)
CHAINS = {"X", ONE, TWO}


def read(line: str, family: Family = Family.IPV4) -> Rule:
    return read_rule(words_of(line), family, CHAINS)


@pytest.mark.parametrize(
    ("line", "matches", "target"),
    [
        ("-j RETURN", (), Return()),
        ("-p tcp -m tcp -j ACCEPT", (TCP,), Accept()),
        ("! -p udp -j DROP", (Not(UDP),), Drop()),
        (
            "-s 10.0.0.0/8 ! -d 1.2.3.4/32 -i br+ -p udp -m udp --sport 5 --dport 7:9 -j X",
            (
                UDP,
                Source((Network.parse("10.0.0.0/8"),)),
                Not(Destination((Network.parse("1.2.3.4"),))),
                InInterface(InterfacePattern.parse("br+")),
                SourcePort(PortSet.of(5)),
                DestinationPort(PortSet.of((7, 9))),
            ),
            Jump("X"),
        ),
        (
            (
                "! -o lo -p tcp -m owner --uid-owner 5-9 -m multiport --dports 5,7:9 "
                "-j REDIRECT --to-ports 15001"
            ),
            (
                TCP,
                Not(OutInterface(InterfacePattern.parse("lo"))),
                DestinationPort(PortSet.of(5, (7, 9))),
                OwnerUid(IdSet.of((5, 9))),
            ),
            Redirect(15001),
        ),
        (
            (
                "-p tcp -m multiport ! --sports 1,3 -m multiport ! --sports 5 "
                "-m multiport ! --dports 9 -j RETURN"
            ),
            (TCP, Not(SourcePort(PortSet.of(1, 3, 5))), Not(DestinationPort(PortSet.of(9)))),
            Return(),
        ),
        (
            "-p udp -m udp --dport 53 -m owner --gid-owner 7 -j CT --zone 1",
            (UDP, DestinationPort(PortSet.of(53)), OwnerGid(IdSet.of(7))),
            CtZone(1),
        ),
        ("-m conntrack --ctstate INVALID -j DROP", (CtState("INVALID"),), Drop()),
        ('-j LOG --log-prefix "OUTPUT:"', (), Log("OUTPUT:", 4)),
        ('-j LOG --log-prefix "a b" --log-level 7', (), Log("a b", 7)),
    ],
)
def test_rules_of_ours(line: str, matches: tuple[Match, ...], target: Target) -> None:
    assert read(line) == Rule(matches, target, "", "")


def test_the_reason_and_the_setting_stand_in_the_comment() -> None:
    line = (
        '-p tcp -m comment --comment "kuma/mesh/transparent/proxy/it\\\'s why [some.setting]" '
        "-j RETURN"
    )
    assert read(line) == Rule((TCP,), Return(), "it's why", "some.setting")


def test_a_comment_that_looks_like_an_option_is_a_comment() -> None:
    assert read('-m comment --comment "-j DROP" -j RETURN').why == "-j DROP"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("-p tcp", "without a target"),
        ("-p icmp -j RETURN", "-p icmp"),
        ("-m mark --mark 5 -j RETURN", "module 'mark'"),
        ("-m owner ! --uid-owner 5 -j RETURN", "denied owner"),
        ("-m owner --socket-exists -j RETURN", "option '--socket-exists'"),
        ("-m conntrack --ctstate NEW,RELATED -j RETURN", "--ctstate NEW,RELATED"),
        ("-s nonsense -j RETURN", "not an IP address"),
        ("-d 10.0.0.0/8 -d 10.0.0.0/8 -j RETURN", "asks twice"),
        ("! -d 0.0.0.0/0 -j RETURN", "never holds"),
        ("-j MASQUERADE --random", "target MASQUERADE --random"),
        ("-j Y", "target Y"),
        ("-j RETURN --strange", "target RETURN --strange"),
        ("-j X --strange", "target X --strange"),
        ("-p tcp -j REDIRECT", "target REDIRECT"),
        ("-p tcp -j REDIRECT --to-ports 1-9", "not a number"),
        ("-j CT --notrack", "target CT --notrack"),
        ("-j LOG --log-uid", "target LOG --log-uid"),
        ("-j LOG --log-level 5", "target LOG --log-level 5"),
        ("-j LOG --log-uid 5", "target LOG --log-uid 5"),
        ("-g X", "option '-g'"),
    ],
)
def test_other_rules_are_refused_with_the_reason(line: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        read(line)


@settings(max_examples=25)
@given(rulesets())
def test_what_is_written_is_read_back(ruleset: Ruleset) -> None:
    for family in ruleset.families:
        for _, rule in expand(ruleset, family).rules():
            assert read(rule_text(rule, Style()), family) == rule
