"""A verdict in plain English."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_net.netfilter import explain as module
from kuma_net.netfilter.explain import describe_packet, explain
from kuma_net.netfilter.matches import OwnerUid, Protocol
from kuma_net.netfilter.packet import Packet
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.simulate import simulate
from kuma_net.netfilter.targets import CtZone, Drop, Jump, Log, Redirect
from kuma_net.values import BOTH_FAMILIES, Family, IdSet, L4Proto, parse_address

if TYPE_CHECKING:
    from kuma_net.netfilter.ruleset import Table

V4, V6 = Family.IPV4, Family.IPV6
SENT = Packet(
    "OUTPUT",
    V4,
    L4Proto.TCP,
    parse_address("10.0.0.2", V4),
    parse_address("10.0.0.5", V4),
    40000,
    80,
    out_interface="eth0",
    uid=1000,
)
TCP = Protocol(L4Proto.TCP)


def at(table: Table, *rules: Rule, chains: tuple[Chain, ...] = ()) -> Ruleset:
    return Ruleset(BOTH_FAMILIES, (HookChain(table, "OUTPUT", rules),), chains)


def test_the_answer_comes_first_and_then_the_rules_that_matched() -> None:
    chain = Chain("nat", "OUT", (Rule((TCP,), Redirect(15001), "to the sidecar", "some.port"),))
    ruleset = at(
        "nat",
        Rule((OwnerUid(IdSet.of(7)),), Drop(), "no"),
        Rule((), Jump("OUT"), "all of it"),
        chains=(chain,),
    )
    verdict = simulate(ruleset, SENT)
    answer = (
        "TCP from 10.0.0.2:40000 to 10.0.0.5:80, sent by user 1000, going out through eth0, "
        "goes to port 15001 of this machine."
    )
    matched = [
        "  nat OUTPUT, rule 2: everything goes through OUT: all of it",
        "  nat OUT, rule 1: TCP goes to port 15001 of this machine: to the sidecar [some.port]",
    ]
    assert explain(verdict).splitlines() == [answer, *matched]
    assert explain(verdict, all_steps=True).splitlines() == [
        answer,
        (
            "  nat OUTPUT, rule 1: everything of user 7 is dropped: no"
            " -- does not match: the packet is not of user 7"
        ),
        *matched,
    ]


def test_what_nothing_matched_says_so() -> None:
    verdict = simulate(at("nat"), SENT.replace(state="INVALID"))
    assert explain(verdict).splitlines()[0].endswith(" is left alone.")
    assert explain(verdict).splitlines()[1:] == [
        "  no rule of ours matched it",
        "  nat is not asked: the packet's connection state is INVALID",
    ]


def test_zones_and_log_lines_are_told() -> None:
    verdict = simulate(
        at("raw", Rule((), CtZone(2), ""), Rule((), Log("a:", 7), ""), Rule((), Drop(), "")), SENT
    )
    assert "is dropped and is tracked in zone 2, logged as 'a:'." in explain(verdict)


def test_a_chain_of_another_owner_is_named() -> None:
    verdict = simulate(at("nat", Rule((), Jump("DOCKER_OUTPUT"), "")), SENT)
    assert "is handed over to DOCKER_OUTPUT, a chain of another owner." in explain(verdict)


def test_packets_in_words() -> None:
    arrived = SENT.replace(
        hook="PREROUTING", uid=None, out_interface="", in_interface="", proto=L4Proto.UDP
    )
    assert describe_packet(arrived) == "UDP from 10.0.0.2:40000 to 10.0.0.5:80"
    assert describe_packet(arrived.replace(in_interface="br7")).endswith(", coming in through br7,")
    assert "sent by the kernel itself" in describe_packet(SENT.replace(uid=None))
    assert "sent by user 1000 and group 5" in describe_packet(SENT.replace(gid=5))
    assert "sent by group 5" in describe_packet(SENT.replace(uid=None, gid=5))
    six = SENT.replace(family=V6, source=1, destination=parse_address("fd00::5", V6))
    assert describe_packet(six).startswith("TCP from [::1]:40000 to [fd00::5]:80,")


def test_the_words_for_rules_are_offered_here_too() -> None:
    assert module.__all__ == sorted(module.__all__)
    assert all(callable(getattr(module, name)) for name in module.__all__)
