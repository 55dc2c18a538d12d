"""All names of the mesh as one immutable block of bytes.

Theory.  A million names as Python objects are a gigabyte and make every garbage collection
walk over them.  As bytes in shared memory they cost the reader nothing: a process of its own
makes the block, the server maps it and drops the former one, and no query waits.

::

    "KDT1" | slots | ttl | serial | names | sources: u16 count, (u16 length, text)...
    slots x (u32 crc32 of the key, u32 offset of the record or 0)
    records: u8 key length, u8 IPv4 count, u8 IPv6 count, u8 flags, u8 source, u8 pointer length
             | key | IPv4 addresses | IPv6 addresses | pointer

All numbers are little-endian.  The slots are an open hash table, at most two thirds full, that is
searched onwards from ``crc32 & (slots - 1)``: crc32 is the fastest hash over bytes that the
standard library has and is not salted, so the block is the same for the same names.  Whoever
writes the names could make them collide, but she could as well leave them out.

Beside the names themselves there are the *empty non-terminals* above them inside our zones
(RFC 8020: they exist, without records) and a name for PTR questions about each address.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from mmap import mmap

MAGIC: Final = b"KDT1"
KNOWN: Final = 1
"""Flag: the name is in a source (without it: it is only above one that is)."""
COLLIDES: Final = 2
"""Flag: sources contradict each other about this name; it must not be answered."""
REVERSE: Final = 4
"""Flag: a name below in-addr.arpa or ip6.arpa, made from an address."""
MOST_ADDRESSES: Final = 255
"""Of one family and name: their number takes one byte."""

_HEAD: Final = Struct("<4s5I")
_SLOT: Final = Struct("<II")
_RECORD: Final = Struct("<6B")
_SIZE: Final = Struct("<H")


class Entry(NamedTuple):
    """What is known of one name: packed addresses, flags, index of the source, PTR's target."""

    ipv4: bytes
    ipv6: bytes
    flags: int
    source: int
    pointer: bytes


def block_of(
    records: Iterable[tuple[bytes, Entry]], *, ttl: int, serial: int, sources: Sequence[str] = ()
) -> bytes:
    """Return the block of some records; each key must occur once.

    ``ttl`` is in seconds; ``serial`` is the zones' serial number.
    """
    kept = list(records)
    slots = 2
    while slots < len(kept) * 3 // 2 + 1:
        slots *= 2
    told = b"".join([_SIZE.pack(len(text.encode())) + text.encode() for text in sources])
    told = _SIZE.pack(len(sources)) + told
    base = _HEAD.size + len(told) + _SLOT.size * slots
    index = [0] * (2 * slots)
    body = bytearray()
    names = 0
    for key, (ipv4, ipv6, flags, source, pointer) in kept:
        names += flags & (KNOWN | REVERSE) == KNOWN
        _enter(index, slots - 1, crc32(key), base + len(body))
        sizes = (len(key), len(ipv4) // 4, len(ipv6) // 16, flags, source, len(pointer))
        body += _RECORD.pack(*sizes) + key + ipv4 + ipv6 + pointer
    head = _HEAD.pack(MAGIC, slots, ttl, serial, names, _HEAD.size + len(told))
    return head + told + Struct(f"<{2 * slots}I").pack(*index) + body


def _enter(index: list[int], mask: int, crc: int, offset: int) -> None:
    """Put a record into the first free slot from its place on."""
    slot = crc & mask
    while index[2 * slot + 1]:
        slot = (slot + 1) & mask
    index[2 * slot] = crc
    index[2 * slot + 1] = offset


class Table:
    """Looks names up in a block."""

    __slots__ = ("_base", "_block", "_mask", "names", "serial", "sources", "ttl")

    def __init__(self, block: bytes | mmap) -> None:
        """Keep the block; ``ValueError`` if it is none of ours."""
        magic, slots, self.ttl, self.serial, self.names, self._base = _HEAD.unpack_from(block)
        if magic != MAGIC:
            message = f"no table: it begins with {magic!r}"
            raise ValueError(message)
        self._block = block
        self._mask = slots - 1
        self.sources = tuple(self._read_sources())

    def _read_sources(self) -> Iterable[str]:
        at = _HEAD.size
        (count,) = _SIZE.unpack_from(self._block, at)
        at += _SIZE.size
        for _ in range(count):
            (size,) = _SIZE.unpack_from(self._block, at)
            at += _SIZE.size + size
            yield self._block[at - size : at].decode()

    def get(self, key: bytes) -> Entry | None:
        """Return what is known of a name; None if nothing is."""
        block, mask, base = self._block, self._mask, self._base
        crc = crc32(key)
        slot = crc & mask
        while True:
            found, offset = _SLOT.unpack_from(block, base + 8 * slot)
            if not offset:
                return None
            if found == crc:
                size, ipv4, ipv6, flags, source, pointer = _RECORD.unpack_from(block, offset)
                at = offset + 6 + size
                if block[offset + 6 : at] == key:
                    to4 = at + 4 * ipv4
                    to6 = to4 + 16 * ipv6
                    return Entry(
                        block[at:to4], block[to4:to6], flags, source, block[to6 : to6 + pointer]
                    )
            slot = (slot + 1) & mask
