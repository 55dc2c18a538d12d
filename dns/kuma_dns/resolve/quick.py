"""The most common questions, straight from the table: no ``Query`` is made.

Nine of ten queries look alike: one question for A or AAAA, class IN, recursion desired, no EDNS
or an OPT without options.  For those the answer is a handful of slices.  Whatever looks the least
bit different is left to ``resolve.resolver``; both ways give the same bytes, and a test holds them
to it for every shape.

Why no walk over the labels is needed here: the name ends at the first zero byte behind the
header, or what follows is no type of ours.  The bytes up to there are looked up as a whole, and
names in the table are well-formed, so bytes that are equal to one are well-formed too.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from kuma_dns.counts import LOCAL, kind_of
from kuma_dns.names.table import COLLIDES
from kuma_dns.wire.message import AAAA, EDNS_SIZE, HEADER, IN, OPT, PLAIN_SIZE, A
from kuma_dns.wire.reply import POINTER

if TYPE_CHECKING:
    from kuma_dns.names.table import Table

_RECORD: Final = Struct("!HHIH").pack
_OPT: Final = Struct("!BHHBBHH").pack
_COUNTS: Final = Struct("!4H").pack
_PLAIN: Final = frozenset({b"\1\0" + _COUNTS(1, 0, 0, 0), b"\1\x20" + _COUNTS(1, 0, 0, 0)})
"""Flags and counts of a query with RD, with and without AD, without EDNS."""
_EXTENDED: Final = frozenset({b"\1\0" + _COUNTS(1, 0, 0, 1), b"\1\x20" + _COUNTS(1, 0, 0, 1)})
_OPT_BYTES: Final = 11
_OPT_HEAD: Final = b"\0\0\x29"
_OPT_TAIL: Final = bytes(6)
"""Extended code, version, flags and length: all of them zero."""
_OUR_OPT: Final = _OPT(0, OPT, EDNS_SIZE, 0, 0, 0, 0)
_FLAGS: Final = b"\x85\x80"
"""A response, authoritative, recursion desired and available."""


class _Family:
    """What differs between A and AAAA."""

    __slots__ = ("head", "is_ipv4", "kind", "size")

    def __init__(self, qtype: int, size: int, ttl: int) -> None:
        """Write the head of a record: all of it but the address."""
        self.is_ipv4 = qtype == A
        self.size = size
        self.head = POINTER + _RECORD(qtype, IN, ttl, size)
        self.kind = kind_of(qtype, LOCAL, 0)


class Quick:
    """Answers common questions from one table."""

    __slots__ = ("_families", "_get", "_turn")

    def __init__(self, table: Table) -> None:
        """Prepare what all answers from this table share."""
        self._get = table.get
        self._turn = 0
        self._families = {
            b"\0\1\0\1": _Family(A, 4, table.ttl),
            b"\0\x1c\0\1": _Family(AAAA, 16, table.ttl),
        }

    def answer(self, packet: bytes) -> tuple[bytes, int, bool] | None:
        """Return an answer without id, its kind, and whether it is the same each time.

        None: not a common question, or not known.
        """
        name_end = packet.find(0, HEADER) + 1
        end = name_end + 4
        family = self._families.get(packet[name_end:end])
        if family is None:
            return None
        opt = _opt(packet, end)
        if opt is None:
            return None
        entry = self._get(packet[HEADER:name_end].lower())
        if entry is None or entry.flags & COLLIDES:
            return None
        found = entry.ipv4 if family.is_ipv4 else entry.ipv6
        count = len(found) // family.size
        if count == 1:
            records = family.head + found
        elif count:
            records = self._turned(found, count, family)
        else:
            return None
        extra = b"\0\1" if opt else b"\0\0"
        counts = b"\0\1" + count.to_bytes(2, "big") + b"\0\0" + extra
        text = _FLAGS + counts + packet[HEADER:end] + records + opt
        return (text, family.kind, count == 1) if len(text) <= PLAIN_SIZE - 2 else None

    def _turned(self, found: bytes, count: int, family: _Family) -> bytes:
        """Return several records, another one first each time."""
        self._turn += 1
        first = self._turn % count
        size = family.size
        turned = found[first * size :] + found[: first * size]
        each = [turned[at : at + size] for at in range(0, len(turned), size)]
        return family.head + family.head.join(each)


def _opt(packet: bytes, end: int) -> bytes | None:
    """Return the OPT record that belongs into the answer, or nothing; None: no common query."""
    head = packet[2:HEADER]
    length = len(packet)
    if head in _PLAIN:
        return b"" if length == end else None
    if (
        head in _EXTENDED
        and length == end + _OPT_BYTES
        and packet[end : end + 3] == _OPT_HEAD
        and packet[end + 5 :] == _OPT_TAIL
    ):
        return _OUR_OPT
    return None
