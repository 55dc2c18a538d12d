"""nf_tables objects read back into the ruleset they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuma_net.netfilter.contract import canonical
from kuma_net.netfilter.lower import lower
from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    InInterface,
    OutInterface,
    OwnerUid,
    Protocol,
    exclusions,
)
from kuma_net.netfilter.nf_tables import (
    DISPATCH,
    Counter,
    Features,
    Hook,
    Map,
    Set,
    Table,
    Verdict,
)
from kuma_net.netfilter.nf_tables import Chain as NftChain
from kuma_net.netfilter.nf_tables import Rule as NftRule
from kuma_net.netfilter.raise_ import bare, raise_tables, stamp_of
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.values import (
    BOTH_FAMILIES,
    IdSet,
    InterfacePattern,
    L4Proto,
    Network,
    PortSet,
)
from lab.rulesets import ONE, TWO, rulesets

if TYPE_CHECKING:
    from collections.abc import Callable

V4, V6 = BOTH_FAMILIES
TCP = Protocol(L4Proto.TCP)
LOCALHOST = tuple(map(Network.parse, ("127.0.0.1", "::1")))
LO = OutInterface(InterfacePattern("lo"))
FEATURES = (
    Features(),
    Features(inet_nat=False),
    Features(table_userdata=False),
    Features(concat_intervals=False),
    Features(inet_nat=False, interval_sets=False, concat_intervals=False),
)
BOXES = [(6, 1, 1, 80, 80), (17, 1, 9, 0, 53)]
SAMPLE = canonical(
    Ruleset(
        BOTH_FAMILIES,
        (
            HookChain("raw", "OUTPUT", (Rule((TCP,), CtZone(1), "zone"),)),
            HookChain(
                "mangle",
                "PREROUTING",
                (Rule((InInterface(InterfacePattern("br", wildcard=True)),), Drop(), "drop"),),
            ),
            HookChain(
                "nat",
                "OUTPUT",
                (
                    Rule((), Log("seen:", 7), "log"),
                    Rule(
                        (exclusions("uid", [(6, 1, 1, 80, 80), (17, 1, 9, 0, 53)]),), Return(), "x"
                    ),
                    Rule((TCP,), Jump(ONE), "in", "some.setting"),
                ),
            ),
        ),
        (
            Chain(
                "nat",
                ONE,
                (
                    Rule((TCP, LO, DestinationPort(PortSet.of(1, (5, 9)))), Return(), "a"),
                    Rule((LO, OwnerUid(IdSet.of(5678))), Return(), "b"),
                    Rule((TCP, LO), Accept(), "c"),
                    Rule((Destination(LOCALHOST),), Return(), "d"),
                    Rule((), Jump(TWO), "e"),
                ),
            ),
            Chain("nat", TWO, (Rule((TCP,), Redirect(15001), "f"),)),
        ),
    )
)


def found_in(change: Callable[[Table], Table]) -> tuple[str, ...]:
    """Return what is strange in the sample's table once it was changed."""
    (table,) = lower(SAMPLE)
    return raise_tables((change(table),)).strange


def in_chain(name: str, change: Callable[[NftChain], NftChain]) -> tuple[str, ...]:
    def changed(table: Table) -> Table:
        chains = [change(chain) if chain.name == name else chain for chain in table.chains]
        return table.replace(chains=tuple(chains))

    return found_in(changed)


@pytest.mark.parametrize("features", FEATURES)
def test_the_sample_comes_back(features: Features) -> None:
    raised = raise_tables(lower(SAMPLE, features, "who"))
    assert (raised.ruleset, raised.stamp, raised.strange) == (SAMPLE, "who", ())


@settings(max_examples=40)
@given(rulesets(), st.sampled_from(FEATURES))
def test_a_canonical_ruleset_comes_back(ruleset: Ruleset, features: Features) -> None:
    form = canonical(ruleset)
    hooks = tuple(HookChain(hook.table, hook.hook, hook.rules) for hook in form.hooks)
    form = form.replace(hooks=hooks)
    raised = raise_tables(lower(form, features))
    assert raised.ruleset == form
    assert raised.strange == ()


def counted(table: Table) -> Table:
    """Return the table with every counter at one packet of ten bytes."""

    def rule(it: NftRule) -> NftRule:
        expressions = [
            Counter(1, 10) if isinstance(part, Counter) else part for part in it.expressions
        ]
        return it.replace(expressions=tuple(expressions))

    chains = [chain.replace(rules=tuple(map(rule, chain.rules))) for chain in table.chains]
    return table.replace(chains=tuple(chains))


def test_parts_of_a_rule_count_together_and_for_what_they_stand_for() -> None:
    (table,) = lower(SAMPLE)
    raised = raise_tables((counted(table),))
    seen = {
        rule.why: count
        for (_, rule), count in zip(raised.ruleset.rules(), raised.counts, strict=True)
    }
    # x: one part a protocol; d: two families, each once behind loopback; f: itself and four of e.
    assert seen["log"] == (1, 10)
    assert seen["x"] == (2, 20)
    assert seen["d"] == (4, 40)
    assert seen["e"] == (4, 40)
    assert seen["f"] == (5, 50)


