"""The most common questions, straight from the table: no ``Query`` is made.

Nine of ten queries look alike: one question for A or AAAA, class IN, recursion desired, no EDNS
or an OPT without options.  What is left of such a query without its name is one of a handful of
*shapes*; all of an answer but the name and the addresses follows from the shape.  So a query is
cut in three (before, name, behind), the outer two are looked up together, the name is looked up
in the table, and the answer is put together from six pieces.  Whatever looks the least bit
different is left to ``resolve.resolver``; both ways give the same bytes, and a test holds them to
it for every shape.

Why no walk over the labels is needed: the name is taken to end at the first zero byte.  If that
was not its end, the remainder is no shape of ours, or the bytes up to there are no name in the
table: names there are well-formed, so bytes that are equal to one are well-formed too.

A query's OPT names the client's size, which may be any number: a shape with another size is
learned when it is first seen.  There are few resolver libraries, and each has its size.
"""

from __future__ import annotations

from itertools import product
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from kuma_dns.counts import LOCAL, kind_of
from kuma_dns.wire.message import AAAA, EDNS_SIZE, HEADER, IN, OPT, PLAIN_SIZE, A
from kuma_dns.wire.name import IPV4_BYTES
from kuma_dns.wire.reply import POINTER

if TYPE_CHECKING:
    from kuma_dns.names.table import Table
    from kuma_dns.resolve.memo import Memo

_NAME: Final = HEADER - 2
"""Where the name begins in a query without its id."""
_QUESTION: Final = Struct("!2H").pack
_QUESTION_BYTES: Final = 4
_RECORD: Final = Struct("!HHIH").pack
_OPT: Final = Struct("!BHHBBHH").pack
_HEADER: Final = Struct("!H4H").pack
_IPV6_BYTES: Final = 16
_RD, _RD_AD = 0x0100, 0x0120
_OUR_FLAGS: Final = 0x8580
"""A response, authoritative, recursion desired and available."""
_DO: Final = 0x8000
_MOST_SHAPES: Final = 512
_COUNT: Final = slice(4, 6)
"""Where the number of answers is in a header without id."""
_OPT_SIZE: Final = slice(-8, -6)
"""Where the client's size is in a query that ends with an OPT without options."""


class _Shape(NamedTuple):
    """All of the answers to queries of one shape but the name and the addresses."""

    head: bytes
    """Flags and counts, for one address."""
    record: bytes
    """The question's type and class, then the head of a record."""
    tail: bytes
    """The OPT record, if any, and the answer's kind."""
    size: int
    """Of an address, in bytes."""


class Quick:
    """Answers common questions from one table."""

    __slots__ = ("_addresses", "_memo", "_patterns", "_shapes", "_turn")

    def __init__(self, table: Table, memo: Memo) -> None:
        """Prepare what all answers from this table share; some of them are kept in the memo."""
        self._addresses = table.addresses
        self._memo = memo
        self._turn = 0
        self._shapes: dict[bytes, _Shape] = {}
        self._patterns: dict[bytes, _Shape] = {}
        for qtype, flags in product((A, AAAA), (_RD, _RD_AD)):
            question = _QUESTION(qtype, IN)
            plain = _HEADER(flags, 1, 0, 0, 0) + question
            self._shapes[plain] = _shape(qtype, table.ttl, b"")
            for do in (0, _DO):
                pattern = _HEADER(flags, 1, 0, 0, 1) + question + _OPT(0, OPT, 0, 0, 0, do, 0)
                ours = _OPT(0, OPT, EDNS_SIZE, 0, 0, do, 0)
                self._patterns[pattern] = _shape(qtype, table.ttl, ours)

    def answer(self, query: bytes, *, keep: bool) -> bytes | None:
        """Return the answer to a query, both without id, with its kind behind it.

        None: not a common question, or no addresses are known.  With ``keep`` the answer goes
        into the memo if it is the same each time.
        """
        end = query.find(0, _NAME) + 1
        outside = query[:_NAME] + query[end:]
        shape = self._shapes.get(outside) or self._learned(outside)
        if shape is None:
            return None
        name = query[_NAME:end]
        found = self._addresses(name.lower(), ipv6=shape.size != IPV4_BYTES)
        if len(found) != shape.size:
            return self._turned(shape, name, found) if found else None
        told = b"".join((shape.head, name, shape.record, found, shape.tail))
        if keep:
            self._memo.keep(query, told)
        return told

    def _learned(self, outside: bytes) -> _Shape | None:
        """Return the shape of a query with OPT, whatever its size."""
        pattern = bytearray(outside)
        pattern[_OPT_SIZE] = b"\0\0"
        shape = self._patterns.get(bytes(pattern))
        if shape is not None and len(self._shapes) < _MOST_SHAPES:
            self._shapes[outside] = shape
        return shape

    def _turned(self, shape: _Shape, name: bytes, found: bytes) -> bytes | None:
        """Return several records, another one first each time; None if they are too long."""
        size = shape.size
        count = len(found) // size
        self._turn += 1
        first = self._turn % count * size
        turned = found[first:] + found[:first]
        question, record = shape.record[:_QUESTION_BYTES], shape.record[_QUESTION_BYTES:]
        records = [record + turned[at : at + size] for at in range(0, len(turned), size)]
        head = bytearray(shape.head)
        head[_COUNT] = count.to_bytes(2, "big")
        told = b"".join((head, name, question, *records, shape.tail))
        return told if len(told) < PLAIN_SIZE else None


def _shape(qtype: int, ttl: int, opt: bytes) -> _Shape:
    size = IPV4_BYTES if qtype == A else _IPV6_BYTES
    return _Shape(
        _HEADER(_OUR_FLAGS, 1, 1, 0, 1 if opt else 0),
        _QUESTION(qtype, IN) + POINTER + _RECORD(qtype, IN, ttl, size),
        opt + bytes((kind_of(qtype, LOCAL, 0),)),
        size,
    )
