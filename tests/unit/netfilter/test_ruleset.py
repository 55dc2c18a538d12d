"""The ruleset as a value: finding chains, walking rules, comments both ways."""

from __future__ import annotations

import pytest

from kuma_net.netfilter.ruleset import (
    Chain,
    HookChain,
    Rule,
    Ruleset,
    comment,
    why_and_setting,
)
from kuma_net.netfilter.targets import Jump, Return
from kuma_net.values import BOTH_FAMILIES

FIRST = Rule((), Return(), "first")
SECOND = Rule((), Return(), "second", "redirect.inbound.port")
LAST = Rule((), Jump("KUMA_MESH_OUTBOUND"), "last")

RULESET = Ruleset(
    BOTH_FAMILIES,
    hooks=(HookChain("nat", "OUTPUT", before=(FIRST,), after=(LAST,)),),
    chains=(Chain("nat", "KUMA_MESH_OUTBOUND", (SECOND,)),),
)


def test_a_chain_is_found_by_its_name() -> None:
    assert RULESET.chain("KUMA_MESH_OUTBOUND") is RULESET.chains[0]
    assert RULESET.chain("KUMA_MESH_INBOUND") is None


def test_a_hook_chain_is_found_by_table_and_hook() -> None:
    assert RULESET.hook("nat", "OUTPUT") is RULESET.hooks[0]
    assert RULESET.hook("raw", "OUTPUT") is None
    assert RULESET.hook("nat", "PREROUTING") is None


def test_a_packet_meets_before_and_then_after() -> None:
    assert RULESET.hooks[0].rules == (FIRST, LAST)


def test_rules_are_walked_in_order_with_their_chains() -> None:
    walked = [(chain.table, rule.why) for chain, rule in RULESET.rules()]
    assert walked == [("nat", "first"), ("nat", "last"), ("nat", "second")]
    assert [type(chain) for chain, _ in RULESET.rules()] == [HookChain, HookChain, Chain]


@pytest.mark.parametrize("rule", [FIRST, SECOND, LAST], ids=lambda rule: str(rule.why))
def test_a_comment_tells_what_it_was_made_of(rule: Rule) -> None:
    assert why_and_setting(comment(rule)) == (rule.why, rule.setting)


def test_a_comment_names_why_and_the_setting() -> None:
    assert comment(SECOND) == "second [redirect.inbound.port]"
    assert comment(FIRST) == "first"
