"""Counters of iptables rules, added up to those of the rules of a ruleset.

A rule of a ruleset may be several rows of iptables (``netfilter.expand``), in one family or in
both; its counters are the sum of theirs.
"""

from __future__ import annotations

from kuma_net.backends.base import RuleCount
from kuma_net.netfilter.normal import normal
from kuma_net.netfilter.rows import rows
from kuma_net.netfilter.ruleset import Chain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuma_net.netfilter.ruleset import HookChain, Rule, Ruleset
    from kuma_net.netfilter.saved_text import Saved
    from kuma_net.values import Family


def counts(ruleset: Ruleset, found: Iterable[Saved]) -> tuple[RuleCount, ...]:
    """Return what each rule of ``ruleset``, joined of what was found, has seen in all families."""
    listed = {
        (saved.family, count.table, count.chain, count.position): (count.packets, count.octets)
        for saved in found
        for count in saved.counts
    }
    chains: tuple[HookChain | Chain, ...] = (*ruleset.hooks, *ruleset.chains)
    counted: list[RuleCount] = []
    for chain in chains:
        name = chain.name if isinstance(chain, Chain) else chain.hook
        place = name if isinstance(chain, Chain) else f"{chain.table} {chain.hook}"
        behind = dict.fromkeys(ruleset.families, 0)
        for position, rule in enumerate(chain.rules):
            packets = octets = 0
            for family in ruleset.families:
                for _ in range(_row_count(rule, family)):
                    row = listed.get((family, chain.table, name, behind[family]), (0, 0))
                    packets, octets = packets + row[0], octets + row[1]
                    behind[family] += 1
            counted.append(RuleCount(place, position, packets, octets))
    return tuple(counted)


def _row_count(rule: Rule, family: Family) -> int:
    seen = normal(rule, family)
    return len(rows(seen)) if seen else 0
