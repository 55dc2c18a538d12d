"""From nf_tables objects back to the ruleset they came from; ``lower`` the other way.

The law: for a ruleset that fits a table of our own, ``raise_tables(lower(ruleset)).ruleset ==
ruleset``, whatever the kernel's features made of it.  Parts of one rule (of two families, or of
a set the kernel could not hold) are joined by the position in their user data; so are the rules
of the two tables ``ip`` and ``ip6``.

What is not ours does not disappear: it is told in words, as ``strange``.  A table without any
marks (loaded from nft text) is read rule by rule, so that the two families of a rule stay two.
"""

from __future__ import annotations

from kuma_net.netfilter.joined import join_parts, of_box
from kuma_net.netfilter.lower import PRIORITIES
from kuma_net.netfilter.nf_tables import STAMP_CHAIN
from kuma_net.netfilter.read_questions import NotOurs, Questions
from kuma_net.netfilter.ruleset import (
    HOOKS,
    TABLES,
    Chain,
    HookChain,
    Rule,
    Ruleset,
    why_and_setting,
)
from kuma_net.netfilter.targets import Jump
from kuma_net.record import Record
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from kuma_net.netfilter import nf_tables
    from kuma_net.netfilter.nf_tables import TableFamily, Tables
    from kuma_net.netfilter.ruleset import Hook, Table

    Place: TypeAlias = tuple[Table, Hook] | str

TABLE_FAMILIES: dict[TableFamily, tuple[Family, ...]] = {
    "inet": (Family.IPV4, Family.IPV6),
    "ip": (Family.IPV4,),
    "ip6": (Family.IPV6,),
}
_PLACES: dict[str, tuple[Table, Hook]] = {
    f"{table}_{hook.lower()}": (table, hook) for table in TABLES for hook in HOOKS
}


class Read(Record):
    """A rule read back with what its counters say; parts of one rule are added up."""

    rule: Rule
    packets: int
    octets: int


class Raised(Record):
    """What tables say.

    ``stamp`` is its text, empty where there is none.  ``counts`` holds packets and bytes of each
    rule in the order of ``ruleset.rules()``.  ``strange``: what is no rule of ours, in words.
    """

    ruleset: Ruleset
    stamp: str
    counts: tuple[tuple[int, int], ...]
    strange: tuple[str, ...]


def raise_tables(tables: Tables) -> Raised:
    """Return the ruleset that our tables came from, and whatever in them is not of it."""
    raising = _Raising()
    for table in tables:
        raising.add(table)
    families = {family for table in tables for family in TABLE_FAMILIES[table.family]}
    return raising.raised(tuple(sorted(families, key=lambda family: family.number)))


def stamp_of(table: nf_tables.Table) -> str:
    """Return the stamp's text: what chain ``stamp`` says is newer than the table's comment."""
    found = next((chain for chain in table.chains if chain.name == STAMP_CHAIN), None)
    return found.rules[0].comment if found and found.rules else table.comment


class _Raising:
    """Gathers, place by place, the rules of all tables by their position."""

    def __init__(self) -> None:
        self.stamp = ""
        self.strange: list[str] = []
        self.places: dict[Place, dict[int, Read]] = {}

    def add(self, table: nf_tables.Table) -> None:
        self.stamp = self.stamp or stamp_of(table)
        chains = [chain for chain in table.chains if chain.name != STAMP_CHAIN]
        marked = any(rule.position >= 0 for chain in chains for rule in chain.rules)
        reader = _Reader(table)
        for chain in chains:
            place = _place(chain)
            if place is None:
                self.strange.append(f"{chain} is none of ours")
                continue
            found = self.places.setdefault(place, {})
            last = -1
            for index, rule in enumerate(chain.rules):
                position = rule.position if marked else index
                why_not = self.rule(rule, position, last, found, reader)
                if why_not:
                    self.strange.append(f"{rule} of {chain}: {why_not}")
                last = max(last, position)

    def rule(
        self,
        rule: nf_tables.Rule,
        position: int,
        last: int,
        found: dict[int, Read],
        reader: _Reader,
    ) -> str:
        """Read one rule into ``found``; return in words why it is none of ours, or nothing."""
        if position < 0:
            return "none of ours"
        if position < last:
            return "not where we put it"
        try:
            part = reader.read(rule)
            if position in found:
                before = found[position]
                part = Read(
                    join_parts(before.rule, part.rule),
                    before.packets + part.packets,
                    before.octets + part.octets,
                )
        except NotOurs as problem:
            return str(problem)
        found[position] = part
        return ""

    def raised(self, families: tuple[Family, ...]) -> Raised:
        reads = {
            place: [found[position] for position in sorted(found)]
            for place, found in self.places.items()
        }
        hooks = tuple(
            HookChain(table, hook, tuple([read.rule for read in reads[table, hook]]))
            for table in TABLES
            for hook in HOOKS
            if (table, hook) in reads
        )
        named = {place: found for place, found in reads.items() if isinstance(place, str)}
        tables = _tables_of(hooks, named)
        chains = tuple(
            Chain(tables.get(name, "nat"), name, tuple([read.rule for read in found]))
            for name, found in named.items()
        )
        in_order = [read for hook in hooks for read in reads[hook.table, hook.hook]]
        in_order += [read for found in named.values() for read in found]
        counts = tuple([(read.packets, read.octets) for read in in_order])
        return Raised(Ruleset(families, hooks, chains), self.stamp, counts, tuple(self.strange))


class _Reader:
    """Reads rules of one table."""

    def __init__(self, table: nf_tables.Table) -> None:
        self.sets = {each.name: each for each in table.sets}
        self.guarded = table.family != "inet"

    def read(self, rule: nf_tables.Rule) -> Read:
        questions = Questions(rule.expressions, self.sets, guarded=self.guarded)
        target = questions.read()
        matches = of_box(questions.matches) if rule.box else tuple(questions.matches)
        read = Rule(matches, target, *why_and_setting(rule.comment))
        return Read(read, questions.counter.packets, questions.counter.octets)


def _place(chain: nf_tables.Chain) -> Place | None:
    """Return where the rules of a chain stand in a ruleset; None for a chain of others."""
    place = _PLACES.get(chain.name)
    if chain.hook is None:
        return None if place else chain.name
    if place is None:
        return None
    table, hook = place
    wanted = ("nat" if table == "nat" else "filter", hook.lower(), PRIORITIES[table])
    found = (chain.hook.type, chain.hook.hook, chain.hook.priority)
    return place if found == wanted else None


def _tables_of(hooks: tuple[HookChain, ...], named: dict[str, list[Read]]) -> dict[str, Table]:
    """Return the table of each chain: that of the hook it is reached from."""
    tables: dict[str, Table] = {}
    open_rules = [(hook.table, rule) for hook in hooks for rule in hook.rules]
    while open_rules:
        table, rule = open_rules.pop()
        if isinstance(rule.target, Jump):
            name = rule.target.chain
            if name in named and name not in tables:
                tables[name] = table
                open_rules += [(table, read.rule) for read in named[name]]
    return tables
