"""The ruleset: the value in the middle of everything.

A ``Ruleset`` says in netfilter's own words, for all its families at once, what the kernel is to
do.  A rule that names addresses belongs to those addresses' families, ``FamilyIs`` to its
family, any other rule to all.  It is built by ``tproxy.compile`` and read by interpreters:
``lower`` (nf_tables), ``restore_text``, ``nft_text``, ``simulate``, ``explain``, ``compare``.

Every rule says why it is there and which setting caused it: that text is the comment in the
kernel and the voice of ``explain``.  ``comment`` is the form it takes there.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal, TypeAlias

    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.targets import Target
    from kuma_net.values import Family

    Table: TypeAlias = Literal["raw", "mangle", "nat"]
    Hook: TypeAlias = Literal["PREROUTING", "OUTPUT"]

TABLES: tuple[Table, ...] = ("raw", "mangle", "nat")
HOOKS: tuple[Hook, ...] = ("PREROUTING", "OUTPUT")

COMMENT_PREFIX = "kuma/mesh/transparent/proxy/"
"""Begins every comment of ours in iptables: kumactl knows its own rules by the same text."""
CHAIN_PREFIX = "KUMA_MESH_"
"""Begins the name of every chain of ours; kumactl's chains are called the same."""
LONGEST_COMMENT = 225
"""Bytes: nf_tables keeps 253 of a comment, xt_comment 255, less the prefix above."""


class Rule(Record):
    """One rule: all ``matches`` hold -> ``target``.

    ``why`` is a clause for people, without quotes or square brackets; ``setting`` the key path
    of the option that caused the rule, or empty where no option did.
    """

    matches: tuple[Match, ...]
    target: Target
    why: str
    setting: str = ""


class HookChain(Record):
    """Our rules in a chain of a table that the kernel enters by itself.

    ``before`` stand ahead of other owners' rules (iptables ``-I``), ``after`` behind them
    (``-A``).  Where the table is ours alone, compile puts all into ``before``.
    """

    table: Table
    hook: Hook
    before: tuple[Rule, ...] = ()
    after: tuple[Rule, ...] = ()

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules in the order a packet meets them, others' left out."""
        return self.before + self.after


class Chain(Record):
    """A chain that is entered by a jump only."""

    table: Table
    name: str
    rules: tuple[Rule, ...]


class Ruleset(Record):
    """All that is asked of the kernel: ``hooks`` in the order of TABLES and HOOKS, ``chains``."""

    families: tuple[Family, ...]
    hooks: tuple[HookChain, ...]
    chains: tuple[Chain, ...]

    def chain(self, name: str) -> Chain | None:
        """Return the chain of that name, or None."""
        return next((chain for chain in self.chains if chain.name == name), None)

    def hook(self, table: Table, hook: Hook) -> HookChain | None:
        """Return our rules at that hook of that table, or None."""
        found = (chain for chain in self.hooks if (chain.table, chain.hook) == (table, hook))
        return next(found, None)

    def rules(self) -> Iterator[tuple[HookChain | Chain, Rule]]:
        """Every rule with the chain it stands in, in order."""
        everything: tuple[HookChain | Chain, ...] = (*self.hooks, *self.chains)
        for chain in everything:
            for rule in chain.rules:
                yield chain, rule


def comment(rule: Rule) -> str:
    """Return the comment a rule carries in the kernel: ``why [setting]``, or nothing."""
    return f"{rule.why} [{rule.setting}]" if rule.setting else rule.why


def why_and_setting(text: str) -> tuple[str, str]:
    """Return what ``comment`` was made of."""
    why, bracket, setting = text.partition(" [")
    return (why, setting.removesuffix("]")) if bracket else (text, "")
