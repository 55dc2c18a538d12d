"""Records and names where they lie in a message that somebody else has written.

A record is walked over without being read: its owner's labels, its fixed part, and the length of
its data, which must end where the message still is.  Names are followed through compression
pointers (RFC 1035 section 4.1.4) only where somebody needs them.  A pointer must lead to before
the piece of name that it closes, so pieces begin earlier and earlier and no loop is possible; a
name has 255 bytes at most, and a bounded number of labels and pointers together.  That bounds the
work for each name whatever the message says.
"""

from __future__ import annotations

from struct import Struct, error
from typing import TYPE_CHECKING, Final

from kuma_dns.wire.name import LONGEST_LABEL, LONGEST_NAME
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

Found = tuple[int, int, int, int, int]
"""Where a record's owner, its fixed part and its end are, and its type and TTL.

Not a class: most are looked at once, tens of thousands of them a second.
"""
FIXED: Final = 10
"""Bytes of a record between its owner and its data."""
_POINTS: Final = 0xC0
_MOST_STEPS: Final = 255
"""Labels and pointers of one name: 127 labels fit into 255 bytes."""
_RIGHT_NAME: Final = "labels of 63 bytes and pointers backwards, 255 bytes in all"
_RECORD: Final = Struct("!HHIH").unpack_from
_POINTED: Final = Struct("!HHHIH").unpack_from
"""A record whose owner is a pointer: most are."""
_POINTER: Final = Struct("!H").unpack_from


def walk(packet: bytes, at: int, count: int) -> Iterator[Found]:
    """Iterate over ``count`` records that begin at ``at``; raises ``Malformed``."""
    for _ in range(count):
        found = record_at(packet, at)
        yield found
        at = found[2]


def fitting(packet: bytes, at: int, count: int, limit: int) -> tuple[int, int]:
    """Say how many of ``count`` records that begin at ``at`` end within ``limit`` bytes, and where.

    What surprised us: a reply with TC and no records means "no such name" to musl before 1.2.4
    (Alpine before 3.18, Debian 12), which never asks over TCP and takes what it got.  Everybody
    else asks again over TCP and drops the half.
    """
    kept, end = 0, at
    for found in walk(packet, at, count):
        if found[2] > limit:
            break
        kept, end = kept + 1, found[2]
    return kept, end


def record_at(packet: bytes, owner: int) -> Found:
    """Return where the record is that begins at ``owner``; raises ``Malformed``."""
    try:
        if packet[owner] >= _POINTS:
            pointer, kind, _, ttl, size = _POINTED(packet, owner)
            if pointer & 0x3FFF >= owner:
                raise Malformed(f"byte {owner}", "a compression pointer forward")
            at = owner + 2
        else:
            at = _name_end(packet, owner)
            kind, _, ttl, size = _RECORD(packet, at)
    except (IndexError, error):
        raise Malformed(f"byte {owner}", "the message ends within a record") from None
    end = at + FIXED + size
    if end > len(packet):
        raise Malformed(f"byte {owner}", "a record longer than the message")
    return owner, at, end, kind, ttl


def _name_end(packet: bytes, start: int) -> int:
    """Return the index behind a name; IndexError or struct.error if the message ends before."""
    at = start
    while at - start < LONGEST_NAME:
        size = packet[at]
        if size == 0:
            return at + 1
        if size >= _POINTS:
            if _POINTER(packet, at)[0] & 0x3FFF >= start:
                break
            return at + 2
        if size > LONGEST_LABEL:
            break
        at += size + 1
    raise Malformed(f"byte {start}", "no name", _RIGHT_NAME)


def name_at(packet: bytes, start: int) -> tuple[bytes, int]:
    """Return the key of the name at ``start``, pointers followed, and the index behind it.

    Raises ``Malformed``.
    """
    labels: list[bytes] = []
    at, before, behind, length = start, start, 0, 0
    try:
        for _ in range(_MOST_STEPS):
            size = packet[at]
            if size >= _POINTS:
                behind = behind or at + 2
                at = _POINTER(packet, at)[0] & 0x3FFF
                if at >= before:
                    break
                before = at
                continue
            length += size + 1
            if size > LONGEST_LABEL or length > LONGEST_NAME:
                break
            labels.append(packet[at : at + size + 1])
            at += size + 1
            if size == 0:
                return b"".join(labels).lower(), behind or at
    except (IndexError, error):
        pass
    raise Malformed(f"byte {start}", "no name", _RIGHT_NAME)
