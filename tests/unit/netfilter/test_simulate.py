"""A packet's way through the rules, as the kernel would have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
from kuma_net.netfilter.packet import Packet
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.simulate import holds, simulate
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.values import (
    BOTH_FAMILIES,
    Family,
    IdSet,
    InterfacePattern,
    L4Proto,
    Network,
    PortSet,
    parse_address,
)

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.ruleset import Table
    from kuma_net.netfilter.targets import Target

TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)
V4, V6 = Family.IPV4, Family.IPV6
SENT = Packet(
    "OUTPUT",
    V4,
    L4Proto.TCP,
    parse_address("10.0.0.2", V4),
    parse_address("192.0.2.1", V4),
    40000,
    80,
    out_interface="eth0",
    uid=1000,
    gid=1001,
)
KERNELS = SENT.replace(uid=None, gid=None)
ARRIVED = SENT.replace(hook="PREROUTING", uid=None, gid=None, out_interface="", in_interface="br7")
SENT_V6 = SENT.replace(
    family=V6, source=parse_address("fd00::2", V6), destination=parse_address("fd00::1", V6)
)


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(Network.parse, texts))


def rule(target: Target, *matches: Match) -> Rule:
    return Rule(matches, target, "w")


def at(table: Table, *listed: Rule, chains: tuple[Chain, ...] = ()) -> Ruleset:
    return Ruleset(BOTH_FAMILIES, (HookChain(table, "OUTPUT", listed),), chains)


@pytest.mark.parametrize(
    ("match", "packet", "held"),
    [
        (FamilyIs(V4), SENT, True),
        (FamilyIs(V4), SENT_V6, False),
        (TCP, SENT, True),
        (UDP, SENT, False),
        (Source(networks("10.0.0.0/8")), SENT, True),
        (Source(networks("10.0.0.0/8", "fd00::/8")), SENT_V6, True),
        (Source(networks("10.0.0.0/8")), SENT_V6, False),
        (Destination(networks("192.0.2.0/24")), SENT, True),
        (Destination(networks("192.0.2.2")), SENT, False),
        (SourcePort(PortSet.of((39999, 40001))), SENT, True),
        (SourcePort(PortSet.of(80)), SENT, False),
        (DestinationPort(PortSet.of(80)), SENT, True),
        (DestinationPort(PortSet.of(81)), SENT, False),
        (InInterface(InterfacePattern.parse("br+")), ARRIVED, True),
        (InInterface(InterfacePattern.parse("br")), ARRIVED, False),
        (OutInterface(InterfacePattern.parse("eth0")), SENT, True),
        (OutInterface(InterfacePattern.parse("lo")), SENT, False),
        (OwnerUid(IdSet.of(1000)), SENT, True),
        (OwnerUid(IdSet.of(1001)), SENT, False),
        (OwnerGid(IdSet.of(1001)), SENT, True),
        (CtState("NEW"), SENT, True),
        (CtState("INVALID"), SENT, False),
        (exclusions("uid", [(6, 1000, 1000, 80, 80)]), SENT, True),
        (exclusions("gid", [(6, 1000, 1000, 80, 80)]), SENT, False),
        (exclusions("gid", [(6, 1001, 1001, 80, 90)]), SENT, True),
        (exclusions("uid", [(17, 1000, 1000, 80, 80)]), SENT, False),
        (exclusions("uid", [(6, 1000, 1000, 81, 81)]), SENT, False),
        (Not(TCP), SENT, False),
        (Not(UDP), SENT, True),
        (Not(FamilyIs(V6)), SENT, True),
        (Not(Destination(networks("10.0.0.0/8", "fd00::/16"))), SENT, True),
        (Not(Destination(networks("192.0.2.0/24", "fd00::/16"))), SENT, False),
    ],
)
def test_a_match_holds(match: Match, packet: Packet, *, held: bool) -> None:
    assert holds(match, packet) is held


@pytest.mark.parametrize(
    "match",
    [
        OwnerUid(IdSet.of((0, 4294967294))),
        OwnerGid(IdSet.of((0, 4294967294))),
        exclusions("uid", [(6, 0, 4294967294, 0, 65535)]),
    ],
)
def test_a_packet_without_a_socket_has_no_owner(match: Match) -> None:
    assert holds(match, SENT)
    assert not holds(match, KERNELS)


def test_denied_networks_of_one_family_do_not_hold_for_the_other() -> None:
    denied = Not(Source(networks("10.0.0.0/8")))
    assert not holds(denied, SENT_V6)
    assert holds(denied, SENT.replace(source=parse_address("192.0.2.9", V4)))


def test_a_redirected_packet_goes_to_the_port() -> None:
    verdict = simulate(at("nat", rule(Redirect(15001), TCP)), SENT)
    assert (verdict.outcome, verdict.port) == ("redirected", 15001)
    assert [(step.table, step.chain, step.position) for step in verdict.matched] == [
        ("nat", "OUTPUT", 1)
    ]


def test_what_no_rule_matches_is_untouched_and_every_rule_was_looked_at() -> None:
    verdict = simulate(at("nat", rule(Drop(), UDP), rule(Drop(), TCP, OwnerUid(IdSet.of(1)))), SENT)
    assert verdict.outcome == "untouched"
    assert [step.failed for step in verdict.steps] == [UDP, OwnerUid(IdSet.of(1))]
    assert verdict.matched == ()


def test_a_family_the_ruleset_has_not_is_untouched() -> None:
    ruleset = at("nat", rule(Redirect(15001))).replace(families=(V4,))
    assert simulate(ruleset, SENT).outcome == "redirected"
    assert simulate(ruleset, SENT_V6).outcome == "untouched"


def test_other_hooks_are_not_asked() -> None:
    assert simulate(at("nat", rule(Redirect(15001))), ARRIVED).outcome == "untouched"


def test_a_jump_comes_back_behind_itself() -> None:
    chain = Chain("nat", "X", (rule(Log("x", 7)), rule(Return(), TCP), rule(Drop())))
    verdict = simulate(at("nat", rule(Jump("X")), rule(Redirect(1)), chains=(chain,)), SENT)
    assert (verdict.outcome, verdict.port, verdict.logged) == ("redirected", 1, ("x",))


def test_a_decision_in_a_chain_is_final() -> None:
    chain = Chain("nat", "X", (rule(Redirect(7)),))
    verdict = simulate(at("nat", rule(Jump("X")), rule(Redirect(1)), chains=(chain,)), SENT)
    assert verdict.port == 7


def test_a_chain_that_ends_comes_back_too() -> None:
    chain = Chain("nat", "X", (rule(Drop(), UDP),))
    verdict = simulate(at("nat", rule(Jump("X")), rule(Redirect(1)), chains=(chain,)), SENT)
    assert verdict.port == 1


def test_a_chain_of_another_owner_gets_the_packet() -> None:
    chains = (Chain("raw", "DOCKER_OUTPUT", (rule(Drop()),)),)
    verdict = simulate(at("nat", rule(Jump("DOCKER_OUTPUT")), chains=chains), SENT)
    assert (verdict.outcome, verdict.chain) == ("handed over", "DOCKER_OUTPUT")


@pytest.mark.parametrize("target", [Return(), Accept()])
def test_leaving_a_hook_ends_the_table_and_no_other(target: Target) -> None:
    hooks = (
        HookChain("raw", "OUTPUT", (rule(target), rule(Drop()))),
        HookChain("nat", "OUTPUT", (rule(Redirect(1)),)),
    )
    assert simulate(Ruleset(BOTH_FAMILIES, hooks, ()), SENT).port == 1


def test_dropping_ends_everything() -> None:
    hooks = (
        HookChain("mangle", "OUTPUT", (rule(Drop()),)),
        HookChain("nat", "OUTPUT", (rule(Redirect(1)),)),
    )
    verdict = simulate(Ruleset(BOTH_FAMILIES, hooks, ()), SENT)
    assert (verdict.outcome, verdict.port) == ("dropped", 0)


def test_the_first_zone_stays_and_the_packet_goes_on() -> None:
    verdict = simulate(at("raw", rule(CtZone(1), TCP), rule(CtZone(2)), rule(Log("a", 7))), SENT)
    assert (verdict.zone, verdict.logged, verdict.outcome) == (1, ("a",), "untouched")


@pytest.mark.parametrize("state", ["ESTABLISHED", "INVALID", "UNTRACKED"])
def test_nat_is_asked_about_new_connections_only(state: str) -> None:
    packet = SENT.replace(state=state)
    verdict = simulate(at("nat", rule(Redirect(1))), packet)
    assert (verdict.outcome, verdict.skipped) == ("untouched", ("nat",))
    assert simulate(at("mangle", rule(Drop())), packet).outcome == "dropped"


def test_a_related_connection_is_a_new_one_to_nat() -> None:
    assert simulate(at("nat", rule(Redirect(1))), SENT.replace(state="RELATED")).port == 1


def test_rules_before_and_after_other_owners_are_met_in_that_order() -> None:
    hook = HookChain("nat", "OUTPUT", (rule(Redirect(1)),), (rule(Redirect(2)),))
    assert simulate(Ruleset(BOTH_FAMILIES, (hook,), ()), SENT).port == 1
