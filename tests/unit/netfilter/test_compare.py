"""What is asked against what is found, in an administrator's words."""

from __future__ import annotations

from hypothesis import assume, given, settings

from kuma_net.netfilter.compare import Difference, compare, without_reasons
from kuma_net.netfilter.contract import canonical, contract, restrict
from kuma_net.netfilter.expand import expand
from kuma_net.netfilter.flat import flatten
from kuma_net.netfilter.matches import FamilyIs, OwnerUid, Protocol
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import Drop, Jump, Redirect, Return
from kuma_net.values import BOTH_FAMILIES, Family, IdSet, L4Proto
from lab.rulesets import rulesets

V4, V6 = Family.IPV4, Family.IPV6
TCP = Protocol(L4Proto.TCP)
RULES = tuple(
    Rule((OwnerUid(IdSet.of(number)),), Return(), f"reason {number}", f"setting.{number}")
    for number in range(5)
)


def output(*before: Rule, after: tuple[Rule, ...] = (), chains: tuple[Chain, ...] = ()) -> Ruleset:
    return Ruleset(BOTH_FAMILIES, (HookChain("nat", "OUTPUT", before, after),), chains)


def told(asked: Ruleset, found: Ruleset) -> list[str]:
    return str(compare(asked, found)).splitlines()


few = settings(max_examples=30)


@few
@given(rulesets(families=[BOTH_FAMILIES]))
def test_nothing_differs_from_itself_nor_from_what_is_read_back(ruleset: Ruleset) -> None:
    assert not compare(ruleset, ruleset)
    found = contract(expand(ruleset, V4), expand(ruleset, V6))
    assert not compare(ruleset, found)
    assert str(compare(ruleset, found)) == ""


@few
@given(rulesets(families=[BOTH_FAMILIES]), rulesets(families=[BOTH_FAMILIES]))
def test_what_differs_in_its_flat_form_is_told(one: Ruleset, other: Ruleset) -> None:
    assume(any(rule.why for _, rule in other.rules()))
    assume(flatten(canonical(one)) != flatten(canonical(other)))
    assert compare(one, other)


def test_a_missing_rule_is_told_with_its_setting() -> None:
    assert told(output(*RULES), output(*RULES[:2], *RULES[3:])) == [
        "missing: nat OUTPUT, rule 3: everything of user 2 leaves this chain: reason 2 [setting.2]"
    ]


def test_a_rule_nobody_asked_for_is_told() -> None:
    assert told(output(*RULES[:2]), output(*RULES[:3])) == [
        (
            "not asked for: nat OUTPUT, rule 3: everything of user 2 leaves this chain: "
            "reason 2 [setting.2]"
        )
    ]
    assert len(told(output(*RULES[:2]), output(*RULES[:2], RULES[0]))) == 1


def test_only_what_really_moved_is_told_as_moved() -> None:
    found = output(*RULES[1:], RULES[0])
    assert told(output(*RULES), found) == [
        (
            "in another order: nat OUTPUT, rule 5: everything of user 0 leaves this chain: "
            "reason 0 [setting.0]"
        )
    ]


def test_another_rule_of_the_same_reason_is_a_change() -> None:
    changed = RULES[1].replace(target=Drop())
    assert told(output(*RULES), output(RULES[0], changed, *RULES[2:])) == [
        (
            "changed: nat OUTPUT, rule 2: asked: everything of user 1 leaves this chain: reason 1 "
            "[setting.1]; found: everything of user 1 is dropped: reason 1 [setting.1]"
        )
    ]


def test_rules_behind_other_owners_rules_are_told() -> None:
    found = output(RULES[0], after=RULES[1:])
    assert told(output(*RULES[:2], after=RULES[2:]), found) == [
        (
            "behind rules of other owners: nat OUTPUT, rule 2: everything of user 1 leaves this "
            "chain: reason 1 [setting.1]"
        )
    ]
    assert not compare(output(after=RULES), output(*RULES))


def test_chains_come_and_go() -> None:
    chain, other = Chain("nat", "X", ()), Chain("nat", "Y", (RULES[0],))
    assert told(output(RULES[0], chains=(chain,)), output(RULES[0], chains=(other,))) == [
        "missing: chain nat X",
        "not asked for: chain nat Y",
        (
            "not asked for: nat Y, rule 1: everything of user 0 leaves this chain: "
            "reason 0 [setting.0]"
        ),
    ]
    assert not compare(output(chains=(chain, other)), output(chains=(other, chain)))


def test_a_hook_without_any_rule_of_ours_is_told_rule_by_rule() -> None:
    assert len(told(output(*RULES), Ruleset(BOTH_FAMILIES, (), ()))) == len(RULES)


def test_families_come_and_go_and_the_others_are_compared() -> None:
    asked = output(*RULES)
    assert told(asked, restrict(asked, (V4,))) == ["missing: everything for IPv6"]
    assert told(restrict(asked, (V6,)), asked) == ["not asked for: rules for IPv4"]
    fewer = restrict(output(*RULES[:4]), (V4,))
    assert len(told(asked, fewer)) == 2


def test_without_any_reasons_found_reasons_do_not_matter() -> None:
    asked = output(*RULES, Rule((FamilyIs(V4), TCP), Redirect(1), "why"))
    assert not compare(asked, without_reasons(asked))
    assert len(told(asked, without_reasons(output(*RULES)))) == 1


def test_without_reasons_neighbours_are_one_rule_and_chains_lose_them_too() -> None:
    bare = without_reasons(output(*RULES, chains=(Chain("nat", "X", RULES),)))
    whole = Rule((OwnerUid(IdSet.of((0, 4))),), Return(), "", "")
    assert bare == output(whole, chains=(Chain("nat", "X", (whole,)),))


def test_rules_without_a_reason_are_never_a_change() -> None:
    asked = output(RULES[0], Rule((), Drop(), ""))
    found = output(RULES[0], Rule((), Jump("X"), ""))
    assert [line.split(":")[0] for line in told(asked, found)] == ["missing", "not asked for"]


def test_a_difference_that_names_no_found_rule_still_prints() -> None:
    assert str(Difference("changed", "nat OUTPUT", 1, RULES[0])).endswith("found: ")
