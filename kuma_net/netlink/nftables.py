"""Requests to nf_tables as values: what to add, to take away, to list.

A transaction is a batch: begin, changes, end.  The kernel looks at each change in turn and then
makes all of them visible at once, or none: for all tables and families.  The begin may name the
generation of the rules that the batch was computed from (``GETGEN``); if another writer was
faster the kernel refuses with ERESTART.

Two ways of putting a new table in the place of an old one:

* ``add_table`` behind ``delete_table`` in one batch, which registers new hooks and drops the old;
* ``replace_table``, which keeps the base chains and exchanges what is in them.  Each packet then
  sees all of the old rules or all of the new at a hook.  With exchanged hooks a packet that is
  between the new (still empty) and the old (already empty) chain of one hook at that very moment
  meets neither; it is a matter of nanoseconds, but of many packets.

What surprised us: the user data of a table cannot be changed while it lives, so a table replaced
in place tells who it is by a rule's user data; a set may be deleted and made again under its
name in one batch, a base chain may be too, but then it is another hook.

Facts: include/uapi/linux/netfilter/nf_tables.h, net/netfilter/{nfnetlink,nf_tables_api}.c; user
data as libnftnl writes it (include/libnftnl/udata.h), so that nft(8) prints comments.
"""

from __future__ import annotations

from _struct import Struct, pack

