"""All names of the mesh as one immutable block of bytes.

Theory.  A million names as Python objects are a gigabyte and make every garbage collection
walk over them.  As bytes in shared memory they cost the reader nothing: a process of its own
makes the block, the server maps it and drops the former one, and no query waits.

::

    "KDT2" | slots | ttl | serial | names | where the slots begin | digest of 16 bytes
    texts: u16 count, (u16 length, text)... of the sources, then of the labels (name, text, ...)
    records: u8 key length, u8 IPv4 count, u8 IPv6 count, u8 flags, u8 source, u8 pointer length
             | key | IPv4 addresses | IPv6 addresses | pointer
    slots x (u32 crc32 of the key, u32 offset of the record or 0)

All numbers are in the byte order of the machine: a block never leaves it.  The slots stand at
the end, so that records can be written as they come, without a list of them.  They are an open
hash table, at most two thirds full, that is searched onwards from ``crc32 & (slots - 1)``: crc32
is the fastest hash over bytes that the standard library has and is not salted, so the block is
the same for the same names.  Whoever writes the names could make them collide, but she could as
well leave them out.

Reverse names are kept under the address itself behind a byte that begins no name: that is what
they are asked for, and takes a third of the room.

Beside the names themselves there are the *empty non-terminals* above them inside our zones
(RFC 8020: they exist, without records) and a name for PTR questions about each address.
"""

from __future__ import annotations

from _blake2 import blake2b
from array import array
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
from zlib import crc32

from kuma_dns.names.addresses import address_of
from kuma_dns.wire.name import reverse_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from mmap import mmap

MAGIC: Final = b"KDT2"
KNOWN: Final = 1
"""Flag: the name is in a source (without it: it is only above one that is)."""
COLLIDES: Final = 2
"""Flag: sources contradict each other about this name; it must not be answered."""
REVERSE: Final = 4
"""Flag: a name below in-addr.arpa or ip6.arpa, made from an address."""
DERIVED: Final = 8
"""Flag, beside KNOWN: another spelling of a name that is in a source."""
ADDRESS: Final = b"\xff"
"""Begins the key of a record that is found by the reverse name of the address behind it."""
MOST_ADDRESSES: Final = 255
"""Of one family and name: their number takes one byte."""

_ARPA: Final = b"\4arpa\0"
_HEAD: Final = Struct("=4s5I16s")
_SLOT: Final = Struct("=II")
_RECORD: Final = Struct("=6B")
_COUNTS: Final = Struct("=4B")
"""The beginning of a record: lengths of key and addresses, and flags."""
_SIZE: Final = Struct("=H")


Fields: TypeAlias = tuple[bytes, bytes, int, int, bytes]
"""An ``Entry`` without names: a million of those take a third of a second longer."""


class Entry(NamedTuple):
    """What is known of one name: packed addresses, flags, index of the source, PTR's target."""

    ipv4: bytes
    ipv6: bytes
    flags: int
    source: int
    pointer: bytes


