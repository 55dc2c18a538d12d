"""From nf_tables objects back to the ruleset they came from; ``lower`` the other way.

The law: for a ruleset that fits a table of our own, ``raise_tables(lower(ruleset)).ruleset ==
ruleset``, whatever the kernel's features made of it.  Parts of one rule (of two families, or of
a set the kernel could not hold) are joined by the position in their user data; so are the
variants of a chain, and the two tables ``ip`` and ``ip6``.

What is not ours does not disappear: it is told in words, as ``strange``.  And what was read is
lowered once more and held against the tables, so nothing that was passed over can be wrong.  A
table that was loaded from nft text bears no marks: all its rules are strange.
"""

from __future__ import annotations

from kuma_net.errors import NoBackend
from kuma_net.netfilter.joined import join_parts, of_box
from kuma_net.netfilter.lower import PRIORITIES, lower
from kuma_net.netfilter.nf_tables import DISPATCH, STAMP_CHAIN, UNMARKED, Features
from kuma_net.netfilter.read_questions import NotOurs, Questions, base_name
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
    from collections.abc import Iterator
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

    def plus(self, other: Read) -> Read:
        """Return the same rule with what another part of it has counted as well."""
        return Read(self.rule, self.packets + other.packets, self.octets + other.octets)


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
    raised = raising.raised(tuple(sorted(families, key=lambda family: family.number)))
    if raised.strange:
        return raised
    return raised.replace(strange=_not_as_lowered(raised.ruleset, tables))


def _not_as_lowered(ruleset: Ruleset, tables: Tables) -> tuple[str, ...]:
    """Return what differs from the tables that the ruleset is lowered to.

    Reading passes over what only leads to variants of chains; here they are held to be right.
    """
    try:
        forms = _differences_by_features(ruleset, tables)
    except NoBackend as impossible:
        return tuple(impossible.reasons.values())
    return min(forms, key=len)


def _differences_by_features(ruleset: Ruleset, tables: Tables) -> list[tuple[str, ...]]:
    inet_nat = tables[0].family == "inet"
    return [
        tuple(_differences(lower(ruleset, features.replace(inet_nat=inet_nat)), tables))
        for features in (
            Features(),
            Features(concat_intervals=False),
            Features(interval_sets=False, concat_intervals=False),
        )
    ]


def _differences(wanted: Tables, found: Tables) -> Iterator[str]:
    for new, old in zip(wanted, found, strict=True):
        for what in ("sets", "maps", "chains"):
            named = {each.name: each for each in getattr(bare(old), what)}
            for each in getattr(bare(new), what):
                if named.pop(each.name, None) != each:
                    yield f"{each} is not as we write it"
            for name in named:
                yield f"{what[:-1]} {name} is none of ours"


def bare(table: nf_tables.Table) -> nf_tables.Table:
    """Return the table without its stamp, base chains by name (their order says nothing)."""
    chains = [chain for chain in table.chains if chain.name != STAMP_CHAIN]
    hooked = sorted([chain for chain in chains if chain.hook], key=lambda chain: chain.name)
    others = [chain for chain in chains if not chain.hook]
    return table.replace(comment="", chains=(*hooked, *others))


def stamp_of(table: nf_tables.Table) -> str:
    """Return the stamp's text: what chain ``stamp`` says is newer than the table's comment."""
    found = next((chain for chain in table.chains if chain.name == STAMP_CHAIN), None)
    return found.rules[0].comment if found and found.rules else table.comment


class _Raising:
    """Gathers, place by place, the rules of all tables and variants by their position."""

    def __init__(self) -> None:
        self.stamp = ""
        self.strange: list[str] = []
        self.places: dict[Place, dict[int, Read]] = {}
        self.inlined: list[tuple[str, Read]] = []

    def add(self, table: nf_tables.Table) -> None:
        self.stamp = self.stamp or stamp_of(table)
        reader = _Reader(table)
        for chain in table.chains:
            if chain.name == STAMP_CHAIN:
                continue
            place = _place(chain)
            if place is None:
                self.strange.append(f"{chain} is none of ours")
                continue
            found = self.places.setdefault(place, {})
            for rule in chain.rules:
                why_not = self.rule(rule, found, reader)
                if why_not:
                    self.strange.append(f"{rule} of {chain}: {why_not}")

    def rule(self, rule: nf_tables.Rule, found: dict[int, Read], reader: _Reader) -> str:
        """Read one rule into ``found``; return in words why it is none of ours, or nothing."""
        if rule.position == DISPATCH:
            return ""
        if rule.position == UNMARKED:
            return "none of ours"
        try:
            part = reader.read(rule)
            if rule.inlined >= 0 and isinstance(part.rule.target, Jump):
                self.inlined.append((part.rule.target.chain, part))
            before = found.get(rule.position)
            if before:
                part = part.replace(rule=join_parts(before.rule, part.rule))
                part = part.plus(before)
        except NotOurs as problem:
            return str(problem)
        found[rule.position] = part
        return ""

    def raised(self, families: tuple[Family, ...]) -> Raised:
        names = [place for place in self.places if isinstance(place, str)]
        for name, part in self.inlined:
            only = self.places.get(name, {}).get(0)
            if only:
                self.places[name][0] = only.plus(part)
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
        tables = _tables_of(hooks, {name: reads[name] for name in names})
        chains = tuple(
            Chain(tables.get(name, "nat"), name, tuple([read.rule for read in reads[name]]))
            for name in names
        )
        in_order = [read for hook in hooks for read in reads[hook.table, hook.hook]]
        in_order += [read for name in names for read in reads[name]]
        counts = tuple([(read.packets, read.octets) for read in in_order])
        return Raised(Ruleset(families, hooks, chains), self.stamp, counts, tuple(self.strange))


class _Reader:
    """Reads rules of one table."""

    def __init__(self, table: nf_tables.Table) -> None:
        self.sets = {each.name: each for each in table.sets}
        self.guarded = table.family != "inet"
        named = (chain for chain in table.chains if not chain.hook and chain.name != STAMP_CHAIN)
        self.names = tuple(dict.fromkeys(base_name(chain.name) for chain in named))

    def read(self, rule: nf_tables.Rule) -> Read:
        questions = Questions(rule.expressions, self.sets, guarded=self.guarded)
        target = questions.read()
        matches = questions.matches
        if rule.inlined >= 0:
            if rule.inlined >= len(self.names):
                raise NotOurs("it stands for a jump to no chain of ours")
            matches, target = matches[: rule.own], Jump(self.names[rule.inlined])
        if rule.box:
            matches = of_box(matches)
        read = Rule(tuple(matches), target, *why_and_setting(rule.comment))
        return Read(read, questions.counter.packets, questions.counter.octets)


def _place(chain: nf_tables.Chain) -> Place | None:
    """Return where the rules of a chain stand in a ruleset; None for a chain of others."""
    place = _PLACES.get(chain.name)
    if chain.hook is None:
        return None if place else base_name(chain.name)
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
