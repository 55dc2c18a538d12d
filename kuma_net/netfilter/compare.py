"""What is asked against what is found, told in an administrator's words.

Both rulesets are brought into canonical, flat form first, so that only what matters to a packet
can differ: the rules of each chain and their order.  Of rules in both lists the largest part
that keeps its order counts as standing still; the others were moved.  A rule that is missing
while another one with the same reason and setting is there instead was changed.

Where what was found carries no reasons at all (comments switched off, or a kernel without
them) reasons take no part.
"""

from __future__ import annotations

from bisect import bisect_left

from kuma_net.netfilter.contract import canonical, restrict
from kuma_net.netfilter.describe import describe, describe_place
from kuma_net.netfilter.flat import flatten
from kuma_net.netfilter.ruleset import Chain, HookChain, Ruleset
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, TypeAlias

    from kuma_net.netfilter.ruleset import Rule
    from kuma_net.values import Family

    How: TypeAlias = Literal["missing", "extra", "moved", "changed", "behind"]
    Rules: TypeAlias = tuple[Rule, ...]


class Difference(Record):
    """One rule that is not as asked.

    ``how``: ``missing`` (asked, not there), ``extra`` (there, not asked), ``moved`` (there, in
    another order), ``changed`` (another rule of the same reason stands there: ``found``) or
    ``behind`` (there, but behind rules of other owners).  ``place`` is table and chain,
    ``position`` counts from 1 in the list where the rule is told from.
    """

    how: How
    place: str
    position: int
    rule: Rule
    found: Rule | None = None

    def __str__(self) -> str:
        """Return one line for an administrator; the rule's own reason names the setting."""
        where = f"{self.place}, rule {self.position}"
        told = describe(self.rule)
        match self.how:
            case "missing":
                return f"missing: {where}: {told}"
            case "extra":
                return f"not asked for: {where}: {told}"
            case "moved":
                return f"in another order: {where}: {told}"
            case "behind":
                return f"behind rules of other owners: {where}: {told}"
            case _:
                instead = describe(self.found) if self.found else ""
                return f"changed: {where}: asked: {told}; found: {instead}"


class Drift(Record):
    """How what is found differs from what is asked; falsy when it does not."""

    families_missing: tuple[Family, ...] = ()
    families_extra: tuple[Family, ...] = ()
    chains_missing: tuple[str, ...] = ()
    chains_extra: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return any(getattr(self, field) for field in self.__match_args__)

    def __str__(self) -> str:
        """Return one line for each thing that differs."""
        return "\n".join(
            [
                *[f"missing: everything for {family}" for family in self.families_missing],
                *[f"not asked for: rules for {family}" for family in self.families_extra],
                *[f"missing: chain {chain}" for chain in self.chains_missing],
                *[f"not asked for: chain {chain}" for chain in self.chains_extra],
                *[str(difference) for difference in self.differences],
            ]
        )


def compare(asked: Ruleset, found: Ruleset) -> Drift:
    """Return how ``found`` differs from ``asked``; rules are compared for families in both."""
    told = [rule.why or rule.setting for _, rule in found.rules()]
    if told and not any(told):
        asked = without_reasons(asked)
    common = tuple(family for family in asked.families if family in found.families)
    missing = tuple(family for family in asked.families if family not in found.families)
    extra = tuple(family for family in found.families if family not in asked.families)
    asked, found = restrict(asked, common), restrict(found, common)
    wanted, there = _by_place(asked), _by_place(found)
    differences: list[Difference] = []
    for place in dict.fromkeys((*wanted, *there)):
        differences += _in_chain(place, wanted.get(place, ()), there.get(place, ()))
    differences += _behind(asked, found)
    own, others = _chains(asked), _chains(found)
    return Drift(
        missing,
        extra,
        tuple(chain for chain in own if chain not in others),
        tuple(chain for chain in others if chain not in own),
        tuple(differences),
    )


def without_reasons(ruleset: Ruleset) -> Ruleset:
    """Return the canonical ruleset that means the same and says no reasons."""

    def bare(rules: Rules) -> Rules:
        return tuple([rule.replace(why="", setting="") for rule in rules])

    hooks = tuple(
        HookChain(hook.table, hook.hook, bare(hook.before), bare(hook.after))
        for hook in ruleset.hooks
    )
    chains = tuple(Chain(chain.table, chain.name, bare(chain.rules)) for chain in ruleset.chains)
    return canonical(Ruleset(ruleset.families, hooks, chains))


def _chains(ruleset: Ruleset) -> list[str]:
    return [describe_place(chain) for chain in ruleset.chains]


def _by_place(ruleset: Ruleset) -> dict[str, Rules]:
    flat = flatten(ruleset)
    everything: tuple[HookChain | Chain, ...] = (*flat.hooks, *flat.chains)
    return {describe_place(chain): chain.rules for chain in everything}


def _in_chain(place: str, asked: Rules, found: Rules) -> list[Difference]:
    """Return what differs in one chain: in the order asked, then what was not asked for."""
    pairs = _pairs(asked, found)
    still = _longest_rising(pairs)
    taken = set(pairs.values())
    extra = [at for at in range(len(found)) if at not in taken]
    differences: list[Difference] = []
    for at, rule in enumerate(asked):
        if at in still:
            continue
        if at in pairs:
            differences.append(Difference("moved", place, pairs[at] + 1, rule))
            continue
        reason = (rule.why, rule.setting)
        like = [one for one in extra if any(reason) and _reason(found[one]) == reason]
        if like:
            extra.remove(like[0])
            differences.append(Difference("changed", place, at + 1, rule, found[like[0]]))
        else:
            differences.append(Difference("missing", place, at + 1, rule))
    return differences + [Difference("extra", place, at + 1, found[at]) for at in extra]


def _reason(rule: Rule) -> tuple[str, str]:
    return rule.why, rule.setting


def _pairs(asked: Rules, found: Rules) -> dict[int, int]:
    """Return, for each place in ``asked``, the place of the same rule in ``found``."""
    places: dict[Rule, list[int]] = {}
    for at in range(len(found) - 1, -1, -1):
        places.setdefault(found[at], []).append(at)
    return {at: places[rule].pop() for at, rule in enumerate(asked) if places.get(rule)}


def _longest_rising(pairs: dict[int, int]) -> set[int]:
    """Return the keys of a longest run of pairs whose values rise: patience sorting."""
    tops: list[int] = []
    keys: list[int] = []
    before: dict[int, int | None] = {}
    for key, value in pairs.items():
        pile = bisect_left(tops, value)
        before[key] = keys[pile - 1] if pile else None
        tops[pile:] = [value, *tops[pile + 1 :]]
        keys[pile:] = [key, *keys[pile + 1 :]]
    still: set[int] = set()
    at = keys[-1] if keys else None
    while at is not None:
        still.add(at)
        at = before[at]
    return still


def _behind(asked: Ruleset, found: Ruleset) -> Iterator[Difference]:
    """Yield the rules that must win over others' rules and stand behind some."""
    for hook in asked.hooks:
        there = found.hook(hook.table, hook.hook)
        for rule in hook.before:
            if there and rule in there.after and rule not in there.before:
                at = there.rules.index(rule) + 1
                yield Difference("behind", describe_place(hook), at, rule)
