"""Rules of kumactl, or of our own iptables backends, where they are not wanted any more.

They are looked for in two places, each in its own way, and neither way starts a program:

* in the tables ``raw``, ``mangle``, ``nat`` of nf_tables that iptables-nft keeps: listed over
  netlink, and taken away by handles in a transaction.  ``in_nf_tables`` returns the requests, so
  that the nftables backend sends them together with its own;
* in legacy tables: read by getsockopt(2), and only where the kernel says that there are any
  (``/proc/net/ip_tables_names``), because merely asking for a legacy table makes one.  They are
  taken away by one iptables-legacy-restore per family: the one case in which the nftables
  backend starts a program, and it is told.

On the way of every install stand only a few looks that find nothing; what reads rules is
imported when there is something to read.
"""

from __future__ import annotations

from errno import ERESTART
from posix import strerror

from kuma_net.errors import NetlinkError
from kuma_net.host.legacy_tables import read_tables, table_names
from kuma_net.netfilter.nf_tables import TABLE
from kuma_net.netfilter.ruleset import CHAIN_PREFIX, COMMENT_PREFIX
from kuma_net.netlink.listing import table_of
from kuma_net.netlink.nftables import (
    DELCHAIN,
    DELRULE,
    batch,
    get_generation,
    header,
    list_chains,
    list_rules,
    list_tables,
)
from kuma_net.netlink.tables import decode_generation, decode_table
from kuma_net.record import Record
from kuma_net.values import BOTH_FAMILIES, Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kuma_net.backends.base import Kind
    from kuma_net.netfilter.listing import Listing
    from kuma_net.netfilter.nf_tables import TableFamily
    from kuma_net.netlink.message import Kernel, Message, Request

KINDS: tuple[Kind, ...] = ("nftables", "iptables-nft", "iptables-legacy")
ATTEMPTS = 50
"""Another writer in between makes the kernel refuse a removal; it is tried again."""
TABLES = ("raw", "mangle", "nat")
"""The tables that kumactl and our iptables backends write to."""
FAMILIES: dict[TableFamily, Family] = {"ip": Family.IPV4, "ip6": Family.IPV6}
CHAIN_MARK, RULE_MARK = CHAIN_PREFIX.encode(), COMMENT_PREFIX.encode()


class NftLeftovers(Record):
    """What takes the leftovers away, in the order of a transaction, and what a person is told."""

    requests: tuple[Request, ...] = ()
    notes: tuple[str, ...] = ()


def in_nf_tables(kernel: Kernel, places: Iterable[tuple[TableFamily | None, str]]) -> NftLeftovers:
    """Look for leftovers in the tables of iptables-nft.

    ``places`` are the tables that exist, by family and name, as the kernel lists them.  Where
    none of them is one of iptables-nft's, nothing is asked.  Raises NetlinkError.
    """
    requests: list[Request] = []
    notes: list[str] = []
    for marked in marked_in(kernel, places):
        found = _taken_away(nft_listing(marked), marked.family)
        requests += found.requests
        notes += found.notes
    return NftLeftovers(tuple(requests), tuple(notes))


class Marked(Record):
    """A family's tables of iptables-nft, as listed, where something in them bears our mark."""

    family: TableFamily
    chains: tuple[tuple[str, Message], ...]
    rules: tuple[Message, ...]


def marked_in(kernel: Kernel, places: Iterable[tuple[TableFamily | None, str]]) -> Iterator[Marked]:
    """Yield the families in whose tables something may be ours; ``places`` as above."""
    known = tuple(places)
    for family in FAMILIES:
        tables = [table for table in TABLES if (family, table) in known]
        marked = _listed(kernel, family, tables) if tables else None
        if marked:
            yield marked


def _listed(kernel: Kernel, family: TableFamily, tables: list[str]) -> Marked | None:
    """List the tables of a family; None where nothing bears a mark of ours.

    Every install has a chain of ours in nat; without one the rules of nat, which may be many,
    are not listed.
    """
    chains = [
        (table, chain)
        for chain in kernel.dump(list_chains(family))
        if (table := table_of(chain)) in tables
    ]
    named = any(CHAIN_MARK in chain.payload for _, chain in chains)
    rules = [
        rule
        for table in tables
        if named or table != "nat"
        for rule in kernel.dump(list_rules(family, table))
        if table_of(rule) == table  # an old kernel lists them all
    ]
    if not named and not any(RULE_MARK in rule.payload for rule in rules):
        return None
    return Marked(family, tuple(chains), tuple(rules))


def nft_listing(marked: Marked) -> Listing:
    """Return what was listed in words."""
    from kuma_net.netfilter.listing import Listing
    from kuma_net.netlink.compat import made_chain, read_rule

    family = FAMILIES[marked.family]
    return Listing(
        tuple((table, name) for table, chain in marked.chains if (name := made_chain(chain))),
        tuple(read_rule(rule, family) for rule in marked.rules),
    )


