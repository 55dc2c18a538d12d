"""One canonical form: joining, restricting and coming back from what iptables can express."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuma_net.netfilter.contract import canonical, contract, restrict
from kuma_net.netfilter.expand import expand
from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    Exclusions,
    FamilyIs,
    Not,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
    exclusions,
)
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.simulate import simulate
from kuma_net.netfilter.targets import Jump, Return
from kuma_net.values import BOTH_FAMILIES, Family, IdSet, L4Proto, Network, PortSet
from lab.rulesets import ONE, packets, rulesets

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.packet import Packet
    from kuma_net.netfilter.simulate import Verdict
    from kuma_net.netfilter.targets import Target

TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)
V4, V6 = Family.IPV4, Family.IPV6


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(Network.parse, texts))


def rule(*matches: Match, why: str = "w", target: Target | None = None) -> Rule:
    return Rule(matches, target or Return(), why)


def of_rules(*listed: Rule, families: tuple[Family, ...] = BOTH_FAMILIES) -> Ruleset:
    return Ruleset(families, (HookChain("nat", "OUTPUT", listed),), ())


def joined(*listed: Rule, families: tuple[Family, ...] = BOTH_FAMILIES) -> tuple[Rule, ...]:
    hook = canonical(of_rules(*listed, families=families)).hook("nat", "OUTPUT")
    return hook.rules if hook else ()


few = settings(max_examples=25)
"""A ruleset takes milliseconds to draw."""


def fate(verdict: Verdict) -> tuple[object, ...]:
    return verdict.outcome, verdict.port, verdict.zone, verdict.logged


@few
@given(rulesets())
def test_canonical_twice_is_canonical_once(ruleset: Ruleset) -> None:
    once = canonical(ruleset)
    assert canonical(once) == once


@few
@given(rulesets(), st.lists(packets(), min_size=1, max_size=5))
def test_the_canonical_form_means_the_same_to_every_packet(
    ruleset: Ruleset, some: list[Packet]
) -> None:
    form = canonical(ruleset)
    for packet in some:
        assert fate(simulate(form, packet)) == fate(simulate(ruleset, packet))


@few
@given(rulesets(families=[BOTH_FAMILIES]))
def test_contract_is_the_way_back_from_expand(ruleset: Ruleset) -> None:
    form = canonical(ruleset)
    assert contract(expand(form, V4), expand(form, V6)) == form
    assert contract(expand(ruleset, V4), expand(ruleset, V6)) == form


def test_exclusions_that_overlap_their_neighbours_are_found_however_they_were_cut() -> None:
    narrow, wide = (6, 1000, 1000, 53, 53), (6, 0, 999, 0, 65535)
    listed = [
        Rule((exclusions("uid", boxes),), Return(), "w") for boxes in ([narrow], [wide, narrow])
    ]
    ruleset = Ruleset(BOTH_FAMILIES, (), (Chain("nat", "KUMA_MESH_ONE", tuple(listed)),))
    form = canonical(ruleset)
    assert contract(expand(ruleset, V4), expand(ruleset, V6)) == form
    assert contract(expand(form, V4), expand(form, V6)) == form


@few
@given(rulesets(families=[(V4,), (V6,)]))
def test_contract_is_the_way_back_for_one_family_alone(ruleset: Ruleset) -> None:
    form = canonical(ruleset)
    one = expand(form, ruleset.families[0])
    assert contract(*((one, None) if ruleset.families == (V4,) else (None, one))) == form


@few
@given(rulesets(families=[BOTH_FAMILIES]), packets())
def test_restricting_takes_nothing_from_the_family_that_stays(
    ruleset: Ruleset, packet: Packet
) -> None:
    one = restrict(ruleset, (packet.family,))
    assert one.families == (packet.family,)
    assert fate(simulate(one, packet)) == fate(simulate(ruleset, packet))


def test_a_family_the_ruleset_has_not_is_not_asked_anything() -> None:
    asked = of_rules(rule(TCP), families=(V4,)).replace(chains=(Chain("nat", ONE, ()),))
    assert restrict(asked, (V6,)) == Ruleset((), (), ())
    assert restrict(asked, BOTH_FAMILIES).families == (V4,)


def test_nothing_found_in_either_family_is_nothing() -> None:
    assert contract(None, None) == Ruleset((), (), ())


def test_networks_of_neighbours_are_joined_across_families() -> None:
    first = rule(Destination(networks("10.0.0.0/8")))
    second = rule(Destination(networks("fd00::/8")))
    third = rule(Destination(networks("192.168.0.0/16")))
    everything = networks("10.0.0.0/8", "192.168.0.0/16", "fd00::/8")
    assert joined(first, second, third) == (rule(Destination(everything)),)


def test_ports_times_networks_come_back_as_one_rule() -> None:
    ports = PortSet.of(*range(1, 80, 2))
    asked = rule(
        TCP,
        Source(networks("fd00::/8")),
        Destination(networks("::1", "fd00::/16")),
        SourcePort(ports),
        DestinationPort(ports),
    )
    six = expand(of_rules(asked), V6)
    assert len(list(six.rules())) == 2 * 3 * 3
    assert contract(expand(of_rules(asked), V4), six) == of_rules(asked)


def test_users_of_neighbours_are_joined_and_so_are_groups() -> None:
    assert joined(rule(OwnerUid(IdSet.of(1))), rule(OwnerUid(IdSet.of(2, 9)))) == (
        rule(OwnerUid(IdSet.of(1, 2, 9))),
    )
    assert joined(rule(OwnerGid(IdSet.of(1))), rule(OwnerGid(IdSet.of(5)))) == (
        rule(OwnerGid(IdSet.of(1, 5))),
    )


def test_neighbours_that_differ_in_protocol_ports_and_owner_become_exclusions() -> None:
    one = rule(TCP, DestinationPort(PortSet.of(22)), OwnerUid(IdSet.of(7)))
    other = rule(UDP, OwnerUid(IdSet.of((8, 9))))
    boxes = ((6, 7, 7, 22, 22), (17, 8, 9, 0, 65535))
    assert joined(one, other) == (rule(Exclusions("uid", boxes)),)


def test_boxes_that_fill_a_grid_are_a_plain_rule() -> None:
    boxes = ((6, 7, 7, 22, 22), (6, 7, 7, 80, 90), (6, 9, 9, 22, 22), (6, 9, 9, 80, 90))
    plain = rule(TCP, DestinationPort(PortSet.of(22, (80, 90))), OwnerGid(IdSet.of(7, 9)))
    assert joined(rule(exclusions("gid", boxes))) == (plain,)


def test_another_reason_target_or_setting_keeps_neighbours_apart() -> None:
    listed = (
        rule(OwnerUid(IdSet.of(1))),
        rule(OwnerUid(IdSet.of(2)), why="another"),
        rule(OwnerUid(IdSet.of(3)), why="another", target=Jump(ONE)),
        rule(OwnerUid(IdSet.of(4)), why="another", target=Jump(ONE)).replace(setting="x"),
    )
    assert joined(*listed) == listed


def test_a_rule_that_somebody_added_twice_stays_visible() -> None:
    listed = [rule(OwnerUid(IdSet.of(number, number + 10))) for number in (1, 2, 3, 2)]
    assert joined(*listed) == (rule(OwnerUid(IdSet.of((1, 3), (11, 13)))), listed[3])


def test_rules_that_overlap_are_not_joined() -> None:
    wide, narrow = rule(Source(networks("10.0.0.0/8"))), rule(Source(networks("10.1.0.0/16")))
    assert joined(wide, narrow) == (wide, narrow)


def test_any_address_of_one_family_and_networks_of_the_other_are_one_rule() -> None:
    four, six = rule(FamilyIs(V4), TCP), rule(TCP, Destination(networks("fd00::/8")))
    both = rule(TCP, Destination(networks("0.0.0.0/0", "fd00::/8")))
    assert joined(four, six) == (both,)
    assert joined(both) == (both,)


def test_denied_networks_of_both_families_are_one_rule() -> None:
    four = rule(TCP, Not(Destination(networks("127.0.0.1"))))
    six = rule(TCP, Not(Destination(networks("::1"))))
    assert joined(four, six) == (rule(TCP, Not(Destination(networks("127.0.0.1", "::1")))),)


def test_a_rule_of_one_family_says_so_unless_its_networks_do() -> None:
    four, six = rule(FamilyIs(V4), TCP), rule(FamilyIs(V6), Source(networks("::1")), why="v6")
    assert joined(four, six) == (four, rule(Source(networks("::1")), why="v6"))
    assert joined(rule(Not(FamilyIs(V6)), TCP)) == (four,)
    assert joined(four, families=(V4,)) == (rule(TCP),)


def test_ipv4s_own_rules_come_before_ipv6s() -> None:
    six, four = rule(FamilyIs(V6), TCP, why="six"), rule(FamilyIs(V4), TCP, why="four")
    assert joined(six, four) == (four, six)
    common = rule(UDP, why="common")
    assert joined(six, common, four) == (six, common, four)


def test_rules_whose_order_differs_between_the_families_keep_both_orders() -> None:
    one, other = rule(TCP, why="one"), rule(UDP, why="other")
    crossed = contract(of_rules(one, other, families=(V4,)), of_rules(other, one, families=(V6,)))
    hook = crossed.hook("nat", "OUTPUT")
    assert hook is not None
    assert hook.rules == (
        one.replace(matches=(FamilyIs(V4), TCP)),
        other,
        one.replace(matches=(FamilyIs(V6), TCP)),
    )


def test_what_stands_behind_others_in_one_family_stands_behind_in_both() -> None:
    rules = [rule(TCP, why=str(number)) for number in range(3)]
    four = Ruleset((V4,), (HookChain("nat", "OUTPUT", (rules[0],), (rules[1], rules[2])),), ())
    six = Ruleset((V6,), (HookChain("nat", "OUTPUT", (rules[0], rules[1]), (rules[2],)),), ())
    merged = HookChain("nat", "OUTPUT", (rules[0],), (rules[1], rules[2]))
    assert contract(four, six).hooks == (merged,)
    assert contract(six.replace(families=(V4,)), four.replace(families=(V6,))).hooks == (merged,)


def test_a_chain_that_one_family_lacks_is_there_for_the_other() -> None:
    chain = Chain("nat", ONE, (rule(TCP),))
    only = Ruleset((V4,), (), (chain,))
    both = contract(only, Ruleset((V6,), (), ()))
    assert both.chains == (Chain("nat", ONE, (rule(FamilyIs(V4), TCP),)),)


def test_hooks_come_in_the_order_of_the_kernel_and_empty_ones_go() -> None:
    hooks = (
        HookChain("nat", "OUTPUT", (rule(TCP),)),
        HookChain("mangle", "PREROUTING"),
        HookChain("raw", "OUTPUT", (rule(UDP),)),
        HookChain("nat", "PREROUTING", (), (rule(TCP),)),
    )
    form = canonical(Ruleset(BOTH_FAMILIES, hooks, ()))
    assert [(hook.table, hook.hook) for hook in form.hooks] == [
        ("raw", "OUTPUT"),
        ("nat", "PREROUTING"),
        ("nat", "OUTPUT"),
    ]


def test_a_rule_that_asks_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="asks twice"):
        canonical(of_rules(rule(TCP, Not(UDP))))


def test_ten_thousand_exclusions_come_back_from_single_rules() -> None:
    boxes = [
        (6, number, number, 1000 + number % 500, 1000 + number % 500) for number in range(10_000)
    ]
    asked = of_rules(rule(exclusions("uid", boxes)))
    four = expand(asked, V4)
    assert len(list(four.rules())) == 10_000
    assert contract(four, four.replace(families=(V6,))) == asked
