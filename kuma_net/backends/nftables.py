"""The default backend: our own table of nf_tables, over our own netlink.

How a change is made (``apply``):

1. ask for the generation of the rules and for all tables;
2. no table of ours: one transaction that makes it.  Otherwise read it: if it is what is wanted
   nothing is sent; else one transaction exchanges what is in it and keeps the hooks, so that
   each packet meets all of the old rules or all of the new;
3. the transaction names the generation it was computed from.  Another writer in between makes
   the kernel refuse it, and everything begins anew; after ``ATTEMPTS`` of that the table is
   replaced without asking what was there.

What is left of kumactl in the tables of iptables-nft goes in the same transaction.

A refusal for want of a feature leads to ``nft_fallbacks``, which asks the kernel what it can do.
The one lack that the kernel does not refuse is user data of tables (before 5.10): it is ignored,
so a table just made is asked for once, and without its stamp it gets one in a rule.
"""

from __future__ import annotations

from errno import ERESTART

from kuma_net.backends.base import Applied, parse_stamp
from kuma_net.errors import NetlinkError
from kuma_net.netfilter.lower import lower, stamp_chain
from kuma_net.netfilter.nf_tables import STAMP_CHAIN, TABLE, Features
from kuma_net.netlink.nftables import (
    FAMILY_NUMBERS,
    add_table,
    batch,
    delete_table,
    get_generation,
    get_table,
    list_tables,
    make_table,
    replace_table,
)
from kuma_net.netlink.tables import decode_generation, decode_table
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.backends.base import Installed, Kind, Stamp
    from kuma_net.backends.nft_reading import Found
    from kuma_net.netfilter.nf_tables import Chain, Table, Tables
    from kuma_net.netfilter.ruleset import Ruleset
    from kuma_net.netlink.message import Kernel, Request
    from kuma_net.netlink.tables import Listed

ATTEMPTS = 100
IPTABLES_TABLES = frozenset({"raw", "mangle", "nat"})
"""The tables, in families ip and ip6, that iptables-nft keeps and kumactl used."""
EVERYTHING = Features()
"""What a kernel is taken to have until it refuses."""


class Wish(Record):
    """What is to stand in the kernel, made of what it is believed to have."""

    ruleset: Ruleset
    stamp: Stamp
    features: Features

    def tables(self) -> Tables:
        """Return the ruleset as nf_tables objects; raises NoBackend."""
        return lower(self.ruleset, self.features, str(self.stamp))


class Nftables:
    """A ``Backend``; ``kernel`` is the socket unless one is given."""

    kind: Kind = "nftables"

    def __init__(self, kernel: Kernel | None = None, features: Features = EVERYTHING) -> None:
        """Open nothing yet; begin with the belief that the kernel has ``features``."""
        if kernel is None:
            from kuma_net.host.netlink_socket import NetlinkSocket

            kernel = NetlinkSocket()
        self._kernel = kernel
        self._features = features

    def read(self) -> Installed | None:
        """See ``Backend``; raises NetlinkError and PermissionDenied."""
        from kuma_net.backends.nft_installed import installed

        try:
            return installed(self._kernel)
        finally:
            self._kernel.close()

    def apply(self, ruleset: Ruleset, stamp: Stamp) -> Applied:
        """See ``Backend``; raises NoBackend, NetlinkError and PermissionDenied."""
        wish = Wish(ruleset, stamp, self._features)
        notes: tuple[str, ...] = ()
        try:
            while True:  # each retreat gives something up for good, and there is little to give
                transaction = Transaction(self._kernel, wish)
                try:
                    changed = transaction.settle()
                except NetlinkError as refusal:
                    from kuma_net.backends.nft_fallbacks import retreat

                    wish, said = retreat(self._kernel, wish, refusal, transaction.refused)
                    notes += said
                    continue
                notes += transaction.notes
                return Applied(changed, wish.ruleset.families, notes=notes)
        finally:
            self._kernel.close()

    def remove(self) -> Applied:
        """See ``Backend``; raises NetlinkError and PermissionDenied."""
        transaction = Transaction(self._kernel, None)
        try:
            changed = transaction.settle()
        finally:
            self._kernel.close()
        return Applied(changed, notes=transaction.notes)