def block_of(
    records: Iterable[tuple[bytes, Fields]],
    *,
    ttl: int,
    serial: int = 0,
    sources: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
) -> bytearray:
    """Return the block of some records; each key must occur once.

    ``ttl`` is in seconds; ``serial`` is the zones' serial number, made from the content if it is
    0; ``labels`` are what the metrics' series are to carry.
    """
    block = bytearray(_HEAD.size)
    block += _texts(sources)
    block += _texts([text for pair in (labels or {}).items() for text in pair])
    hashes, offsets = array("I"), array("I")
    names = 0
    pack = _RECORD.pack
    for key, (ipv4, ipv6, flags, source, pointer) in records:
        names += flags & (KNOWN | REVERSE | DERIVED) == KNOWN
        hashes.append(crc32(key))
        offsets.append(len(block))
        block += pack(len(key), len(ipv4) // 4, len(ipv6) // 16, flags, source, len(pointer))
        block += key + ipv4 + ipv6 + pointer
    block += bytes(-len(block) % _SLOT.size)
    base = len(block)
    slots = _slots(hashes, offsets)
    block += memoryview(slots).cast("B")
    numbers = [len(slots) // 2, ttl, serial, names, base]
    _HEAD.pack_into(block, 0, MAGIC, *numbers, b"")
    digest = blake2b(block, digest_size=16).digest()
    numbers[2] = serial or int.from_bytes(digest[:4]) or 1
    _HEAD.pack_into(block, 0, MAGIC, *numbers, digest)
    return block


def _texts(texts: Sequence[str]) -> bytes:
    raw = [text.encode() for text in texts]
    return _SIZE.pack(len(raw)) + b"".join([_SIZE.pack(len(text)) + text for text in raw])


def _slots(hashes: array[int], offsets: array[int]) -> array[int]:
    """Put every record into the first free slot from its place on."""
    slots = 2
    while slots < len(hashes) * 3 // 2 + 1:
        slots *= 2
    index = array("I", bytes(_SLOT.size * slots))
    last = 2 * slots - 1
    for crc, offset in zip(hashes, offsets, strict=True):
        at = 2 * crc & last
        while index[at + 1]:
            at = at + 2 & last
        index[at] = crc
        index[at + 1] = offset
    return index


class Table:
    """Looks names up in a block.

    ``ttl`` is in seconds; ``names`` how many the sources have; ``digest`` is the block's.
    """

    __slots__ = (
        "_absent",
        "_base",
        "_block",
        "_first",
        "_mask",
        "digest",
        "labels",
        "names",
        "serial",
        "sources",
        "ttl",
    )

    def __init__(self, block: bytes | bytearray | mmap) -> None:
        """Keep the block; ``ValueError`` if it is none of ours."""
        head = _HEAD.unpack_from(block)
        magic, slots, self.ttl, self.serial, self.names, self._base, self.digest = head
        if magic != MAGIC:
            message = f"no table: it begins with {magic!r}"
            raise ValueError(message)
        self._block = bytes(block) if isinstance(block, bytearray) else block
        self._mask = slots - 1
        self._absent = b""
        self.sources, at = self._read_texts(_HEAD.size)
        labels, self._first = self._read_texts(at)
        self.labels = dict(zip(labels[::2], labels[1::2], strict=True))

    def _read_texts(self, at: int) -> tuple[tuple[str, ...], int]:
        """Return some texts and the index behind them."""
        (count,) = _SIZE.unpack_from(self._block, at)
        at += _SIZE.size
        texts = []
        for _ in range(count):
            (size,) = _SIZE.unpack_from(self._block, at)
            at += _SIZE.size + size
            texts.append(self._block[at - size : at].decode())
        return tuple(texts), at

    def get(self, key: bytes) -> Entry | None:
        """Return what is known of a name; None if nothing is."""
        if key == self._absent:  # ``addresses`` has just looked for it
            return None
        offset = self._find(key)
        if not offset and key.endswith(_ARPA):
            address = address_of(key)
            offset = self._find(ADDRESS + address) if address is not None else 0
        return self._entry(offset) if offset else None

    def addresses(self, key: bytes, *, ipv6: bool) -> bytes:
        """Return the packed addresses of one family of a name: half the way of ``get``.

        None at all stands for a name that collides, too: ``get`` says which it is.
        """
        offset = self._find(key)
        if not offset:
            if not key.endswith(_ARPA):  # those are kept in another way, too
                self._absent = key
            return b""
        size, count, count6, flags = _COUNTS.unpack_from(self._block, offset)
        if flags & COLLIDES:
            return b""
        at = offset + _RECORD.size + size
        if ipv6:
            at += 4 * count
            return self._block[at : at + 16 * count6]
        return self._block[at : at + 4 * count]

    def _find(self, key: bytes) -> int:
        """Return where the record of a name begins; 0 if there is none."""
        block, mask, base = self._block, self._mask, self._base
        crc = crc32(key)
        slot = crc & mask
        while True:
            found, offset = _SLOT.unpack_from(block, base + 8 * slot)
            if not offset:
                return 0
            if found == crc:
                at = offset + _RECORD.size
                if block[at : at + block[offset]] == key:
                    return int(offset)
            slot = (slot + 1) & mask

    def __iter__(self) -> Iterator[tuple[bytes, Entry]]:
        """Iterate over everything the table holds, in the order in which it was written."""
        block, at = self._block, self._first
        while at < self._base and block[at]:
            key = block[at + _RECORD.size : at + _RECORD.size + block[at]]
            entry = self._entry(at)
            yield (reverse_of(key[1:]) if key[:1] == ADDRESS else key), entry
            at += _RECORD.size + len(key) + sum(map(len, (entry.ipv4, entry.ipv6, entry.pointer)))

    def _entry(self, offset: int) -> Entry:
        """Return the record that begins somewhere."""
        size, ipv4, ipv6, flags, source, pointer = _RECORD.unpack_from(self._block, offset)
        at = offset + _RECORD.size + size
        to4 = at + 4 * ipv4
        to6 = to4 + 16 * ipv6
        block = self._block
        return Entry(block[at:to4], block[to4:to6], flags, source, block[to6 : to6 + pointer])