from kuma_net.netfilter.nf_tables import GID, UID
from kuma_net.netlink.expressions import LIST_ELEMENT, data, encode_expression, verdict
from kuma_net.netlink.message import (
    APPEND,
    BATCH_BEGIN,
    BATCH_END,
    CREATE,
    DUMP,
    EXCLUSIVE,
    Request,
    attribute,
    nested,
    number,
    text,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeVar

    from kuma_net.netfilter.nf_tables import Chain, HookName, Map, Rule, Set, Table, TableFamily

    _Item = TypeVar("_Item")

SUBSYSTEM = 10
NEWTABLE, GETTABLE, DELTABLE = 0xA00, 0xA01, 0xA02
NEWCHAIN, GETCHAIN, DELCHAIN = 0xA03, 0xA04, 0xA05
NEWRULE, GETRULE, DELRULE = 0xA06, 0xA07, 0xA08
NEWSET, GETSET, DELSET = 0xA09, 0xA0A, 0xA0B
NEWSETELEM, GETSETELEM = 0xA0C, 0xA0D
NEWGEN, GETGEN = 0xA0F, 0xA10

FAMILY_NUMBERS: dict[TableFamily, int] = {"inet": 1, "ip": 2, "ip6": 10}
HOOK_NUMBERS: dict[HookName, int] = {"prerouting": 0, "output": 3}
ACCEPT = 1
OWNER_FLAG = 2
"""NFT_TABLE_F_OWNER."""
INTERVAL, MAP, CONCAT = 4, 8, 128
"""NFT_SET_*."""
VERDICT_TYPE = 0xFFFFFF00
"""NFT_DATA_VERDICT: what a verdict map holds."""
INTERVAL_END = 1
"""NFT_SET_ELEM_INTERVAL_END."""
TYPE_BITS = 6
"""nft packs the types of a concatenated key into one number, six bits each."""

USER_COMMENT = 0
USER_MARK = 0x4B
"""Ours among the user data of a rule: see ``MARK``."""
MARK = Struct(">HBBB")
"""Position, whether it is a box, the chain it stands for a jump to (from 1), its own matches."""
USER_KEY_ORDER = 0
"""NFTNL_UDATA_SET_KEYBYTEORDER; 1 says the machine's order to nft(8), 2 says big-endian."""
HOST_ENDIAN = attribute(13, bytes((USER_KEY_ORDER, 4)) + pack("=I", 1))
BIG_ENDIAN = attribute(13, bytes((USER_KEY_ORDER, 4)) + pack("=I", 2))
LONGEST_COMMENT = 246
"""Bytes: 256 (NFT_USERDATA_MAXLEN) less the closing zero, two headers of two bytes, our mark."""
OWNER_KEYS = ((UID,), (GID,))
"""Keys whose single values are in the machine's order."""
LIST_BYTES = 60000
"""Elements per message: their list is one attribute, whose length has 16 bits."""


def header(family: TableFamily | None = None, resource: int = 0) -> bytes:
    """Return ``struct nfgenmsg``; no family asks about all."""
    return pack(">BBH", FAMILY_NUMBERS[family] if family else 0, 0, resource)


def batch(requests: Iterable[Request], generation: int | None = None) -> list[Request]:
    """Return the transaction of the requests; refused unless the rules are of ``generation``."""
    about = number(1, generation) if generation is not None else b""
    frame = header(resource=SUBSYSTEM)
    return [
        Request(BATCH_BEGIN, 0, frame + about, "the beginning of the transaction"),
        *requests,
        Request(BATCH_END, 0, frame, "the end of the transaction"),
    ]


def add_table(table: Table) -> Iterator[Request]:
    """Yield what makes a table that is not there, with everything in it."""
    about = header(table.family) + text(1, table.name)
    if table.comment:
        about += attribute(6, _comment(table.comment))
    yield Request(NEWTABLE, CREATE | EXCLUSIVE, about, table)
    yield from _contents(table, table.replace(sets=(), maps=(), chains=()))


def replace_table(old: Table, new: Table) -> Iterator[Request]:
    """Yield what turns the table ``old`` into ``new`` (but its comment), keeping what can stay.

    Rules are exchanged by generation, and a packet that has begun with the old ones ends with
    them.  Elements of sets and maps are not: a lookup asks which generation holds *now*, so a
    packet that meets an old map just after the commit finds it empty, and passes by all that the
    map would have led it to (net/netfilter/nf_tables_api.c, nft_set_elem_active; measured, one of
    150,000 connections during exchanges).  Hence sets and maps that are the same stay where they
    are, and with the maps the chains that they lead to.

    What is listed first was made first, and reading back goes by that order: what stays is what
    has its place in the new table's order as well.
    """
    kept = _kept(old, new)
    about = header(old.family) + text(1, old.name)
    yield Request(DELRULE, 0, about, "the removal of all rules of ", str(old))
    gone: list[Set | Map] = [each for each in old.sets if each not in kept.sets]
    gone += [jumps for jumps in old.maps if jumps not in kept.maps]
    for one in gone:
        yield Request(DELSET, 0, about + text(2, one.name), "the removal of ", str(one))
    places = [(chain.name, chain.hook) for chain in kept.chains]
    for chain in old.chains:
        if (chain.name, chain.hook) not in places:
            yield Request(DELCHAIN, 0, about + text(3, chain.name), "the removal of ", str(chain))
    yield from _contents(new, kept)


def _kept(old: Table, new: Table) -> Table:
    """Return of the table ``old`` what stays when it is turned into ``new``."""
    hooks = {(chain.name, chain.hook) for chain in new.chains if chain.hook}
    base = [chain for chain in old.chains if (chain.name, chain.hook) in hooks]
    names = _in_order(_entered(old), _entered(new))
    others = [chain for chain in old.chains if chain.hook is None and chain.name in names]
    maps = [
        jumps
        for jumps in _in_order(old.maps, new.maps)
        if all(verdict.chain in names for _, verdict in jumps.elements)
    ]
    sets = _in_order(old.sets, new.sets)
    return old.replace(sets=sets, maps=tuple(maps), chains=(*base, *others))


def _entered(table: Table) -> tuple[str, ...]:
    """Return the names of the chains that are entered by a jump."""
    return tuple([chain.name for chain in table.chains if chain.hook is None])


def _in_order(old: tuple[_Item, ...], new: tuple[_Item, ...]) -> tuple[_Item, ...]:
    """Return what of ``old`` is in ``new``, if the rest can be put behind it; else nothing."""
    common = tuple([one for one in old if one in new])
    rest = tuple([one for one in new if one not in common])
    return common if (*common, *rest) == new else ()


def make_table(family: TableFamily, name: str, flags: int = 0) -> Request:
    """Return what makes an empty table unless there is one."""
    about = header(family) + text(1, name) + (number(2, flags) if flags else b"")
    return Request(NEWTABLE, CREATE, about, f"table {family} {name}")


def delete_table(family: TableFamily, name: str) -> Request:
    """Return what takes a table away with everything in it; ENOENT when there is none."""
    return Request(
        DELTABLE, 0, header(family) + text(1, name), f"the removal of table {family} {name}"
    )


def _contents(table: Table, kept: Table) -> Iterator[Request]:
    """Yield what fills a table in which nothing is but chains, sets and maps of ``kept``."""
    about = header(table.family) + text(1, table.name)
    there = {(chain.name, chain.hook) for chain in kept.chains}
    for chain in table.chains:
        if (chain.name, chain.hook) not in there:
            yield Request(NEWCHAIN, CREATE, about + _chain(chain), chain)
    yield from _elements(table, kept, about)
    known: dict[int, bytes] = {}
    for chain in table.chains:
        place = f" of {chain}"
        in_chain = about + text(2, chain.name)
        for rule in chain.rules:
            if id(rule) not in known:
                known[id(rule)] = encode_rule(rule, known)
            yield Request(NEWRULE, CREATE | APPEND, in_chain + known[id(rule)], rule, place)


def _elements(table: Table, kept: Table, about: bytes) -> Iterator[Request]:
    """Yield what makes sets and maps, with what is in them."""
    for identity, each in enumerate(table.sets, 1):
        if each in kept.sets:
            continue
        yield Request(NEWSET, CREATE, about + _set(each, identity), each)
        for elements in element_lists(each):
            list_of = about + text(2, each.name) + nested(3, elements)
            yield Request(NEWSETELEM, CREATE, list_of, "elements of ", str(each))
    for identity, jumps in enumerate(table.maps, len(table.sets) + 1):
        if jumps in kept.maps:
            continue
        yield Request(NEWSET, CREATE, about + _map(jumps, identity), jumps)
        list_of = about + text(2, jumps.name) + nested(3, *_map_elements(jumps))
        yield Request(NEWSETELEM, CREATE, list_of, "elements of ", str(jumps))


def _chain(chain: Chain) -> bytes:
    named = text(3, chain.name)
    if chain.hook is None:
        return named
    hook = chain.hook
    where = number(1, HOOK_NUMBERS[hook.hook]) + number(2, hook.priority & 0xFFFFFFFF)
    return named + nested(4, where) + number(5, ACCEPT) + text(7, hook.type)


def encode_rule(rule: Rule, known: dict[int, bytes]) -> bytes:
    """Return the expressions and the user data of a rule as attributes.

    ``known`` remembers expressions by identity from one rule of a table to the next.
    """
    encoded = []
    for expression in rule.expressions:
        identity = id(expression)
        if identity not in known:
            known[identity] = encode_expression(expression)
        encoded.append(known[identity])
    expressions = nested(4, *encoded)
    user_data = _comment(rule.comment) if rule.comment else b""
    if rule.position >= 0:
        mark = MARK.pack(rule.position, rule.box, rule.inlined + 1, rule.own)
        user_data += bytes((USER_MARK, len(mark))) + mark
    return expressions + attribute(7, user_data) if user_data else expressions


def _comment(words: str) -> bytes:
    """Return a comment as user data: cut to what fits, at a letter's end."""
    value = words.encode()[:LONGEST_COMMENT].decode(errors="ignore").encode() + b"\0"
    return bytes((USER_COMMENT, len(value))) + value


def _set(it: Set, identity: int) -> bytes:
    key_type, key_bytes = 0, 0
    concatenated = len(it.key) > 1
    for field in it.key:
        key_type = key_type << TYPE_BITS | field.number
        key_bytes += (field.length + 3 & ~3) if concatenated else field.length
    flags = (INTERVAL if it.interval else 0) | (CONCAT if concatenated and it.interval else 0)
    parts = text(2, it.name) + number(3, flags) + number(4, key_type) + number(5, key_bytes)
    if concatenated and it.interval:
        lengths = [nested(LIST_ELEMENT, number(1, field.length)) for field in it.key]
        parts += nested(9, nested(2, *lengths))
    points_of_owners = it.key in OWNER_KEYS and not it.interval
    return parts + number(10, identity) + (HOST_ENDIAN if points_of_owners else BIG_ENDIAN)


def _map(it: Map, identity: int) -> bytes:
    about = text(2, it.name) + number(3, MAP) + number(4, it.key.number)
    about += number(5, it.key.length) + number(6, VERDICT_TYPE) + number(7, 0)
    return about + number(10, identity) + BIG_ENDIAN


def _map_elements(it: Map) -> list[bytes]:
    return [
        nested(LIST_ELEMENT, data(1, key), verdict(2, then.code, then.chain))
        for key, then in it.elements
    ]


def element_lists(it: Set) -> Iterator[bytes]:
    """Yield the elements of a set as attributes, in pieces that fit one message each."""
    if not it.elements:
        return
    size = len(it.elements[0][0])
    if not it.interval:
        encoded = _points(it, size)
    elif len(it.key) > 1:
        encoded = _boxes(it, size)
    else:
        encoded = _intervals(it, size)
    count = LIST_BYTES // max(map(len, encoded))
    for start in range(0, len(encoded), count):
        yield b"".join(encoded[start : start + count])


def _key(kind: int, size: int) -> bytes:
    """Return the head of an attribute that holds a key of ``size`` bytes; padding not counted."""
    return pack("=HHHH", size + 8, kind | 0x8000, size + 4, 1)


def _points(it: Set, size: int) -> list[bytes]:
    padding = bytes(-size & 3)
    head = pack("=HH", len(_key(1, size)) + size + 4 + len(padding), 0x8001) + _key(1, size)
    return [head + first + padding for first, _last in it.elements]


def _boxes(it: Set, size: int) -> list[bytes]:
    """Keys are padded to four bytes already: from KEY to KEY_END, both included."""
    head = pack("=HH", 2 * (8 + size) + 4, 0x8001) + _key(1, size)
    middle = _key(10, size)
    return [head + first + middle + last for first, last in it.elements]


def _intervals(it: Set, size: int) -> list[bytes]:
    """Encode intervals: where each begins and, flagged, the first value behind it."""
    padding = bytes(-size & 3)
    key = _key(1, size)
    begin = pack("=HH", len(key) + size + len(padding) + 4, 0x8001) + key
    flag = number(3, INTERVAL_END)
    end = pack("=HH", len(key) + size + len(padding) + len(flag) + 4, 0x8001) + key
    highest = b"\xff" * size
    encoded = []
    for first, last in it.elements:
        one = begin + first + padding
        if last != highest:
            behind = (int.from_bytes(last, "big") + 1).to_bytes(size, "big")
            one += end + behind + padding + flag
        encoded.append(one)
    return encoded


def get_generation() -> Request:
    """Ask for the number of the generation of all rules of this network namespace."""
    return Request(GETGEN, 0, header(), "a question for the generation of the rules")


def get_table(family: TableFamily, name: str) -> Request:
    """Ask for one table."""
    return Request(GETTABLE, 0, header(family) + text(1, name), f"a question for table {name}")


def list_tables() -> Request:
    """Ask for all tables of all families."""
    return Request(GETTABLE, DUMP, header(), "a question for all tables")


def list_chains(family: TableFamily) -> Request:
    """Ask for all chains of a family."""
    return Request(GETCHAIN, DUMP, header(family), "a question for all chains")


def get_chain(family: TableFamily, table: str, name: str) -> Request:
    """Ask for one chain; ENOENT when there is none."""
    about = header(family) + text(1, table) + text(3, name)
    return Request(GETCHAIN, 0, about, f"a question for chain {name}")


def list_sets(family: TableFamily, table: str) -> Request:
    """Ask for the sets of a table."""
    about = header(family) + text(1, table)
    return Request(GETSET, DUMP, about, f"a question for the sets of table {table}")


def list_elements(family: TableFamily, table: str, name: str) -> Request:
    """Ask for the elements of a set."""
    about = header(family) + text(1, table) + text(2, name)
    return Request(GETSETELEM, DUMP, about, f"a question for the elements of set {name}")


def list_rules(family: TableFamily, table: str) -> Request:
    """Ask for the rules of a table."""
    about = header(family) + text(1, table)
    return Request(GETRULE, DUMP, about, f"a question for the rules of table {table}")
