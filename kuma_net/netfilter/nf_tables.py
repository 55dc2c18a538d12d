"""Objects of nf_tables as values, in the words of nft(8) and of the kernel's headers.

A table holds chains, sets and rules.  A rule is a list of expressions, each of which loads
something into a register, looks at a register, or acts; the first that does not hold ends the
rule.  Registers are sixteen slots of four bytes here (NFT_REG32_00 onwards); a value longer than
four bytes takes as many as it needs, and several loaded side by side make the key of a
concatenated set.

Ruleset and bytes both are built from and read back into these values: ``lower`` and ``raise_``
on one side, ``netlink.nftables`` and ``netlink.listing`` on the other.

Numbers in a register are in network byte order, but for marks, ids, zones and states, which are
in the machine's own (include/net/netfilter/nf_tables.h, nft_meta.c, nft_ct.c).  So are the ids in
the elements of a set without ranges, as nft(8) writes and lists them.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    TableFamily: TypeAlias = Literal["inet", "ip", "ip6"]
    ChainType: TypeAlias = Literal["filter", "nat"]
    HookName: TypeAlias = Literal["prerouting", "output"]
    MetaKey: TypeAlias = Literal["nfproto", "l4proto", "iifname", "oifname", "skuid", "skgid"]
    Base: TypeAlias = Literal["network", "transport"]
    Comparison: TypeAlias = Literal["==", "!=", "<=", ">="]
    Code: TypeAlias = Literal["accept", "drop", "return", "jump", "goto"]
    KeyType: TypeAlias = Literal["nf_proto", "ipv4_addr", "ipv6_addr", "inet_service", "uid", "gid"]

TABLE = "kuma_net"
"""The name of our table, in whatever families it exists."""
STAMP_CHAIN = "stamp"
"""Nothing jumps to this chain; the comment of its one rule is the stamp."""
SLOT_BYTES = 4
UNMARKED, DISPATCH = -1, 0xFFFF
"""Positions of rules without our mark, and of those that only lead to other chains of ours."""


class Meta(Record):
    """``meta KEY``: something known of the packet, into a register."""

    key: MetaKey
    register: int = 0


class Payload(Record):
    """``@nh,OFFSET,LENGTH``: bytes of the packet (here counted in bytes), into a register."""

    base: Base
    offset: int
    length: int
    register: int = 0


class Cmp(Record):
    """The register's bytes stand in this relation to ``data``; a shorter ``data`` is a prefix."""

    op: Comparison
    data: bytes
    register: int = 0


class Range(Record):
    """The register lies outside (``!=``) or within (``==``) the bounds, both included."""

    op: Comparison
    first: bytes
    last: bytes
    register: int = 0


class Bitwise(Record):
    """The register, and ``mask``."""

    mask: bytes
    register: int = 0


class Hton(Record):
    """``byteorder hton``: the register's number of 4 bytes, from the machine's order."""

    register: int = 0


class Lookup(Record):
    """The register is (``inverted``: is not) in the set."""

    name: str
    inverted: bool = False
    register: int = 0


class VerdictMap(Record):
    """``vmap``: what becomes of the packet is what the map holds for the register."""

    name: str
    register: int = 0


class CtState(Record):
    """``ct state``, a bit mask in the machine's byte order, into a register."""

    register: int = 0


class CtZone(Record):
    """``ct zone set``: the zone from the two bytes in a register, in the machine's order."""

    register: int = 0


class Immediate(Record):
    """A constant into a register."""

    data: bytes
    register: int = 0


class Verdict(Record):
    """What becomes of the packet; ``chain`` with ``jump`` and ``goto``."""

    code: Code
    chain: str = ""


class Redir(Record):
    """``redirect to :PORT``: the port from a register."""

    register: int = 0


class Log(Record):
    """``log prefix PREFIX level LEVEL``."""

    prefix: str
    level: int


class Counter(Record):
    """Packets and bytes that came this far.  What it counted does not make it another counter."""

    packets: int = 0
    octets: int = 0

    _incidental = ("packets", "octets")


if TYPE_CHECKING:
    Expression: TypeAlias = (
        Meta
        | Payload
        | Cmp
        | Range
        | Bitwise
        | Hton
        | Lookup
        | VerdictMap
        | CtState
        | CtZone
        | Immediate
        | Verdict
        | Redir
        | Log
        | Counter
    )