def test_a_chain_stands_in_the_table_it_is_reached_from() -> None:
    chains = (Chain("raw", ONE, (Rule((), Jump(TWO), "on"),)), Chain("raw", TWO, ()))
    hooks = (
        HookChain("raw", "OUTPUT", (Rule((), Jump(ONE), "a"), Rule((TCP,), Jump(ONE), "b"))),
        HookChain("nat", "OUTPUT", (Rule((TCP,), Jump("KUMA_MESH_GONE"), "c"),)),
    )
    gone = Chain("nat", "KUMA_MESH_GONE", ())
    alone = Chain("nat", "KUMA_MESH_ALONE", ())
    ruleset = Ruleset((V4,), hooks, (*chains, gone, alone))
    assert raise_tables(lower(ruleset)).ruleset == ruleset
    (table,) = lower(ruleset)
    without = table.replace(chains=tuple(c for c in table.chains if c.name != gone.name))
    raised = raise_tables((without,))
    assert raised.ruleset.chain(gone.name) is None
    assert "which is not ours" in raised.strange[0]


def test_a_rule_without_our_mark_is_strange() -> None:
    def insert(chain: NftChain) -> NftChain:
        return chain.replace(rules=(NftRule((Verdict("accept"),), "mine"), *chain.rules))

    assert in_chain("nat_output", insert) == ('rule "mine" of chain nat_output: none of ours',)


def test_a_rule_changed_under_our_mark_is_strange() -> None:
    def no_action(chain: NftChain) -> NftChain:
        rule = chain.rules[0]
        return chain.replace(rules=(rule.replace(expressions=rule.expressions[:-1]),))

    assert in_chain("raw_output", no_action) == (
        'rule "zone" of chain raw_output: it has another action',
    )


def test_parts_that_say_different_things_are_strange() -> None:
    def one_accepts(chain: NftChain) -> NftChain:
        rules = [
            rule.replace(expressions=(*rule.expressions[:-1], Verdict("accept")))
            if rule.comment == "d"
            else rule
            for rule in chain.rules
        ]
        return chain.replace(rules=tuple(rules))

    (told,) = in_chain(f"{ONE}.ipv4.lo", one_accepts)[:1]
    assert told.endswith("it differs from the other parts of its rule")


def test_a_rule_that_is_gone_is_told_chain_by_chain() -> None:
    assert in_chain("nat_output", lambda chain: chain.replace(rules=chain.rules[1:])) == (
        "chain nat_output is not as we write it",
    )


def test_what_leads_to_variants_is_held_against_what_we_write() -> None:
    def elsewhere(chain: NftChain) -> NftChain:
        dispatch = chain.rules[0]
        assert dispatch.position == DISPATCH
        return chain.replace(
            rules=(dispatch.replace(expressions=(Verdict("return"),)), *chain.rules[1:])
        )

    assert in_chain(f"{ONE}.ipv4", elsewhere) == (f"chain {ONE}.ipv4 is not as we write it",)


def test_sets_maps_and_chains_of_others_are_told() -> None:
    (table,) = lower(SAMPLE)
    more = table.replace(
        sets=(*table.sets, Set("theirs", table.sets[0].key, interval=False, elements=())),
        maps=(*table.maps, Map("also_theirs", table.maps[0].key, ())),
    )
    assert raise_tables((more,)).strange == (
        "set theirs is none of ours",
        "map also_theirs is none of ours",
    )


@pytest.mark.parametrize(
    ("name", "hook"),
    [
        ("their_output", Hook("nat", "output", -101)),
        ("nat_output", Hook("nat", "output", -99)),
        ("nat_output", None),
    ],
)
def test_a_base_chain_of_another_kind_is_none_of_ours(name: str, hook: Hook | None) -> None:
    table = Table("inet", "kuma_net", "", (), (), (NftChain(name, hook),))
    assert raise_tables((table,)).strange == (f"chain {name} is none of ours",)


def test_an_action_that_stands_for_a_jump_to_nowhere_is_strange() -> None:
    (table,) = lower(SAMPLE)
    kept = table.replace(chains=tuple(chain for chain in table.chains if chain.name != TWO))
    told = raise_tables((kept,)).strange[0]
    assert told.endswith("it stands for a jump to no chain of ours")


def test_an_emptied_chain_counts_nothing() -> None:
    assert in_chain(TWO, lambda chain: chain.replace(rules=())) != ()


def test_a_rule_marked_as_standing_for_a_jump_is_one() -> None:
    (table,) = lower(SAMPLE)
    raised = raise_tables((table,))
    assert raised.ruleset.chains[0].rules[-1].target == Jump(TWO)


def test_the_newer_stamp_is_that_in_the_chain() -> None:
    (table,) = lower(SAMPLE, stamp="old")
    (chained,) = lower(SAMPLE, Features(table_userdata=False), stamp="new")
    both = chained.replace(comment="old")
    assert (stamp_of(table), stamp_of(both)) == ("old", "new")
    stamp_chain = both.chains[-1]
    emptied = both.replace(chains=(*both.chains[:-1], stamp_chain.replace(rules=())))
    assert stamp_of(emptied) == "old"


def test_a_bare_table_has_its_base_chains_by_name_and_no_stamp() -> None:
    (table,) = lower(SAMPLE, Features(table_userdata=False), stamp="new")
    turned = table.replace(comment="x", chains=table.chains[2::-1] + table.chains[3:])
    assert bare(turned) == bare(table)
    assert all(chain.name != "stamp" for chain in bare(table).chains)
