"""Expressions of nf_tables read back from attributes; the other half is ``expressions``."""

from __future__ import annotations

from kuma_net.netfilter.nf_tables import (
    Bitwise,
    Cmp,
    Counter,
    CtState,
    CtZone,
    Hton,
    Immediate,
    Log,
    Lookup,
    Meta,
    Payload,
    Range,
    Redir,
    Verdict,
    VerdictMap,
)
from kuma_net.netlink.expressions import (
    BASES,
    CODES,
    COMPARISONS,
    CT_STATE,
    CT_ZONE,
    INVERTED,
    META_KEYS,
    VALUE,
    VERDICT,
    VERDICT_CHAIN,
    VERDICT_CODE,
    Unknown,
    slot_of,
)
from kuma_net.netlink.message import attributes, items, read_number, read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_net.netfilter.nf_tables import Expression
    from kuma_net.netlink.message import Attributes

_LOOKUP_RESULT = 3
"""NFTA_LOOKUP_DREG: where a map puts what it found; 0 is the verdict."""
_META = {number: key for key, number in META_KEYS.items()}
_BASES = {number: base for base, number in BASES.items()}
_COMPARISONS = {number: op for op, number in COMPARISONS.items()}
_CODES = {number & 0xFFFFFFFF: code for code, number in CODES.items()}


def decode_expressions(data: bytes) -> tuple[Expression, ...]:
    """Read a rule's list; ``Unknown`` names an expression that no rule of ours has."""
    return tuple([decode_expression(element) for _, element in items(data)])


def decode_expression(data: bytes) -> Expression:
    """Read one element of a rule's list; ``Unknown``, ``Truncated``."""
    found = attributes(data)
    name = read_text(found.get(1, b""))
    decoder = _DECODERS.get(name)
    if decoder is None:
        raise Unknown(f"expression {name}")
    try:
        return decoder(attributes(found.get(2, b"")))
    except KeyError as error:
        raise Unknown(f"this form of expression {name}") from error


def _constant(value: bytes) -> bytes:
    return attributes(value)[VALUE]


def _meta(found: Attributes) -> Meta:
    return Meta(_META[read_number(found[2])], slot_of(found[1]))


def _payload(found: Attributes) -> Payload:
    offset, length = read_number(found[3]), read_number(found[4])
    return Payload(_BASES[read_number(found[2])], offset, length, slot_of(found[1]))


def _cmp(found: Attributes) -> Cmp:
    return Cmp(_COMPARISONS[read_number(found[2])], _constant(found[3]), slot_of(found[1]))


def _range(found: Attributes) -> Range:
    op = _COMPARISONS[read_number(found[2])]
    return Range(op, _constant(found[3]), _constant(found[4]), slot_of(found[1]))


def _bitwise(found: Attributes) -> Bitwise:
    slot = slot_of(found[1])
    if slot_of(found[2]) != slot or any(_constant(found[5])):
        raise KeyError
    return Bitwise(_constant(found[4]), slot)


def _hton(found: Attributes) -> Hton:
    slot = slot_of(found[1])
    wanted = (1, 4, 4)
    if slot_of(found[2]) != slot or tuple(read_number(found[k]) for k in (3, 4, 5)) != wanted:
        raise KeyError
    return Hton(slot)


def _lookup(found: Attributes) -> Lookup | VerdictMap:
    name, slot = read_text(found[1]), slot_of(found[2])
    if _LOOKUP_RESULT not in found:
        return Lookup(name, bool(read_number(found.get(5, b"")) & INVERTED), slot)
    if read_number(found[_LOOKUP_RESULT]):
        raise KeyError
    return VerdictMap(name, slot)


def _ct(found: Attributes) -> CtState | CtZone:
    key = read_number(found[2])
    if key == CT_STATE:
        return CtState(slot_of(found[1]))
    if key == CT_ZONE:
        return CtZone(slot_of(found[4]))
    raise KeyError


def _immediate(found: Attributes) -> Immediate | Verdict:
    value = attributes(found[2])
    if VERDICT not in value:
        return Immediate(value[VALUE], slot_of(found[1]))
    return decode_verdict(value[VERDICT])


def decode_verdict(data: bytes) -> Verdict:
    """Read a verdict; ``KeyError`` for one of those that no rule of ours has."""
    found = attributes(data)
    code = _CODES[read_number(found[VERDICT_CODE])]
    return Verdict(code, read_text(found.get(VERDICT_CHAIN, b"")))


def _redir(found: Attributes) -> Redir:
    slot = slot_of(found[1])
    if slot_of(found.get(2, found[1])) != slot:
        raise KeyError
    return Redir(slot)


def _log(found: Attributes) -> Log:
    return Log(read_text(found[2]), read_number(found[5]))


def _counter(found: Attributes) -> Counter:
    return Counter(read_number(found[2]), read_number(found[1]))


_DECODERS: dict[str, Callable[[Attributes], Expression]] = {
    "meta": _meta,
    "payload": _payload,
    "cmp": _cmp,
    "range": _range,
    "bitwise": _bitwise,
    "byteorder": _hton,
    "lookup": _lookup,
    "ct": _ct,
    "immediate": _immediate,
    "redir": _redir,
    "log": _log,
    "counter": _counter,
}
