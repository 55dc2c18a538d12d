"""Expressions of nf_tables as attributes, both ways (include/uapi/linux/netfilter/nf_tables.h).

An expression is its name and its own attributes.  Registers have two numberings in the kernel:
1 to 4 for sixteen bytes each, 8 to 23 for four; register 0 is the verdict.  A slot of ours that
begins sixteen bytes goes out, and comes back, under its old number.

Attributes that the kernel adds on its own (lengths, flags it derives, the upper end of a port
range equal to the lower) are read over; an expression or a form of one that ``lower`` never
makes is ``Unknown``.
"""

from __future__ import annotations

from _struct import pack

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
from kuma_net.netlink.message import attribute, nested, number, read_number, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from kuma_net.netfilter.nf_tables import Base, Code, Comparison, Expression, MetaKey

LIST_ELEMENT = 1
VALUE, VERDICT = 1, 2
"""NFTA_DATA_*."""
VERDICT_CODE, VERDICT_CHAIN = 1, 2
META_KEYS: dict[MetaKey, int] = {
    "iifname": 6,
    "oifname": 7,
    "skuid": 10,
    "skgid": 11,
    "nfproto": 15,
    "l4proto": 16,
}
BASES: dict[Base, int] = {"network": 1, "transport": 2}
COMPARISONS: dict[Comparison, int] = {"==": 0, "!=": 1, "<=": 3, ">=": 5}
CODES: dict[Code, int] = {"drop": 0, "accept": 1, "jump": -3, "goto": -4, "return": -5}
CT_STATE, CT_ZONE = 0, 17
NAT_PROTO_SPECIFIED = 2
"""NF_NAT_RANGE_PROTO_SPECIFIED (include/uapi/linux/netfilter/nf_nat.h)."""
INVERTED = 1
"""NFT_LOOKUP_F_INV."""


class Unknown(ValueError):
    """An expression, or a form of one, that no rule of ours has."""


def register(kind: int, slot: int) -> bytes:
    """Return the attribute that names a register by its slot of four bytes."""
    return number(kind, slot // 4 + 1 if slot % 4 == 0 else slot + 8)


def slot_of(value: bytes) -> int:
    """Return the slot of a register by either of its numbers; the verdict's is ``Unknown``."""
    named = read_number(value)
    if not named:
        raise Unknown("the verdict register")
    return (named - 1) * 4 if named <= 4 else named - 8  # noqa: PLR2004 - NFT_REG_4


def data(kind: int, value: bytes) -> bytes:
    """Return the attribute that holds a constant."""
    return nested(kind, attribute(VALUE, value))


def verdict(kind: int, code: Code, chain: str = "") -> bytes:
    """Return the attribute that holds a verdict."""
    parts = number(VERDICT_CODE, CODES[code] & 0xFFFFFFFF)
    if chain:
        parts += text(VERDICT_CHAIN, chain)
    return nested(kind, nested(VERDICT, parts))


def _expression(name: str, *parts: bytes) -> bytes:
    return nested(LIST_ELEMENT, text(1, name), nested(2, *parts))


def _meta(it: Meta) -> bytes:
    return _expression("meta", number(2, META_KEYS[it.key]), register(1, it.register))


def _payload(it: Payload) -> bytes:
    return _expression(
        "payload",
        register(1, it.register),
        number(2, BASES[it.base]),
        number(3, it.offset),
        number(4, it.length),
    )


def _cmp(it: Cmp) -> bytes:
    return _expression(
        "cmp", register(1, it.register), number(2, COMPARISONS[it.op]), data(3, it.data)
    )


def _range(it: Range) -> bytes:
    return _expression(
        "range",
        register(1, it.register),
        number(2, COMPARISONS[it.op]),
        data(3, it.first),
        data(4, it.last),
    )


def _bitwise(it: Bitwise) -> bytes:
    return _expression(
        "bitwise",
        register(1, it.register),
        register(2, it.register),
        number(3, len(it.mask)),
        data(4, it.mask),
        data(5, bytes(len(it.mask))),
    )


def _hton(it: Hton) -> bytes:
    return _expression(
        "byteorder",
        register(1, it.register),
        register(2, it.register),
        number(3, 1),
        number(4, 4),
        number(5, 4),
    )


def _lookup(it: Lookup) -> bytes:
    flags = number(5, INVERTED) if it.inverted else b""
    return _expression("lookup", text(1, it.name), register(2, it.register), flags)


def _verdict_map(it: VerdictMap) -> bytes:
    return _expression("lookup", text(1, it.name), register(2, it.register), number(3, 0))


def _ct_state(it: CtState) -> bytes:
    return _expression("ct", number(2, CT_STATE), register(1, it.register))


def _ct_zone(it: CtZone) -> bytes:
    return _expression("ct", number(2, CT_ZONE), register(4, it.register))


def _immediate(it: Immediate) -> bytes:
    return _expression("immediate", register(1, it.register), data(2, it.data))


def _verdict(it: Verdict) -> bytes:
    return _expression("immediate", number(1, 0), verdict(2, it.code, it.chain))


def _redir(it: Redir) -> bytes:
    return _expression("redir", register(1, it.register), number(3, NAT_PROTO_SPECIFIED))


def _log(it: Log) -> bytes:
    return _expression("log", text(2, it.prefix), number(5, it.level))


def _counter(it: Counter) -> bytes:
    return _expression(
        "counter", attribute(1, pack(">Q", it.octets)), attribute(2, pack(">Q", it.packets))
    )


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    Meta: _meta,
    Payload: _payload,
    Cmp: _cmp,
    Range: _range,
    Bitwise: _bitwise,
    Hton: _hton,
    Lookup: _lookup,
    VerdictMap: _verdict_map,
    CtState: _ct_state,
    CtZone: _ct_zone,
    Immediate: _immediate,
    Verdict: _verdict,
    Redir: _redir,
    Log: _log,
    Counter: _counter,
}


def encode_expression(expression: Expression) -> bytes:
    """Return an expression as an element of a rule's list."""
    return _ENCODERS[type(expression)](expression)