def _taken_away(listing: Listing, family: TableFamily) -> NftLeftovers:
    """Return the requests: rules by their handles, then chains, emptied before any is deleted."""
    from kuma_net.netfilter.ownership import is_own_chain, own_rules
    from kuma_net.netlink.message import Request, attribute, text

    of_whom = f", left over in the tables of iptables-nft ({FAMILIES[family]})"
    head = header(family)
    hooked: list[Request] = []
    for rule, own in zip(listing.rules, own_rules(listing), strict=True):
        if own and not is_own_chain(rule.chain):
            about = head + text(1, rule.table) + text(2, rule.chain)
            handle = attribute(3, rule.handle.to_bytes(8, "big"))
            hooked.append(Request(DELRULE, 0, about + handle, rule, of_whom))
    chains = [place for place in listing.chains if is_own_chain(place[1])]
    emptied = [
        Request(DELRULE, 0, head + text(1, table) + text(2, name), f"rules of {name}", of_whom)
        for table, name in chains
    ]
    deleted = [
        Request(DELCHAIN, 0, head + text(1, table) + text(3, name), f"chain {name}", of_whom)
        for table, name in chains
    ]
    notes = notes_on(listing, FAMILIES[family], "iptables-nft", len(hooked))
    return NftLeftovers((*hooked, *emptied, *deleted), notes)


def notes_on(listing: Listing, family: Family, where: str, rules: int) -> tuple[str, ...]:
    """Return what a person is told about leftovers in ``where`` that are taken away."""
    from kuma_net.netfilter.ownership import STAMP_CHAIN, is_own_chain
    from kuma_net.netfilter.shapes import doubtful, is_bare

    names = [name for _, name in listing.chains if is_own_chain(name)]
    whose = "an earlier install" if STAMP_CHAIN in names else "kumactl"
    told = f"rules of {whose} in the {where} tables of {family} are taken away"
    counted = f"{rules} in the kernel's chains, {len(names)} chains"
    kept = [
        f"left in place in the {where} tables of {family}, as it may be somebody else's: {rule}"
        for rule in (doubtful(listing) if is_bare(listing) else ())
    ]
    return f"{told} ({counted})", *kept


def remove_from_nf_tables(kernel: Kernel | None = None) -> NftLeftovers:
    """Take leftovers out of the tables of iptables-nft; return what was done.

    Raises NetlinkError and PermissionDenied.
    """
    from kuma_net.host.netlink_socket import NetlinkSocket

    kernel = kernel or NetlinkSocket()
    try:
        for _ in range(ATTEMPTS):
            generation = decode_generation(kernel.dump(get_generation())[0])
            found = in_nf_tables(kernel, _places(kernel))
            try:
                if found.requests:
                    kernel.commit(batch(found.requests, generation))
            except NetlinkError as refusal:
                if refusal.errno != ERESTART:
                    raise
            else:
                return found
    finally:
        kernel.close()
    words = "the removal of leftovers: other writers keep changing the rules"
    raise NetlinkError(ERESTART, strerror(ERESTART), words)


def _places(kernel: Kernel) -> list[tuple[TableFamily | None, str]]:
    listed = [decode_table(message) for message in kernel.dump(list_tables())]
    return [(table.family, table.name) for table in listed]


class LegacyLeftovers(Record):
    """The text for iptables-legacy-restore that takes the leftovers away; empty: there are none."""

    text: str = ""
    notes: tuple[str, ...] = ()


def legacy_leftovers(family: Family) -> LegacyLeftovers:
    """Look for leftovers in legacy tables; raises HostError."""
    tables = tuple(table for table in table_names(family) if table in TABLES)
    if not tables:
        return LegacyLeftovers()
    from kuma_net.netfilter.removal_text import render_removal
    from kuma_net.netfilter.saved_text import read_saved

    listing = read_tables(family, tables)
    saved = read_saved(listing, family)
    if not saved:
        return LegacyLeftovers()
    notes = notes_on(listing, family, "iptables-legacy", len(saved.hooked))
    return LegacyLeftovers(render_removal(saved), notes)


def holds(kind: Kind) -> bool:
    """Return whether a backend's place holds rules of ours, or of kumactl; raises HostError."""
    return kind in holders(kinds=(kind,))


def holders(kernel: Kernel | None = None, kinds: tuple[Kind, ...] = KINDS) -> tuple[Kind, ...]:
    """Return which of these backends' places hold rules of ours or of kumactl's.

    No program is started.  A rule of somebody else that speaks of ours is taken for one here:
    whoever reads it will find out.  Raises HostError.
    """
    found: list[Kind] = []
    if "nftables" in kinds or "iptables-nft" in kinds:
        from kuma_net.host.netlink_socket import NetlinkSocket

        kernel = kernel or NetlinkSocket()
        try:
            places = _places(kernel)
            if any(family and name == TABLE for family, name in places):
                found.append("nftables")
            if any(marked_in(kernel, places)):
                found.append("iptables-nft")
        except NetlinkError:  # a kernel without nf_tables holds nothing there
            found = []
        finally:
            kernel.close()
    if any(legacy_leftovers(family).text for family in BOTH_FAMILIES):
        found.append("iptables-legacy")
    return tuple(kind for kind in found if kind in kinds)
