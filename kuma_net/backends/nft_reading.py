"""What stands in our tables, read from the kernel as nf_tables objects.

A reading takes several listings, so another writer may come between them; whoever needs one
moment compares the generation before and after, or lets the kernel do so when a change is sent.
"""

from __future__ import annotations

from kuma_net.netfilter.nf_tables import TABLE, Map, Table
from kuma_net.netlink import listing, nftables
from kuma_net.netlink.expressions import Unknown
from kuma_net.netlink.tables import DORMANT
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.nf_tables import Chain, Rule, Set, TableFamily, Tables
    from kuma_net.netlink.message import Kernel
    from kuma_net.netlink.tables import Listed


class Found(Record):
    """Our tables as they stand.

    ``strange`` tells what in them no encoder of ours writes; ``whole``: that is rules at most,
    so the tables can be changed in place.
    """

    tables: Tables
    strange: tuple[str, ...]
    whole: bool


def read(kernel: Kernel, listed: list[Listed]) -> Found:
    """Return the listed tables with their contents."""
    reading = _Reading(kernel)
    found = tuple([reading.table(table, table.family) for table in listed if table.family])
    return Found(found, tuple(reading.strange), reading.whole)


class _Reading:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.strange: list[str] = []
        self.whole = True

    def table(self, listed: Listed, family: TableFamily) -> Table:
        if listed.flags & DORMANT:
            self.unknown(Unknown("the table is dormant: its rules are not in force"))
        sets, maps = self.sets_and_maps(family)
        rules: dict[str, list[Rule]] = {}
        for message in self.kernel.dump(nftables.list_rules(family, TABLE)):
            if listing.table_of(message) != TABLE:
                continue
            try:
                chain, rule = listing.decode_rule(message)
            except Unknown as problem:
                self.strange.append(str(problem))
                continue
            rules.setdefault(chain, []).append(rule)
        chains = tuple(
            [chain.replace(rules=tuple(rules.get(chain.name, ()))) for chain in self.chains(family)]
        )
        return Table(family, TABLE, listed.comment, sets, maps, chains)

    def chains(self, family: TableFamily) -> list[Chain]:
        found = []
        for message in self.kernel.dump(nftables.list_chains(family)):
            if listing.table_of(message) == TABLE:
                try:
                    found.append(listing.decode_chain(message))
                except Unknown as problem:
                    self.unknown(problem)
        return found

    def sets_and_maps(self, family: TableFamily) -> tuple[tuple[Set, ...], tuple[Map, ...]]:
        sets: list[Set] = []
        maps: list[Map] = []
        for message in self.kernel.dump(nftables.list_sets(family, TABLE)):
            if listing.table_of(message) != TABLE:
                continue
            try:
                empty = listing.decode_set(message)
                elements = self.kernel.dump(nftables.list_elements(family, TABLE, empty.name))
                if isinstance(empty, Map):
                    maps.append(listing.decode_map_elements(empty, elements))
                else:
                    sets.append(listing.decode_elements(empty, elements))
            except Unknown as problem:
                self.unknown(problem)
        return tuple(sets), tuple(maps)

    def unknown(self, problem: Unknown) -> None:
        self.strange.append(str(problem))
        self.whole = False
