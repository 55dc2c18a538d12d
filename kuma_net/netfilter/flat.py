"""The flat form: a ruleset without what no listing tells.

A listing does not say which of our rules were inserted and which appended, nor in which order
chains were made.  Of two canonical rulesets (``kuma_net.netfilter.contract``) that ask the same,
compiled or read back, the flat forms are equal; ``digest`` and ``compare`` look at nothing else.
"""

from __future__ import annotations

from kuma_net.netfilter.ruleset import TABLES, HookChain, Ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.ruleset import Chain


def flatten(ruleset: Ruleset) -> Ruleset:
    """Return a canonical ruleset with ``after`` joined to ``before`` and its chains sorted."""
    chains = sorted(ruleset.chains, key=_place)
    hooks = tuple([HookChain(hook.table, hook.hook, hook.rules) for hook in ruleset.hooks])
    flat = Ruleset(ruleset.families, hooks, tuple(chains))
    if not any(map(_has_seam, ruleset.hooks)):
        return flat
    from kuma_net.netfilter.contract import canonical  # rarely needed, and not light

    return canonical(flat)


def _place(chain: Chain) -> tuple[int, str]:
    return TABLES.index(chain.table), chain.name


def _has_seam(hook: HookChain) -> bool:
    """Whether rules on both sides of other owners' may be one rule now that nothing is between."""
    if not (hook.before and hook.after):
        return False
    last, first = hook.before[-1], hook.after[0]
    return (last.target, last.why, last.setting) == (first.target, first.why, first.setting)
