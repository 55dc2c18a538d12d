"""Which shared libraries an ELF file needs: elf(5), read without binutils.

The names stand in the dynamic section as offsets into a string table, whose place is told as an
address of the running program; the program headers tell which part of the file that is.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"
"""64 bits, little endian: both architectures that bundles are made for."""
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NEEDED, _DT_STRTAB = 1, 5


class Elf(NamedTuple):
    """An executable or shared library: its machine (``EM_*``) and the sonames it needs."""

    machine: int
    needed: tuple[str, ...]


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int


def read_elf(path: Path) -> Elf:
    """Read the headers of an ELF file; raises OSError, ValueError for another kind of file."""
    data = path.read_bytes()
    if not data.startswith(_MAGIC):
        raise ValueError(f"{path} is no 64-bit little-endian ELF file")
    (machine,) = struct.unpack_from("<H", data, 18)
    segments = list(_segments(data))
    entries = [
        entry for one in segments if one.kind == _PT_DYNAMIC for entry in _dynamic(data, one)
    ]
    tables = [value for tag, value in entries if tag == _DT_STRTAB]
    if not tables:
        return Elf(machine, ())
    names = _file_offset(segments, tables[0])
    starts = [names + value for tag, value in entries if tag == _DT_NEEDED]
    return Elf(machine, tuple(data[at : data.index(b"\0", at)].decode() for at in starts))


def _segments(data: bytes) -> Iterator[_Segment]:
    (start,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        kind, _, offset, address, _, in_file = struct.unpack_from(
            "<IIQQQQ", data, start + index * size
        )
        yield _Segment(kind, offset, address, in_file)


def _dynamic(data: bytes, segment: _Segment) -> Iterator[tuple[int, int]]:
    """Walk over (tag, value) up to the closing DT_NULL."""
    for at in range(segment.offset, segment.offset + segment.size, 16):
        tag, value = struct.unpack_from("<QQ", data, at)
        if tag == 0:
            return
        yield tag, value


def _file_offset(segments: list[_Segment], address: int) -> int:
    for one in segments:
        if one.kind == _PT_LOAD and one.address <= address < one.address + one.size:
            return one.offset + address - one.address
    raise ValueError(f"address {address:#x} is in no part of the file")
