"""The flat form leaves out what no listing tells."""

from __future__ import annotations

from kuma_net.netfilter.flat import flatten
from kuma_net.netfilter.matches import OwnerUid, Protocol
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import Drop, Return
from kuma_net.values import BOTH_FAMILIES, IdSet, L4Proto

ONE = Rule((OwnerUid(IdSet.of(1)),), Return(), "w")
TWO = Rule((OwnerUid(IdSet.of(2)),), Return(), "w")
OTHER = Rule((Protocol(L4Proto.TCP),), Drop(), "w")


def output(before: tuple[Rule, ...], after: tuple[Rule, ...] = ()) -> Ruleset:
    return Ruleset(BOTH_FAMILIES, (HookChain("nat", "OUTPUT", before, after),), ())


def test_it_does_not_matter_which_rules_were_appended() -> None:
    assert (
        flatten(output((ONE,), (OTHER,))) == flatten(output((ONE, OTHER))) == output((ONE, OTHER))
    )
    assert flatten(output((), (OTHER,))) == output((OTHER,))


def test_what_can_be_one_rule_without_others_between_is_one() -> None:
    both = Rule((OwnerUid(IdSet.of(1, 2)),), Return(), "w")
    assert flatten(output((ONE,), (TWO, OTHER))) == output((both, OTHER))


def test_chains_are_sorted_by_table_and_name() -> None:
    names = [("nat", "B"), ("nat", "A"), ("raw", "Z")]
    chains = tuple(Chain(table, name, ()) for table, name in names)  # type: ignore[arg-type]
    flat = flatten(Ruleset(BOTH_FAMILIES, (), chains))
    assert [(chain.table, chain.name) for chain in flat.chains] == [
        ("raw", "Z"),
        ("nat", "A"),
        ("nat", "B"),
    ]
