"""A query, read from bytes that anybody may have sent.

Theory.  One walk from the first byte to the last, each byte looked at a bounded number of times:
no compression pointer is followed (a query has no use for one), nothing is allocated that the
packet's own length does not bound, nothing recurses.  Only what has passed here may be shown to
dnslib, whose own parser takes 97 s for 64 KB of questions that all point at one long name.

Three ways out: a ``Query``; ``Refusal``, whose code is to be answered with the bare header; and
``Ignored``, which must not be answered at all (two servers that answer each other's responses
do so for ever).

What a query must look like (RFC 1035 section 4.1, RFC 6891 section 6.1): one question, no
answers, no authority, and in the additional section at most one OPT, owned by the root, and at
most one further record (TSIG, SIG(0)); nothing behind that.  All of it fits into 4096 bytes: names
and numbers take 300, a cookie or a client's subnet 50, padding 468 (RFC 8467), a signature 1,000.
Over TCP 64 KB could be sent, and each question that is on its way upstream is kept whole.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from kuma_dns.wire.message import (
    FORMERR,
    HEADER,
    LONGEST_DATAGRAM,
    NOTIFY,
    NOTIMP,
    OPT,
    PLAIN_SIZE,
    REFUSED,
    UPDATE,
)
from kuma_dns.wire.name import LONGEST_LABEL, LONGEST_NAME

LONGEST_QUERY: Final = 4096
"""Bytes, over UDP and TCP alike."""
_COUNTS: Final = Struct("!4H").unpack_from
_TWO: Final = Struct("!HH").unpack_from
_RECORD: Final = Struct("!HHBBHH").unpack_from
_LENGTH: Final = Struct("!H").unpack_from
_MOST_ADDITIONAL: Final = 2
_COOKIE: Final = b"\0\x0a"
_OPTION_HEAD: Final = 4
"""Bytes of an option before its data."""
_RECORD_TAIL: Final = 10
"""Bytes of a record between its owner and its data."""


class Ignored(Exception):
    """The packet is no query (a response, or shorter than a header): say nothing."""


class Refusal(Exception):
    """The packet is a query that gets no answer but a response code."""

    def __init__(self, rcode: int) -> None:
        """Keep the code to answer with."""
        self.rcode = rcode
        super().__init__(rcode)


class Query:
    """One query that has been looked at.

    ``question`` is name, type and class as they were asked; ``name`` the key (lower case).
    ``size`` is how many bytes the answer may have over UDP; ``options`` the raw options of EDNS.
    A plain class with slots, not a Record: one is made for every query that is not in the memo.
    """

    __slots__ = (
        "badvers",
        "cd",
        "do",
        "edns",
        "id",
        "name",
        "options",
        "packet",
        "qclass",
        "qtype",
        "question",
        "rd",
        "size",
    )

    def __init__(self, packet: bytes) -> None:
        """Read a packet; raises ``Ignored`` or ``Refusal``."""
        length = len(packet)
        if length < HEADER or packet[2] & 0x80:
            raise Ignored
        opcode = packet[2] >> 3 & 15
        if opcode:
            raise Refusal(REFUSED if opcode in {NOTIFY, UPDATE} else NOTIMP)
        questions, answers, authorities, additional = _COUNTS(packet, 4)
        if questions != 1 or answers or authorities or additional > _MOST_ADDITIONAL:
            raise Refusal(FORMERR)
        if length > LONGEST_QUERY:
            raise Refusal(FORMERR)
        end = _name_end(packet, HEADER, length)
        if end + 4 > length:
            raise Refusal(FORMERR)
        self.packet = packet
        self.id = packet[:2]
        self.rd = packet[2] & 1
        self.cd = packet[3] & 0x10
        self.question = packet[HEADER : end + 4]
        self.name = packet[HEADER:end].lower()
        self.qtype, self.qclass = _TWO(packet, end)
        self.edns = self.do = self.badvers = False
        self.size = PLAIN_SIZE
        self.options = b""
        end += 4
        for _ in range(additional):
            end = self._additional(packet, end, length)
        if end != length:
            raise Refusal(FORMERR)

    def without_cookie(self) -> Query:
        """Return the query without its cookie, if that is its only option; else the query itself.

        A cookie is between two neighbours (RFC 7873 section 5), and we are no party to it: some
        clients (c-ares, dig) send one with each query, new for each server.
        """
        options, packet = self.options, self.packet
        size = len(options)
        single = size > _OPTION_HEAD and options[:2] == _COOKIE and packet[10:HEADER] == b"\0\1"
        if not single or _OPTION_HEAD + _LENGTH(options, 2)[0] != size:
            return self
        return Query(packet[: -size - 2] + b"\0\0")

    def _additional(self, packet: bytes, start: int, length: int) -> int:
        """Read one record of the additional section; return where it ends."""
        is_root = start < length and not packet[start]  # as in every OPT record
        at = start + 1 if is_root else _name_end(packet, start, length)
        if at + _RECORD_TAIL > length:
            raise Refusal(FORMERR)
        kind, size, _, version, flags, data = _RECORD(packet, at)
        at += _RECORD_TAIL
        end: int = at + data
        if end > length:
            raise Refusal(FORMERR)
        if kind == OPT:
            if self.edns or packet[start]:
                raise Refusal(FORMERR)
            self.edns = True
            self.size = max(PLAIN_SIZE, min(size, LONGEST_DATAGRAM))
            self.do = bool(flags & 0x8000)
            self.badvers = version != 0
            self.options = packet[at:end]
            if data and not version:  # what another version's data look like is not for us to judge
                _check_options(self.options)
        return end


def _name_end(packet: bytes, at: int, length: int) -> int:
    """Return the index behind the name that begins at ``at``; no pointers, 255 bytes at most."""
    last = at + LONGEST_NAME - 1
    while at < length and at <= last:
        size = packet[at]
        if size == 0:
            return at + 1
        if size > LONGEST_LABEL:
            break
        at += size + 1
    raise Refusal(FORMERR)


def _check_options(options: bytes) -> None:
    """Refuse options whose lengths do not add up (RFC 6891 section 6.1.2)."""
    at, end = 0, len(options)
    while at < end:
        if at + 4 > end:
            raise Refusal(FORMERR)
        at += 4 + _LENGTH(options, at + 2)[0]
    if at != end:
        raise Refusal(FORMERR)
