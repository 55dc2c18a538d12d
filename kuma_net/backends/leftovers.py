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

from kuma_net.netfilter.ruleset import CHAIN_PREFIX, COMMENT_PREFIX
from kuma_net.netlink.listing import table_of
from kuma_net.netlink.nftables import (
    DELCHAIN,
    DELRULE,
    header,
    list_chains,
    list_rules,
)
from kuma_net.record import Record
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuma_net.netfilter.listing import Listing
    from kuma_net.netfilter.nf_tables import TableFamily
    from kuma_net.netlink.message import Kernel, Request

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
    known = tuple(places)
    requests: list[Request] = []
    notes: list[str] = []
    for family in FAMILIES:
        tables = [table for table in TABLES if (family, table) in known]
        listing = _nft_listing(kernel, family, tables) if tables else None
        if listing:
            found = _taken_away(listing, family)
            requests += found.requests
            notes += found.notes
    return NftLeftovers(tuple(requests), tuple(notes))


def _nft_listing(kernel: Kernel, family: TableFamily, tables: list[str]) -> Listing | None:
    """Return what is in the tables of a family, or None where nothing bears a mark of ours.

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
    from kuma_net.netfilter.listing import Listing
    from kuma_net.netlink.compat import chain_name, read_rule

    return Listing(
        tuple((table, chain_name(chain)) for table, chain in chains),
        tuple(read_rule(rule, FAMILIES[family]) for rule in rules),
    )


def _taken_away(listing: Listing, family: TableFamily) -> NftLeftovers:
    """Return the requests: rules by their handles, then chains, emptied before any is deleted."""
    from kuma_net.netfilter.ownership import is_own_chain, own_rules
    from kuma_net.netlink.message import Request, attribute, text

    what = f"the removal of leftovers of {FAMILIES[family]}: "
    head = header(family)
    hooked: list[Request] = []
    for rule, own in zip(listing.rules, own_rules(listing), strict=True):
        if own and not is_own_chain(rule.chain):
            about = head + text(1, rule.table) + text(2, rule.chain)
            handle = attribute(3, rule.handle.to_bytes(8, "big"))
            hooked.append(Request(DELRULE, 0, about + handle, what, str(rule)))
    chains = [place for place in listing.chains if is_own_chain(place[1])]
    emptied = [
        Request(DELRULE, 0, head + text(1, table) + text(2, name), what, f"rules of {name}")
        for table, name in chains
    ]
    deleted = [
        Request(DELCHAIN, 0, head + text(1, table) + text(3, name), what, f"chain {name}")
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