class Rule(Record):
    """A rule and its user data: the comment, and of which rule of the ruleset it is (a part).

    * ``position`` counts the rules of a chain of the ruleset from 0; rules of one position are
      parts of one.  ``UNMARKED`` is none of our making, ``DISPATCH`` leads to another chain.
    * ``box``: three of its questions together are one box of ``Exclusions``.
    * ``inlined``: its action is that of the one rule of a chain (counted from 0 among those
      entered by jumps) that the ruleset jumps to; -1 for none.  ``own``: how many matches come
      before those of that rule.
    """

    expressions: tuple[Expression, ...]
    comment: str = ""
    position: int = UNMARKED
    box: bool = False
    inlined: int = -1
    own: int = 0

    def __str__(self) -> str:
        """Name the rule, for errors."""
        return f'rule "{self.comment}"' if self.comment else f"rule {self.position + 1}"


class Hook(Record):
    """Where the kernel enters a base chain; ``priority`` decides among chains of one hook."""

    type: ChainType
    hook: HookName
    priority: int


class Chain(Record):
    """A base chain (with a hook; its policy is accept) or one that is entered by a jump."""

    name: str
    hook: Hook | None
    rules: tuple[Rule, ...] = ()

    def __str__(self) -> str:
        """Name the chain, for errors."""
        return f"chain {self.name}"


class KeyField(Record):
    """A part of a set's key: nft's type name and number (libnftnl's datatypes), its bytes."""

    type: KeyType
    number: int
    length: int


IPV4_ADDR = KeyField("ipv4_addr", 7, 4)
IPV6_ADDR = KeyField("ipv6_addr", 8, 16)
NF_PROTO = KeyField("nf_proto", 2, 1)
INET_SERVICE = KeyField("inet_service", 13, 2)
UID = KeyField("uid", 24, 4)
GID = KeyField("gid", 25, 4)
KEY_FIELDS = (NF_PROTO, IPV4_ADDR, IPV6_ADDR, INET_SERVICE, UID, GID)


class Set(Record):
    """A named set.

    An element is ``(first, last)``, both included, equal where the set has no ``interval``;
    elements are sorted (by their bytes) and disjoint.  In a concatenated key (several fields)
    each field is padded to four bytes, and an element is a box: each field lies within its own
    bounds.
    """

    name: str
    key: tuple[KeyField, ...]
    interval: bool
    elements: tuple[tuple[bytes, bytes], ...]

    def __str__(self) -> str:
        """Name the set, for errors."""
        return f"set {self.name}"


class Map(Record):
    """A named verdict map: for each key of one field, in order, what becomes of the packet."""

    name: str
    key: KeyField
    elements: tuple[tuple[bytes, Verdict], ...]

    def __str__(self) -> str:
        """Name the map, for errors."""
        return f"map {self.name}"


class Table(Record):
    """A table with all that is in it; ``comment`` is its user data, empty where it has none."""

    family: TableFamily
    name: str
    comment: str
    sets: tuple[Set, ...]
    maps: tuple[Map, ...]
    chains: tuple[Chain, ...]

    def __str__(self) -> str:
        """Name the table, for errors."""
        return f"table {self.family} {self.name}"


class Features(Record):
    """What the kernel's nf_tables can do; found out by asking, never from its version.

    With a fallback: ``inet_nat`` (5.2; else tables ip and ip6), ``table_userdata`` (5.10; else the
    stamp is a rule's comment), ``interval_sets`` and ``concat_intervals`` (5.6; else one rule per
    interval), ``ipv6`` (else IPv4 alone).  Without: ``redirect``, ``zone``, ``log``, ``owner``.
    For information: ``owner_table`` (5.12), a table that goes when its maker's socket closes:
    of no use to an installer that ends, but such a table cannot be replaced.
    """

    inet_nat: bool = True
    table_userdata: bool = True
    interval_sets: bool = True
    concat_intervals: bool = True
    ipv6: bool = True
    redirect: bool = True
    zone: bool = True
    log: bool = True
    owner: bool = True
    owner_table: bool = True


if TYPE_CHECKING:
    Tables: TypeAlias = tuple[Table, ...]
