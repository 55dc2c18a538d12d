"""What nf_tables is told does to every packet what the ruleset says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuma_net.errors import NoBackend
from kuma_net.netfilter.contract import canonical
from kuma_net.netfilter.lower import base_chain_name, lower, stamp_chain
from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    FamilyIs,
    InInterface,
    Not,
    OutInterface,
    OwnerUid,
    Protocol,
    Source,
)
from kuma_net.netfilter.nf_tables import (
    DISPATCH,
    Cmp,
    Counter,
    Features,
    Hook,
    Immediate,
    Meta,
    Redir,
    Verdict,
    VerdictMap,
)
from kuma_net.netfilter.packet import Packet
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.simulate import simulate
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
from lab.nf_machine import Machine, looked_at
from lab.rulesets import ONE, packets, rulesets

if TYPE_CHECKING:
    from kuma_net.netfilter.nf_tables import Table
    from kuma_net.netfilter.targets import Target

V4, V6 = BOTH_FAMILIES
TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)
LO = OutInterface(InterfacePattern("lo"))
FEATURES = (
    Features(),
    Features(inet_nat=False),
    Features(concat_intervals=False),
    Features(interval_sets=False, concat_intervals=False),
    Features(inet_nat=False, interval_sets=False, concat_intervals=False),
)
features = st.sampled_from(FEATURES)


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(Network.parse, texts))


LOCALHOST = networks("127.0.0.1", "::1")


def output(*rules: Rule, chains: tuple[Chain, ...] = ()) -> Ruleset:
    return Ruleset(BOTH_FAMILIES, (HookChain("nat", "OUTPUT", rules),), chains)


def only_table(ruleset: Ruleset) -> Table:
    (table,) = lower(ruleset)
    return table


def rules_of(table: Table, name: str) -> list[str]:
    return [rule.comment for chain in table.chains if chain.name == name for rule in chain.rules]


def sent(family: Family, destination: str, **about: object) -> Packet:
    network = Network.parse(destination)
    packet = Packet("OUTPUT", family, L4Proto.TCP, 0, network.address, 40000, 80)
    return packet.replace(out_interface="eth0", uid=1000, gid=1000).replace(**about)


@settings(max_examples=25)
@given(rulesets(), st.lists(packets(), min_size=1, max_size=5), features)
def test_a_packet_fares_as_the_ruleset_says(
    ruleset: Ruleset, some: list[Packet], has: Features
) -> None:
    for form in (ruleset, canonical(ruleset)):
        tables = lower(form, has)
        for packet in some:
            if packet.family in form.families:
                said, done = simulate(form, packet), Machine(tables, packet)
                expected = (said.outcome, said.port, said.zone, list(said.logged))
                assert (done.outcome, done.port, done.zone, done.logged) == expected


@settings(max_examples=25)
@given(rulesets(), st.lists(packets(), min_size=1, max_size=5), features)
def test_a_packet_fares_no_other_way_in_the_variants_for_an_interface(
    ruleset: Ruleset, some: list[Packet], has: Features
) -> None:
    """Chains whose rules are asked again for loopback: enough of them for a variant."""
    rules = ruleset.chains[0].rules
    again = [
        rule.replace(matches=(*rule.matches, LO))
        for rule in rules
        if not any(isinstance(match, OutInterface) or match == Not(LO) for match in rule.matches)
    ]
    chain = Chain("nat", ONE, (*again, *rules, *again, *again))
    ruleset = ruleset.replace(chains=(chain, *ruleset.chains[1:]))
    tables = lower(ruleset, has)
    for packet in some:
        if packet.family in ruleset.families:
            said, done = simulate(ruleset, packet), Machine(tables, packet)
            assert (done.outcome, done.port, done.zone) == (said.outcome, said.port, said.zone)


def test_hooks_become_base_chains_with_their_priorities() -> None:
    rule = (Rule((), Accept(), "x"),)
    ruleset = Ruleset(
        (V4,),
        (
            HookChain("raw", "PREROUTING", rule),
            HookChain("mangle", "PREROUTING", rule),
            HookChain("nat", "OUTPUT", rule),
        ),
        (),
    )
    hooks = {chain.name: chain.hook for chain in only_table(ruleset).chains}
    assert hooks == {
        "raw_prerouting": Hook("filter", "prerouting", -300),
        "mangle_prerouting": Hook("filter", "prerouting", -150),
        "nat_output": Hook("nat", "output", -101),
    }
    assert [base_chain_name(hook) for hook in ruleset.hooks] == list(hooks)


def test_one_family_has_a_table_of_its_own_kind() -> None:
    ruleset = output(Rule((TCP,), Accept(), "x"))
    assert [table.family for table in lower(ruleset)] == ["inet"]
    assert [table.family for table in lower(ruleset.replace(families=(V4,)))] == ["ip"]
    assert [table.family for table in lower(ruleset.replace(families=(V6,)))] == ["ip6"]
    apart = lower(ruleset, Features(inet_nat=False))
    assert [table.family for table in apart] == ["ip", "ip6"]


def test_what_is_before_and_behind_other_owners_rules_stands_in_one_row() -> None:
    first, last = Rule((TCP,), Return(), "first"), Rule((UDP,), Return(), "last")
    ruleset = Ruleset((V4,), (HookChain("nat", "OUTPUT", (first,), (last,)),), ())
    assert rules_of(only_table(ruleset), "nat_output") == ["first", "last"]


@pytest.mark.parametrize(
    ("target", "action"),
    [
        (Return(), (Verdict("return"),)),
        (Accept(), (Verdict("accept"),)),
        (Drop(), (Verdict("drop"),)),
        (Redirect(15001), (Immediate(b"\x3a\x99"), Redir())),
    ],
)
def test_a_rule_counts_and_then_acts(target: Target, action: tuple[object, ...]) -> None:
    (chain,) = only_table(output(Rule((TCP,), target, "why", "some.setting"))).chains
    (rule,) = chain.rules
    assert rule.expressions == (Meta("l4proto"), Cmp("==", b"\x06"), Counter(), *action)
    assert (rule.comment, rule.position) == ("why [some.setting]", 0)


def test_zones_and_log_lines_go_on() -> None:
    rules = (Rule((), CtZone(258), "zone"), Rule((), Log("seen:", 7), "log"))
    ruleset = Ruleset((V4,), (HookChain("raw", "OUTPUT", rules),), ())
    machine = Machine(lower(ruleset), sent(V4, "192.0.2.1"))
    assert (machine.zone, machine.logged) == (258, ["seen:"])


def test_a_rule_for_both_families_becomes_two_of_one_position() -> None:
    ruleset = output(Rule((), Return(), "a"), Rule((Destination(LOCALHOST),), Return(), "b"))
    (chain,) = only_table(ruleset).chains
    assert [rule.position for rule in chain.rules] == [0, 1, 1]


def test_a_chain_of_both_families_stands_there_for_each_and_a_map_leads_to_it() -> None:
    rules = (Rule((Destination(LOCALHOST),), Return(), "local"), Rule((TCP,), Accept(), "other"))
    ruleset = output(Rule((TCP,), Jump(ONE), "in"), chains=(Chain("nat", ONE, rules),))
    table = only_table(ruleset)
    assert [chain.name for chain in table.chains] == ["nat_output", f"{ONE}.ipv4", f"{ONE}.ipv6"]
    assert table.chains[0].rules[0].expressions[-2:] == (Meta("nfproto"), VerdictMap(ONE))
    assert [then.chain for _, then in table.maps[0].elements] == [f"{ONE}.ipv4", f"{ONE}.ipv6"]
    assert looked_at(table, sent(V6, "2001:db8::1")) == 3


def test_a_rule_of_one_family_jumps_straight_to_its_variant() -> None:
    inner = (Rule((Destination(LOCALHOST),), Return(), "local"),)
    networks_v6 = networks("fd00::/8")
    ruleset = output(
        Rule((Destination(networks_v6),), Jump(ONE), "in"), chains=(Chain("nat", ONE, inner),)
    )
    table = only_table(ruleset)
    assert table.chains[0].rules[0].expressions[-1] == Verdict("jump", f"{ONE}.ipv6")
    assert table.maps == ()


def test_a_rule_that_excludes_a_family_is_missing_in_its_variant() -> None:
    rules = (
        Rule((Destination(LOCALHOST),), Return(), "local"),
        Rule((Not(FamilyIs(V4)), TCP), Return(), "not v4"),
        Rule((FamilyIs(V4), TCP), Accept(), "v4"),
    )
    ruleset = output(Rule((TCP,), Jump(ONE), "in"), chains=(Chain("nat", ONE, rules),))
    table = only_table(ruleset)
    assert rules_of(table, f"{ONE}.ipv4") == ["local", "v4"]
    assert rules_of(table, f"{ONE}.ipv6") == ["local", "not v4"]
    apart = lower(ruleset, Features(inet_nat=False))
    assert rules_of(apart[0], ONE) == ["local", "v4"]


def loopback_chain() -> Chain:
    return Chain(
        "nat",
        ONE,
        (
            Rule((LO, Source(networks("127.0.0.6"))), Return(), "a"),
            Rule((LO, TCP, OwnerUid(IdSet.of(5678))), Return(), "b"),
            Rule((Not(LO), UDP), Return(), "not lo"),
            Rule((LO, TCP), Return(), "c"),
            Rule((TCP,), Accept(), "rest"),
        ),
    )


def test_three_rules_about_an_interface_are_met_by_its_packets_only() -> None:
    ruleset = output(Rule((TCP,), Jump(ONE), "in"), chains=(loopback_chain(),))
    (table,) = lower(ruleset.replace(families=(V4,)))
    assert rules_of(table, ONE)[1:] == ["not lo", "rest"]
    assert rules_of(table, f"{ONE}.lo") == ["a", "b", "c", "rest"]
    dispatch = table.chains[1].rules[0]
    assert dispatch.position == DISPATCH
    assert dispatch.expressions[-1] == Verdict("goto", f"{ONE}.lo")
    assert looked_at(table, sent(V4, "192.0.2.1")) == 4


def test_an_interface_with_an_odd_name_makes_a_chain_that_nft_can_name() -> None:
    odd = InInterface(InterfacePattern("br-ü.1", wildcard=True))
    rules = tuple(
        Rule((odd, TCP, DestinationPort(PortSet.of(n))), Return(), "x") for n in (1, 3, 5)
    )
    hook = HookChain("nat", "PREROUTING", (Rule((), Jump(ONE), "in"),))
    (table,) = lower(Ruleset((V4,), (hook,), (Chain("nat", ONE, rules),)))
    assert table.chains[-1].name == f"{ONE}.br___1"


def test_two_rules_about_an_interface_stay_where_they_are() -> None:
    chain = loopback_chain()
    ruleset = output(Rule((TCP,), Jump(ONE), "in"), chains=(chain.replace(rules=chain.rules[1:]),))
    (table,) = lower(ruleset.replace(families=(V4,)))
    assert [chain.name for chain in table.chains] == ["nat_output", ONE]


@pytest.mark.parametrize("target", [Redirect(15001), Accept(), Drop()])
def test_a_jump_to_a_chain_of_one_rule_does_what_that_says(target: Target) -> None:
    chains = (
        Chain("nat", "KUMA_MESH_OTHER", ()),
        Chain("nat", ONE, (Rule((TCP,), target, "there"),)),
    )
    ruleset = output(Rule((TCP, LO), Jump(ONE), "here"), chains=chains)
    table = only_table(ruleset)
    rule = table.chains[0].rules[0]
    assert (rule.comment, rule.inlined, rule.own) == ("here", 1, 2)
    assert not any(isinstance(it, Verdict) and it.code == "jump" for it in rule.expressions)
    assert rule.expressions.count(Meta("l4proto")) == 1


@pytest.mark.parametrize(
    "there",
    [
        (Rule((TCP,), Return(), "return goes back to the jump"),),
        (Rule((LO,), Accept(), "not a protocol alone"),),
        (Rule((TCP,), Accept(), "one"), Rule((), Accept(), "two")),
        (),
    ],
)
def test_any_other_jump_stays_a_jump(there: tuple[Rule, ...]) -> None:
    ruleset = output(Rule((TCP,), Jump(ONE), "here"), chains=(Chain("nat", ONE, there),))
    rule = only_table(ruleset).chains[0].rules[0]
    assert rule.expressions[-1] == Verdict("jump", ONE)
    assert rule.inlined == -1


def test_a_jump_to_a_chain_of_others_is_refused_by_name() -> None:
    ruleset = output(Rule((TCP,), Jump("DOCKER_OUTPUT"), "why", "some.setting"))
    with pytest.raises(NoBackend) as refused:
        lower(ruleset)
    told = refused.value.reasons["nftables"]
    assert 'rule "why [some.setting]" jumps to chain DOCKER_OUTPUT' in told


def test_the_stamp_is_the_tables_comment_or_a_chain_nobody_enters() -> None:
    ruleset = output(Rule((TCP,), Accept(), "x"))
    (table,) = lower(ruleset, stamp="who")
    assert table.comment == "who"
    (without,) = lower(ruleset, Features(table_userdata=False), "who")
    assert (without.comment, without.chains[-1]) == ("", stamp_chain("who"))
    (unstamped,) = lower(ruleset, Features(table_userdata=False))
    assert unstamped.chains == table.chains


@given(rulesets(), features)
@settings(max_examples=10)
def test_same_ruleset_same_objects(ruleset: Ruleset, has: Features) -> None:
    assert lower(ruleset, has, "stamp") == lower(ruleset, has, "stamp")
