"""The canonical form of a ruleset, and the way to it from the rules of two families.

A kernel, and most of all iptables-save, gives back rules that mean what was asked but are cut
up and worded its own way.  To say whether they *are* what was asked, both are brought into one
form; ``compare`` and ``digest`` work on it.  A ruleset is **canonical** when

1. every rule is normal (``kuma_net.netfilter.normal``) in each of its families;
2. neighbours with the same target, reason and setting, which differ in one dimension only
   (source networks, destination networks, source ports, destination ports, users, groups) and
   do not overlap in it, are one rule; neighbours that differ in protocol, destination ports and
   owner together are one rule with ``Exclusions``;
3. the rules that both families have are one rule with the networks of both, and
   a rule of one family without networks says so by ``FamilyIs`` (in a ruleset of two families);
4. where the families' own rules stand side by side, IPv4's come first;
5. hook chains are in the order of TABLES and HOOKS and those without a rule of ours are absent.

Two rules that overlap are never joined: a rule that somebody added twice stays visible.

Joining the neighbours is ``kuma_net.netfilter.joining``; this file weaves two families together.
They have nothing in common but their order: rules that both have keep it, and it shows where
the rules belong that only one of them has.
"""

from __future__ import annotations

from kuma_net.netfilter.joining import reason, settled
from kuma_net.netfilter.matches import Destination, FamilyIs, Not, Source
from kuma_net.netfilter.normal import in_order, kind_of, normal
from kuma_net.netfilter.ruleset import HOOKS, TABLES, Chain, HookChain, Ruleset
from kuma_net.values import Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.ruleset import Rule, Table
    from kuma_net.values import Family

    Rules: TypeAlias = tuple[Rule, ...]
    Sides: TypeAlias = tuple[Rules, Rules]
    Shape: TypeAlias = tuple[object, ...]


def canonical(ruleset: Ruleset) -> Ruleset:
    """Return the canonical form, equal in meaning; ``ValueError`` as ``normal`` raises it."""
    return restrict(ruleset, ruleset.families)


def restrict(ruleset: Ruleset, families: tuple[Family, ...]) -> Ruleset:
    """Return the canonical form of what the ruleset asks of ``families`` alone.

    Nothing at all for families that are not its own.
    """
    families = tuple(family for family in families if family in ruleset.families)

    def sides(before: Rules, after: Rules) -> list[Sides]:
        return [
            (settled(_normals(before, family)), settled(_normals(after, family)))
            for family in families
        ]

    hooks = [
        HookChain(hook.table, hook.hook, *_joined(sides(hook.before, hook.after), families))
        for hook in ruleset.hooks
    ]
    chains = tuple(
        Chain(chain.table, chain.name, _joined(sides(chain.rules, ()), families)[0])
        for chain in ruleset.chains
        if families
    )
    return Ruleset(families, _hooks_in_order(hooks), chains)


def contract(v4: Ruleset | None, v6: Ruleset | None) -> Ruleset:
    """Return the canonical ruleset of two rulesets of one family each, either of which may lack.

    The way back from ``expand``: rules are taken to be normal.  What stands ``after`` other
    owners' rules in either family stands there in the result.
    """
    given = [found for found in (v4, v6) if found is not None]
    families = tuple(found.families[0] for found in given)
    hooks = []
    for table in TABLES:
        for name in HOOKS:
            found = [ruleset.hook(table, name) or HookChain(table, name) for ruleset in given]
            sides = [(settled(hook.before), settled(hook.after)) for hook in found]
            hooks.append(HookChain(table, name, *_joined(sides, families)))
    chains = []
    named = dict.fromkeys((chain.table, chain.name) for each in given for chain in each.chains)
    for table, chain_name in named:
        lists = [_rules_of(ruleset, table, chain_name) for ruleset in given]
        both, _ = _joined([(settled(listed), ()) for listed in lists], families)
        chains.append(Chain(table, chain_name, both))
    return Ruleset(families, _hooks_in_order(hooks), tuple(chains))


def _rules_of(ruleset: Ruleset, table: Table, name: str) -> Rules:
    found = (chain.rules for chain in ruleset.chains if (chain.table, chain.name) == (table, name))
    return next(found, ())


