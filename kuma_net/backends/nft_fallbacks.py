"""What to do when nf_tables refuses: ask what the kernel can do, and ask for less.

Each question is a transaction without an end.  The kernel looks at all of it and throws it away,
so nothing is changed and nothing is ever visible (net/netfilter/nfnetlink.c, "abort").  The
version of the kernel is never looked at: distributions carry features back, and leave others
out.

In this order something is given up: IPv6, where the kernel has none; the one table for both
families; ranges in sets.  What has no substitute (redirect, conntrack zones, a log, the owner of
a socket) stays refused, with the rule and the setting that ask for it.
"""

from __future__ import annotations

from errno import EPERM

from kuma_net.backends.nftables import Wish
from kuma_net.errors import NetlinkError
from kuma_net.netfilter.nf_tables import (
    GID,
    INET_SERVICE,
    IPV4_ADDR,
    IPV6_ADDR,
    UID,
    Chain,
    Cmp,
    CtZone,
    Features,
    Hook,
    Immediate,
    Log,
    Meta,
    Redir,
    Rule,
    Set,
    Table,
)
from kuma_net.netlink.nftables import OWNER_FLAG, add_table, batch, make_table
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.nf_tables import Expression, TableFamily
    from kuma_net.netlink.message import Kernel, Request

PROBE = "kuma_net_probe"
"""No table of this name ever comes to be."""
IPV6_FAMILY = 10
"""NFPROTO_IPV6."""
_NAT = Hook("nat", "output", -101)
_RAW = Hook("filter", "output", -300)
_TCP: tuple[Expression, ...] = (Meta("l4proto"), Cmp("==", b"\x06"))
_NOTES = {
    "inet_nat": "the kernel has no nat for both families in one table: two tables are used",
    "interval_sets": "the kernel has no ranges in sets: rules are written range by range",
    "concat_intervals": (
        "the kernel has no ranges in keys of several fields: "
        "exclusions by user or group are written as one rule each"
    ),
}


def retreat(
    kernel: Kernel, wish: Wish, refusal: NetlinkError, refused: Request | None
) -> tuple[Wish, tuple[str, ...]]:
    """Return what to wish for instead, and sentences that say it; else raise the refusal.

    Raises PermissionDenied too.
    """
    if refused is None or refusal.errno == EPERM:
        raise refusal
    features = probe(kernel).replace(table_userdata=wish.features.table_userdata)
    if Family.IPV6 in wish.ruleset.families and not features.ipv6:
        why = "the kernel's nf_tables has no IPv6"
        return _without_ipv6(wish, features, why)
    relevant = _relevant(features, wish.features)
    if relevant:
        return wish.replace(features=features), relevant
    if len(wish.ruleset.families) > 1 and is_of_ipv6(refused):
        return _without_ipv6(wish, features, str(refusal))
    raise refusal


def _relevant(found: Features, believed: Features) -> tuple[str, ...]:
    """Return what is said of each feature that was believed in and is not there."""
    return tuple(
        said
        for feature, said in _NOTES.items()
        if getattr(believed, feature) and not getattr(found, feature)
    )


def _without_ipv6(wish: Wish, features: Features, why: str) -> tuple[Wish, tuple[str, ...]]:
    from kuma_net.netfilter.contract import restrict
    from kuma_net.netfilter.digest import digest

    if Family.IPV4 not in wish.ruleset.families:
        raise NetlinkError(97, "IPv6 is not supported", "IPv6", explanation=why)
    ruleset = restrict(wish.ruleset, (Family.IPV4,))
    stamp = wish.stamp.replace(rules=digest(ruleset))
    return Wish(ruleset, stamp, features), (f"IPv6 is left out: {why}",)


def is_of_ipv6(refused: Request) -> bool:
    """Whether what was refused is there for IPv6 alone."""
    subject = refused.subject
    if refused.payload[0] == IPV6_FAMILY:
        return True
    if isinstance(subject, Rule):
        guard = (Meta("nfproto"), Cmp("==", bytes((IPV6_FAMILY,))))
        pairs = zip(subject.expressions, subject.expressions[1:], strict=False)
        return guard in pairs
    return isinstance(subject, Set) and subject.key == (IPV6_ADDR,)


def probe(kernel: Kernel) -> Features:
    """Ask for each feature; ``table_userdata`` cannot be asked and is taken to be there.

    Raises PermissionDenied.
    """
    boxes = (UID, INET_SERVICE)
    key = bytes(8)
    ranges = Set("s", (IPV4_ADDR,), interval=True, elements=((bytes(4), b"\0\0\0\xff"),))
    concatenated = Set("s", boxes, interval=True, elements=((key, b"\xff" * 8),))
    redirect = (*_TCP, Immediate(b"\0\x01"), Redir())
    owner = (Meta("skuid"), Cmp("==", bytes(4)), Meta("skgid"), Cmp("==", bytes(GID.length)))
    return Features(
        inet_nat=_accepts(kernel, _table("inet", _NAT)),
        ipv6=_accepts(kernel, _table("ip6", _NAT)),
        interval_sets=_accepts(kernel, Table("ip", PROBE, "", (ranges,), (), ())),
        concat_intervals=_accepts(kernel, Table("ip", PROBE, "", (concatenated,), (), ())),
        redirect=_accepts(kernel, _table("ip", _NAT, redirect)),
        zone=_accepts(kernel, _table("ip", _RAW, (Immediate(b"\0\0"), CtZone()))),
        log=_accepts(kernel, _table("ip", _RAW, (Log("", 7),))),
        owner=_accepts(kernel, _table("ip", _RAW, owner)),
        owner_table=_passes(kernel, [make_table("ip", PROBE, OWNER_FLAG)]),
    )


def lacking(kernel: Kernel) -> tuple[str, ...]:
    """Return what there is no capturing without and the kernel has not; raises PermissionDenied.

    One question where nothing is lacking: throwing a hook away takes the kernel 10 ms.
    """
    everything = (Meta("skuid"), Cmp("==", bytes(4)), *_TCP, Immediate(b"\0\x01"), Redir())
    if _accepts(kernel, _table("ip", _NAT, everything)):
        return ()
    found = probe(kernel)
    needed = {
        "the owner of a socket (nft_meta)": found.owner,
        "redirect (nft_redir)": found.redirect,
    }
    return tuple(what for what, there in needed.items() if not there)


def _table(family: TableFamily, hook: Hook, expressions: tuple[Expression, ...] = ()) -> Table:
    rules = (Rule(expressions),) if expressions else ()
    return Table(family, PROBE, "", (), (), (Chain("c", hook, rules),))


def _accepts(kernel: Kernel, table: Table) -> bool:
    return _passes(kernel, list(add_table(table)))


def _passes(kernel: Kernel, requests: list[Request]) -> bool:
    """Whether the kernel finds nothing wrong with a transaction that has no end."""
    try:
        kernel.commit(batch(requests)[:-1])
    except NetlinkError:
        return False
    return True
