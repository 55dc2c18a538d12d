"""Equal rulesets have one digest, others have another."""

from __future__ import annotations

from hypothesis import given, settings

from kuma_net.netfilter.contract import canonical, contract
from kuma_net.netfilter.digest import digest
from kuma_net.netfilter.expand import expand
from kuma_net.netfilter.matches import exclusions
from kuma_net.netfilter.ruleset import HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import Return
from kuma_net.values import BOTH_FAMILIES, Family
from lab.rulesets import rulesets

EMPTY = Ruleset(BOTH_FAMILIES, (), ())


def test_a_digest_is_sixteen_hexadecimal_digits() -> None:
    name = digest(EMPTY)
    assert len(name) == 16
    assert int(name, 16) >= 0


def test_the_digest_of_a_value_stays_the_same_from_release_to_release() -> None:
    rule = Rule((exclusions("uid", [(6, 1, 1, 22, 22), (17, 1, 1, 22, 22)]),), Return(), "w", "s")
    known = Ruleset(BOTH_FAMILIES, (HookChain("nat", "OUTPUT", (rule,)),), ())
    assert digest(known) == "cd9061743d2c6eec"
    assert digest(known) != digest(EMPTY)


@settings(max_examples=25)
@given(rulesets(families=[BOTH_FAMILIES]))
def test_what_is_read_back_has_the_digest_of_what_was_asked(ruleset: Ruleset) -> None:
    asked = canonical(ruleset)
    found = contract(expand(asked, Family.IPV4), expand(asked, Family.IPV6))
    as_listed = found.replace(
        hooks=tuple(HookChain(hook.table, hook.hook, hook.rules) for hook in found.hooks),
        chains=tuple(reversed(found.chains)),
    )
    assert digest(found) == digest(asked)
    assert digest(canonical(as_listed)) == digest(asked)
