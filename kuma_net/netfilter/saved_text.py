"""What iptables-save says, read back as a ruleset.

The text of both flavours, with or without counters (``-c``), of one family.  Rules of ours
(``kuma_net.netfilter.ownership``) become rules of a one-family ``Ruleset``, in the very form in
which ``expand`` hands them to ``restore_text``; what is another owner's stays as it is listed.
The law is::

    parse_saved(iptables-save, after iptables-restore of r).ruleset == flat expand(r, family)

iptables-save prints rules in its own words (``/32`` behind an address, ``-m tcp`` before ports,
the comment behind the protocol, no level where a LOG rule has the default one), and it leaves
out what always holds.  ``normal`` settles the order; a rule with a question that no rule of
ours asks, or with anything twice, is no rule of ours any more, although it stands in our place: it
is kept as text among the ``strange``, and nothing fails.
"""

from __future__ import annotations

from kuma_net.netfilter.listing import ListedRule, Listing, read_listing
from kuma_net.netfilter.ownership import STAMP_CHAIN, is_note, is_own_chain, own_rules
from kuma_net.netfilter.ruleset import (
    COMMENT_PREFIX,
    HOOKS,
    TABLES,
    Chain,
    HookChain,
    Rule,
    Ruleset,
)
from kuma_net.netfilter.saved_rule import read_rule
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.ruleset import Hook, Table
    from kuma_net.values import Family


class Count(Record):
    """Packets and bytes that the rule at ``position`` (from 0) of ``chain`` has seen."""

    table: str
    chain: str
    position: int
    packets: int
    octets: int


class Saved(Record):
    """What one family's tables hold of ours, and beside it.

    * ``ruleset``: our rules, as ``expand`` would have them; the stamp is no part of it;
    * ``stamp``: the stamp's text, or empty;
    * ``counts``: packets and bytes of each of these rules, where the text had counters;
    * ``strange``: what stands in our place, or looks like ours, and is no rule of ours;
    * ``chains``: every chain of ours (table, name), the stamp's included;
    * ``hooked``: every rule of ours in chains that are not ours, and its number there (from 1);
    * ``foreign``: the rules of other owners.
    """

    family: Family
    ruleset: Ruleset
    stamp: str = ""
    counts: tuple[Count, ...] = ()
    strange: tuple[str, ...] = ()
    chains: tuple[tuple[str, str], ...] = ()
    hooked: tuple[tuple[ListedRule, int], ...] = ()
    foreign: tuple[ListedRule, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything of ours is there."""
        return bool(self.chains or self.hooked)


def parse_saved(text: str, family: Family) -> Saved:
    """Read the text of ``iptables-save`` or ``ip6tables-save``, with ``-c`` or without."""
    lines: list[str] = []
    counters: list[tuple[int, int]] = []
    for line in text.splitlines():
        bracket, rule = line.partition("] -A ")[::2]
        if bracket.startswith("[") and rule:
            packets, octets = bracket[1:].split(":")
            counters.append((int(packets), int(octets)))
            lines.append(f"-A {rule}")
        else:
            lines.append(line)
    return read_saved(read_listing("\n".join(lines)), family, tuple(counters))


def read_saved(
    listing: Listing, family: Family, counters: tuple[tuple[int, int], ...] = ()
) -> Saved:
    """Read a listing, wherever it comes from; ``counters`` go with its rules, or are empty."""
    owned = own_rules(listing)
    reader = _Reader(family, listing)
    for at, rule in enumerate(listing.rules):
        reader.read(rule, counters[at] if counters else None, own=owned[at])
    return Saved(
        family,
        reader.ruleset(listing),
        reader.stamp,
        tuple(reader.counts),
        tuple(reader.strange),
        tuple(chain for chain in listing.chains if is_own_chain(chain[1])),
        tuple(reader.hooked),
        tuple(reader.foreign),
    )


class _Reader:
    """Sorts the rules of a listing as they come."""

    def __init__(self, family: Family, listing: Listing) -> None:
        self.family = family
        self.names: dict[str, set[str]] = {
            table: {name for chain_table, name in listing.chains if chain_table == table}
            for table in TABLES
        }
        self.stamp = ""
        self.counts: list[Count] = []
        self.strange: list[str] = []
        self.hooked: list[tuple[ListedRule, int]] = []
        self.numbers: dict[tuple[str, str], int] = {}
        self.foreign: list[ListedRule] = []
        self.rules: dict[tuple[str, str], list[Rule]] = {}
        self.ahead: dict[tuple[str, str], int] = {}
        """How many rules of ours stand ahead of the first foreign one, where there is one."""

    def read(self, rule: ListedRule, counter: tuple[int, int] | None, *, own: bool) -> None:
        place = (rule.table, rule.chain)
        self.numbers[place] = self.numbers.get(place, 0) + 1
        if not own:
            self.foreign.append(rule)
            self.ahead.setdefault(place, len(self.rules.get(place, ())))
        elif rule.chain == STAMP_CHAIN:
            self.stamp = rule.comment.removeprefix(COMMENT_PREFIX)
        elif not is_note(rule.chain):
            if not is_own_chain(rule.chain):
                self.hooked.append((rule, self.numbers[place]))
            self.keep(rule, counter)

    def keep(self, rule: ListedRule, counter: tuple[int, int] | None) -> None:
        place = (rule.table, rule.chain)
        kept = self.rules.setdefault(place, [])
        names = self.names.get(rule.table)
        if names is None or not (rule.chain in HOOKS or is_own_chain(rule.chain)):
            self.strange.append(f"{rule}: no place for a rule of ours")
            return
        try:
            kept.append(read_rule(rule.words, self.family, names))
        except ValueError as wrong:
            self.strange.append(f"{rule}: {wrong}")
            return
        if counter:
            self.counts.append(Count(*place, len(kept) - 1, *counter))

    def ruleset(self, listing: Listing) -> Ruleset:
        hooks = [self.hook(table, hook) for table in TABLES for hook in HOOKS]
        own = [
            Chain(table, name, tuple(self.rules.get((table, name), ())))
            for table in TABLES
            for chain_table, name in listing.chains
            if chain_table == table and is_own_chain(name) and not is_note(name)
        ]
        return Ruleset((self.family,), tuple(hook for hook in hooks if hook.rules), tuple(own))

    def hook(self, table: Table, hook: Hook) -> HookChain:
        listed = tuple(self.rules.get((table, hook), ()))
        ahead = self.ahead.get((table, hook), len(listed))
        return HookChain(table, hook, listed[:ahead], listed[ahead:])