class Transaction:
    """Brings the kernel from whatever is there to a wish (None: to nothing of ours)."""

    def __init__(self, kernel: Kernel, wish: Wish | None) -> None:
        """Ask nothing yet."""
        self._kernel = kernel
        self._wish = wish
        self._stamp = str(wish.stamp) if wish else ""
        self._wanted: Tables = wish.tables() if wish else ()
        self._userdata = bool(wish and wish.features.table_userdata)
        self._made = False
        self.notes: tuple[str, ...] = ()
        self.refused: Request | None = None

    def settle(self) -> bool:
        """Send what is needed, again while others are faster; return whether it was anything."""
        for _ in range(ATTEMPTS):
            generation = generation_of_rules(self._kernel)
            try:
                requests = self._changes()
                if not requests:
                    return False
                self._commit(batch(requests, generation))
            except NetlinkError as refusal:
                if refusal.errno == ERESTART or generation_of_rules(self._kernel) != generation:
                    continue
                raise
            break
        else:
            self._commit(batch(self._regardless()))
        if self._lost_stamp():
            self.settle()
        return True

    def _commit(self, requests: list[Request]) -> None:
        try:
            self._kernel.commit(requests)
        except NetlinkError as refusal:
            index = refusal.message_index
            self.refused = requests[index] if index >= 0 else None
            raise

    def _changes(self) -> list[Request]:
        """Return the requests that make the wish true; none when it is."""
        listed = [decode_table(message) for message in self._kernel.dump(list_tables())]
        mine = ours(listed)
        self._made = False
        if not mine:
            requests = self._additions()
        elif not self._wanted:
            requests = _deletions(mine)
        else:
            from kuma_net.backends.nft_reading import read

            requests = self._exchange(read(self._kernel, mine), mine)
        # Removing leaves them alone: they may be what iptables-nft has just been told to hold.
        in_iptables = any(t.family in {"ip", "ip6"} and t.name in IPTABLES_TABLES for t in listed)
        if self._wanted and in_iptables:
            from kuma_net.backends.leftovers import in_nf_tables

            places = [(table.family, table.name) for table in listed]
            leftovers = in_nf_tables(self._kernel, places)
            requests += leftovers.requests
            self.notes = leftovers.notes
        return requests

    def _additions(self) -> list[Request]:
        self._made = True
        return [request for table in self._wanted for request in add_table(table)]

    def _exchange(self, found: Found, mine: list[Listed]) -> list[Request]:
        same_tables = _families(found.tables) == _families(self._wanted)
        if not (same_tables and found.whole):
            return _deletions(mine) + self._additions()
        pairs = list(zip(found.tables, self._wanted, strict=True))
        if not found.strange and all(self._is_same(old, new) for old, new in pairs):
            return []
        return [
            request for old, new in pairs for request in replace_table(old, self._within(old, new))
        ]

    def _is_same(self, old: Table, new: Table) -> bool:
        from kuma_net.netfilter.raise_ import bare, stamp_of

        kept = self._wish and self._wish.stamp.is_kept_by(parse_stamp(stamp_of(old)))
        return bool(kept) and bare(old) == bare(new)

    def _within(self, old: Table, new: Table) -> Table:
        """Return the new table for the old one's place, whose comment stays: with a stamp in it."""
        bare = new.replace(chains=_without_stamp(new))
        if old.comment == self._stamp:
            return bare
        return bare.replace(chains=(*bare.chains, stamp_chain(self._stamp)))

    def _regardless(self) -> list[Request]:
        """Return what leads to the wish from anywhere: make, take away, make."""
        listed = [decode_table(message) for message in self._kernel.dump(list_tables())]
        families = {str(table.family) for table in ours(listed)}
        families |= {table.family for table in self._wanted}
        requests: list[Request] = []
        for family in FAMILY_NUMBERS:
            if family not in families:
                continue
            requests += [make_table(family, TABLE), delete_table(family, TABLE)]
        return requests + self._additions()

    def _lost_stamp(self) -> bool:
        """Whether a table that was made did not keep its comment: the kernel has no room for it."""
        if not (self._made and self._stamp and self._userdata):
            return False
        self._made = False
        answers = [self._kernel.dump(get_table(t.family, TABLE)) for t in self._wanted]
        return not all(decode_table(answer[0]).comment for answer in answers)


def ours(listed: list[Listed]) -> list[Listed]:
    """Return the tables of our name in the families that we use, inet, then ip, then ip6."""
    mine = [table for table in listed if table.name == TABLE and table.family]
    return sorted(mine, key=lambda table: str(table.family))


def generation_of_rules(kernel: Kernel) -> int:
    """Return the number of the generation of all rules of the network namespace."""
    return decode_generation(kernel.dump(get_generation())[0])


def _families(tables: Tables) -> list[str]:
    return [table.family for table in tables]


def _deletions(listed: list[Listed]) -> list[Request]:
    return [delete_table(table.family, TABLE) for table in listed if table.family]


def _without_stamp(table: Table) -> tuple[Chain, ...]:
    return tuple([chain for chain in table.chains if chain.name != STAMP_CHAIN])
