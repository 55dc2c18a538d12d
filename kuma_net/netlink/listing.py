"""Chains, sets and rules as the kernel lists them, read into values; ``nftables`` back to front.

A listing tells more than we ask for (handles, use counts, policies); what matters is read, what
makes an object none of ours is reported as ``Unknown`` with a clause for people.

What surprised us: a red-black tree lists each interval as two elements, the second flagged, in
descending order; a concatenated set lists in no order; and a set's flags come without those that
only its creation needs.
"""

from __future__ import annotations

from kuma_net.netfilter.nf_tables import KEY_FIELDS, Chain, Hook, Map, Rule, Set
from kuma_net.netlink.expressions import VERDICT, Unknown
from kuma_net.netlink.message import attributes, items, read_number, read_text
from kuma_net.netlink.nftables import (
    ACCEPT,
    HOOK_NUMBERS,
    INTERVAL,
    INTERVAL_END,
    MAP,
    MARK,
    TYPE_BITS,
    VERDICT_TYPE,
)
from kuma_net.netlink.read_expressions import decode_expressions, decode_verdict
from kuma_net.netlink.tables import body, user_data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuma_net.netfilter.nf_tables import ChainType, KeyField, Verdict
    from kuma_net.netlink.message import Message

_HOOKS = {number: name for name, number in HOOK_NUMBERS.items()}
_TYPES: dict[str, ChainType] = {"nat": "nat", "filter": "filter"}
_FIELDS = {field.number: field for field in KEY_FIELDS}
_CHAIN_HOOK = 4
_KEY_END = 10
_FOREIGN_FLAGS = 0x7F & ~INTERVAL
"""Anonymous, constant, map, timeout, evaluated, object: no set of ours."""


def table_of(message: Message) -> str:
    """Return the name of the table that a chain, set or rule is in."""
    return read_text(body(message).get(1, b""))


def decode_chain(message: Message) -> Chain:
    """Return a chain without its rules; ``Unknown`` for a base chain that is none of ours."""
    found = body(message)
    name = read_text(found[3])
    if _CHAIN_HOOK not in found:
        return Chain(name, None)
    where = attributes(found[_CHAIN_HOOK])
    hook = _HOOKS.get(read_number(where[1]))
    type_name = read_text(found[7])
    kind = _TYPES.get(type_name)
    priority = read_number(where[2])
    if priority >= 1 << 31:
        priority -= 1 << 32
    if hook is None or kind is None:
        raise Unknown(f"chain {name} of type {type_name}")
    if read_number(found[5]) != ACCEPT:
        raise Unknown(f"chain {name} with another policy than accept")
    return Chain(name, Hook(kind, hook, priority))


def decode_rule(message: Message) -> tuple[str, Rule]:
    """Return a rule with the name of its chain; ``Unknown``."""
    found = body(message)
    chain = read_text(found[2])
    comment, mark = user_data(found.get(7, b""))
    try:
        expressions = decode_expressions(found.get(4, b""))
    except Unknown as error:
        words = f'rule "{comment}"' if comment else "a rule"
        raise Unknown(f"{words} of chain {chain}: {error}") from error
    if len(mark) != MARK.size:
        return chain, Rule(expressions, comment)
    position, box, inlined, own = MARK.unpack(mark)
    return chain, Rule(expressions, comment, position, bool(box), inlined - 1, own)


def decode_set(message: Message) -> Set | Map:
    """Return a set or verdict map without elements; ``Unknown`` for one that is none of ours."""
    found = body(message)
    name = read_text(found[2])
    flags = read_number(found.get(3, b""))
    verdicts = read_number(found.get(6, b"")) == VERDICT_TYPE
    fields = _fields(name, read_number(found[4]))
    if flags == MAP and verdicts and len(fields) == 1:
        return Map(name, fields[0], ())
    if flags & _FOREIGN_FLAGS:
        raise Unknown(f"set {name} of another kind (flags {flags:#x})")
    return Set(name, fields, bool(flags & INTERVAL), ())


def _fields(name: str, packed: int) -> tuple[KeyField, ...]:
    fields: list[KeyField] = []
    while packed:
        field = _FIELDS.get(packed & (1 << TYPE_BITS) - 1)
        if field is None:
            raise Unknown(f"set {name} with keys of another type")
        fields.insert(0, field)
        packed >>= TYPE_BITS
    return tuple(fields)


def decode_map_elements(it: Map, messages: Iterable[Message]) -> Map:
    """Return the map with the elements that were listed; ``Unknown``."""
    elements = []
    for message in messages:
        for _, element in items(body(message).get(3, b"")):
            found = attributes(element)
            try:
                then = decode_verdict(attributes(found[2])[VERDICT])
            except KeyError as error:
                raise Unknown(f"{it} with other verdicts") from error
            elements.append((_key(found[1]), then))
    return it.replace(elements=tuple(sorted(elements, key=_first)))


def _first(element: tuple[bytes, Verdict]) -> bytes:
    return element[0]


def decode_elements(it: Set, messages: Iterable[Message]) -> Set:
    """Return the set with the elements that were listed; ``Unknown`` for ends without begin."""
    listed = [element for m in messages for _, element in items(body(m).get(3, b""))]
    if it.interval and len(it.key) == 1:
        return it.replace(elements=_intervals(it, listed))
    elements = []
    for element in listed:
        found = attributes(element)
        first = _key(found[1])
        elements.append((first, _key(found[_KEY_END]) if _KEY_END in found else first))
    return it.replace(elements=tuple(sorted(elements)))


def _key(value: bytes) -> bytes:
    return attributes(value)[1]


def _intervals(it: Set, listed: list[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Pair begins with ends; a begin without an end reaches to the highest value."""
    marks = []
    for element in listed:
        found = attributes(element)
        end = bool(read_number(found.get(3, b"")) & INTERVAL_END)
        marks.append((_key(found[1]), not end))
    size = it.key[0].length
    intervals: list[tuple[bytes, bytes]] = []
    begin: bytes | None = None
    for key, begins in sorted(marks):
        if begin is not None:
            last = (int.from_bytes(key, "big") - 1).to_bytes(size, "big")
            intervals.append((begin, last))
        begin = key if begins else None
    if begin is not None:
        intervals.append((begin, b"\xff" * size))
    return tuple(intervals)
