"""Rules of iptables-nft as nf_tables lists them, in the words of iptables-save.

iptables-nft keeps its rules in tables ``raw``, ``mangle``, ``nat`` of the families ip and ip6.
What nf_tables can say itself (addresses, protocol, interfaces, in newer releases ports too) are
expressions, the rest is an xtables extension in an expression ``match`` or ``target``.  Which is
which depends on its release, so both are read.  The order of the words is ours; an expression
that is not read gives ``UNKNOWN``.
"""

from __future__ import annotations

from kuma_net.netfilter.listing import ListedRule
from kuma_net.netfilter.nf_tables import Bitwise, Cmp, Counter, Meta, Payload, Range, Verdict
from kuma_net.netlink.expressions import Unknown
from kuma_net.netlink.message import attributes, items, read_number, read_text
from kuma_net.netlink.read_expressions import decode_expression
from kuma_net.netlink.tables import body, user_data
from kuma_net.netlink.xtables import (
    PROTOCOLS,
    UNKNOWN,
    denied,
    interval,
    match_words,
    target_words,
)
from kuma_net.record import Record
from kuma_net.values import Family, address_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.nf_tables import Expression
    from kuma_net.netlink.message import Message
    from kuma_net.netlink.xtables import Words

TABLE, CHAIN, HANDLE, EXPRESSIONS, USER_DATA = 1, 2, 3, 4, 7
"""NFTA_RULE_*."""
CHAIN_NAME, CHAIN_HOOK = 3, 4
"""NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK."""
INTERFACES = {"iifname": "-i", "oifname": "-o"}
ADDRESSES = {
    (Family.IPV4, 12): "-s",
    (Family.IPV4, 16): "-d",
    (Family.IPV6, 8): "-s",
    (Family.IPV6, 24): "-d",
}
"""Offset of the source and destination address in the header (RFC 791, RFC 8200)."""
PORTS = {0: "--sport", 2: "--dport"}


class _Pending(Record):
    """What was loaded into the register, and the mask put over it."""

    loaded: Meta | Payload
    mask: bytes = b""


def made_chain(message: Message) -> str:
    """Return the name of a chain that somebody made; nothing for one that the kernel enters."""
    found = body(message)
    return "" if CHAIN_HOOK in found else read_text(found[CHAIN_NAME])


def read_rule(message: Message, family: Family) -> ListedRule:
    """Return the rule that a message of a listing holds."""
    found = body(message)
    words: Words = ()
    pending: _Pending | None = None
    for _, element in items(found.get(EXPRESSIONS, b"")):
        said = _extension(element)
        expression = None if said else _expression(element)
        if isinstance(expression, Meta | Payload):
            pending = _Pending(expression)
        elif isinstance(expression, Bitwise) and pending:
            pending = pending.replace(mask=expression.mask)
        else:
            words += said or _asked(expression, pending, family)
    comment, _ = user_data(found.get(USER_DATA, b""))
    if comment:
        words = ("-m", "comment", "--comment", comment, *words)
    return ListedRule(
        read_text(found[TABLE]),
        read_text(found[CHAIN]),
        words,
        read_number(found.get(HANDLE, b"")),
    )


def _extension(element: bytes) -> Words:
    """Return the words of an expression ``match`` or ``target``; none for any other."""
    found = attributes(element)
    name = read_text(found.get(1, b""))
    if name not in {"match", "target"}:
        return ()
    about = attributes(found.get(2, b""))
    words = match_words if name == "match" else target_words
    return words(read_text(about[1]), read_number(about[2]), about[3])


def _expression(element: bytes) -> Expression | None:
    try:
        return decode_expression(element)
    except Unknown:
        return None


def _asked(expression: Expression | None, pending: _Pending | None, family: Family) -> Words:
    """Return the words of a verdict, or of a comparison with what was loaded before it."""
    match expression:
        case Counter():
            return ()
        case Verdict(code, chain):
            if code in {"jump", "goto"}:
                return ("-j" if code == "jump" else "-g"), chain
            return "-j", code.upper()
        case Cmp(op, data) if pending and op in {"==", "!="}:
            return denied(op == "!=", *_compared(pending, data, data, family))
        case Range(op, first, last) if pending:
            return denied(op == "!=", *_compared(pending, first, last, family))
        case _:
            return (UNKNOWN,)


def _compared(pending: _Pending, first: bytes, last: bytes, family: Family) -> Words:
    match pending.loaded:
        case Meta("l4proto") if len(first) == 1:
            return "-p", PROTOCOLS.get(first[0], str(first[0]))
        case Meta(("iifname" | "oifname") as key):
            name = first.rstrip(b"\0").decode("utf-8", "surrogateescape")
            return INTERFACES[key], name if first.endswith(b"\0") else f"{name}+"
        case Payload("transport", offset, 2) if offset in PORTS and not pending.mask:
            ports = int.from_bytes(first, "big"), int.from_bytes(last, "big")
            return PORTS[offset], interval(*ports)
        case Payload("network", offset, length) if (family, offset) in ADDRESSES:
            network = _network(first, pending.mask or b"\xff" * length, family)
            return (ADDRESSES[family, offset], network) if network else (UNKNOWN,)
        case _:
            return (UNKNOWN,)


def _network(address: bytes, mask: bytes, family: Family) -> str:
    """Return a network as text; nothing for a mask with holes (iptables allows them)."""
    bits = f"{int.from_bytes(mask, 'big'):0{8 * len(mask)}b}"
    prefix = len(bits.rstrip("0"))
    if "0" in bits[:prefix] or len(address) != len(mask):
        return ""
    value = int.from_bytes(address.ljust(family.bits // 8, b"\0"), "big")
    return f"{address_text(value, family)}/{prefix}"
