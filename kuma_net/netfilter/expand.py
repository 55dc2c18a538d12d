"""From rules for people to rules that one line of iptables can express, family by family.

iptables has no sets.  A rule of a ``Ruleset`` that names several networks, many ports or many
owners becomes several rules here, each with

* at most one network in ``Source`` and in ``Destination``;
* ports that are one port, one range, or a list for ``-m multiport``, which has 15 places and
  a range takes two of them (XT_MULTI_PORTS in include/uapi/linux/netfilter/xt_multiport.h);
* one user or one range of users (``--uid-owner`` takes no list);
* no ``Exclusions`` and no ``FamilyIs``.

A negated list of ports stays one rule whatever its length: a rule may carry several
``-m multiport ! --dports``, all of which must hold.

``contract`` (in ``kuma_net.netfilter.contract``) is the way back, and the law is::

    contract(expand(r, IPV4), expand(r, IPV6)) == r     for every canonical r
"""

from __future__ import annotations

from kuma_net.netfilter.contract import canonical, contract, restrict
from kuma_net.netfilter.flat import flatten
from kuma_net.netfilter.rows import rows
from kuma_net.netfilter.ruleset import Chain, HookChain, Ruleset

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.ruleset import Rule
    from kuma_net.values import Family

__all__ = ["canonical", "contract", "expand", "flatten", "restrict"]


def expand(ruleset: Ruleset, family: Family) -> Ruleset:
    """Return what the ruleset asks of ``family``, each rule in a form iptables can express.

    Raises ``ValueError`` for a rule that asks twice about one thing.
    """
    one = restrict(ruleset, (family,))
    hooks = tuple(
        HookChain(hook.table, hook.hook, _apart(hook.before), _apart(hook.after))
        for hook in one.hooks
    )
    chains = tuple(Chain(chain.table, chain.name, _apart(chain.rules)) for chain in one.chains)
    return Ruleset(one.families, hooks, chains)


def _apart(listed: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple([row for rule in listed for row in rows(rule)])