def _hooks_in_order(hooks: Iterable[HookChain]) -> tuple[HookChain, ...]:
    kept = [hook for hook in hooks if hook.before or hook.after]
    kept.sort(key=lambda hook: (TABLES.index(hook.table), HOOKS.index(hook.hook)))
    return tuple(kept)


def _normals(listed: Rules, family: Family) -> Rules:
    seen = [normal(rule, family) for rule in listed]
    return tuple([rule for rule in seen if rule is not None])


def _joined(sides: list[Sides], families: tuple[Family, ...]) -> Sides:
    """Return both families' rules as one list, cut where the first rule stands after others'."""
    if len(families) < 2:  # noqa: PLR2004 - a family alone has nothing to join
        return sides[0] if sides else ((), ())
    (before, after), (other_before, other_after) = sides
    before_others: list[Rule] = []
    after_others: list[Rule] = []
    for rule, here, there in _woven(before + after, other_before + other_after, families):
        behind = here >= len(before) or there >= len(other_before)
        (after_others if behind or after_others else before_others).append(rule)
    return tuple(before_others), tuple(after_others)


def _woven(
    one: Rules, other: Rules, families: tuple[Family, ...]
) -> Iterator[tuple[Rule, int, int]]:
    """Yield the rules of both families with their places in each (-1: not in that family).

    Two heads of the same shape are one rule.  Of two heads that differ the first family's goes
    first, unless the other family has a rule like it further on and not the other way round.
    """
    here = there = 0
    shapes = [_shape(rule) for rule in one]
    others = [_shape(rule) for rule in other]
    last = {shape: place for place, shape in enumerate(shapes)}
    last_other = {shape: place for place, shape in enumerate(others)}
    while here < len(one) or there < len(other):
        if here < len(one) and there < len(other) and shapes[here] == others[there]:
            yield _of_both(one[here], other[there], families), here, there
            here, there = here + 1, there + 1
            continue
        waits = here < len(one) and last_other.get(shapes[here], -1) >= there
        other_waits = there == len(other) or last.get(others[there], -1) >= here
        if here == len(one) or (waits and not other_waits):
            yield _of_one(other[there], families[1]), -1, there
            there += 1
        else:
            yield _of_one(one[here], families[0]), here, -1
            here += 1


def _shape(rule: Rule) -> Shape:
    """Return what a rule has in common with its like in the other family."""
    matches: list[object] = []
    for match in rule.matches:
        kind = kind_of(match)
        if kind is not Source and kind is not Destination:
            matches.append(match)
        elif isinstance(match, Not):
            matches.append(kind)
    return (*reason(rule), *matches)


def _of_one(rule: Rule, family: Family) -> Rule:
    """Return a rule that one family alone has: by its networks, or else by saying so."""
    if any(kind_of(match) in {Source, Destination} for match in rule.matches):
        return rule
    return rule.replace(matches=(FamilyIs(family), *rule.matches))


def _of_both(rule: Rule, other: Rule, families: tuple[Family, ...]) -> Rule:
    if rule.matches == other.matches:
        return rule
    matches: list[Match] = [
        match for match in rule.matches if kind_of(match) not in {Source, Destination}
    ]
    for kind in (Source, Destination):
        matches += _networks_of_both(kind, rule, other, families)
    return rule.replace(matches=in_order(matches))


def _networks_of_both(
    kind: type[Source | Destination], rule: Rule, other: Rule, families: tuple[Family, ...]
) -> Iterator[Match]:
    """Yield the match on both families' networks; "any address" of a family is its /0."""
    found: list[Network] = []
    denied = asked = False
    for each, family in zip((rule, other), families, strict=True):
        networks: tuple[Network, ...] = (Network(family, 0, 0),)
        for match in each.matches:
            if kind_of(match) is kind:
                asked, denied = True, isinstance(match, Not)
                networks = _networks(match)
        found += networks
    if asked:
        yield Not(kind(tuple(found))) if denied else kind(tuple(found))


def _networks(match: Match) -> tuple[Network, ...]:
    bare = match.match if isinstance(match, Not) else match
    return bare.networks if isinstance(bare, Source | Destination) else ()
