"""The bytes of our own replies.

A reply repeats the question as it was asked, letter for letter (applications vary the case to
make spoofing harder), and owners in it are pointers to that question.  It carries an OPT record
exactly if the query did (RFC 6891 section 6.1.1).  A reply that does not fit loses its remark; if
that is not enough, TC is set and as many of the answer's records stay as fit.  A question with an
OPT record always fits into 512 bytes.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from kuma_dns.wire.message import (
    AAAA,
    EDNS_SIZE,
    HEADER,
    IN,
    LONGEST_MESSAGE,
    OPT,
    PTR,
    SOA,
    A,
)
from kuma_dns.wire.records import fitting

if TYPE_CHECKING:
    from kuma_dns.wire.query import Query

POINTER: Final = b"\xc0\x0c"
"""A pointer to the question's name."""
_EDE_OPTION: Final = 15
_LONGEST_TEXT: Final = 200
"""Bytes of an extended error's text: it must not be what makes a reply too long."""
_HEADER: Final = Struct("!BB4H").pack
_RECORD: Final = Struct("!HHIH").pack
_OPT: Final = Struct("!BHHBBHH").pack
_OPTION: Final = Struct("!HHH").pack
_NUMBERS: Final = Struct("!5I").pack
_LONGEST_TTL: Final = 2**31 - 1


class Part:
    """Records of one section, and how many they are."""

    __slots__ = ("count", "records")

    def __init__(self, records: bytes = b"", count: int = 0) -> None:
        """Keep both."""
        self.records = records
        self.count = count


NOTHING: Final = Part()


class Remark:
    """An extended error: code and text (RFC 8914)."""

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: str = "") -> None:
        """Keep both; a long text is cut."""
        self.code = code
        self.text = text.encode()[:_LONGEST_TEXT].decode(errors="ignore")


def reply(  # noqa: PLR0913 - the sections of a message
    query: Query,
    rcode: int = 0,
    answer: Part = NOTHING,
    authority: Part = NOTHING,
    *,
    authoritative: bool = True,
    limit: int = LONGEST_MESSAGE,
    remark: Remark | None = None,
) -> bytes:
    """Return a reply to a query; ``limit`` is how many bytes it may have.

    ``rcode`` may have more than four bits (BADVERS); the rest of it goes into the OPT record.
    """
    opt = opt_record(rcode, remark, do=query.do) if query.edns else b""
    body = query.question + answer.records + authority.records
    room = limit - HEADER - len(body)
    if opt and len(opt) > room:
        opt = opt_record(rcode, None, do=query.do)
    cut = len(opt) > room
    if cut:
        start = HEADER + len(query.question)
        count, end = fitting(bytes(HEADER) + body, start, answer.count, limit - len(opt))
        answer, authority = Part(answer.records[: end - start], count), NOTHING
        body = query.question + answer.records
    flags = 0x80 | (4 if authoritative else 0) | (2 if cut else 0) | query.rd
    counts = (1, answer.count, authority.count, 1 if opt else 0)
    return query.id + _HEADER(flags, 0x80 | query.cd | rcode & 15, *counts) + body + opt


def refusal(packet: bytes, rcode: int) -> bytes:
    """Return the bare header that answers a packet which is no proper query."""
    return packet[:2] + bytes((0x80 | packet[2] & 0x79, rcode)) + bytes(8)


def opt_record(rcode: int, remark: Remark | None, *, do: bool) -> bytes:
    """Return our OPT record: our size, the upper bits of the code, DO as it was asked."""
    options = b""
    if remark is not None:
        text = remark.text.encode()
        options = _OPTION(_EDE_OPTION, 2 + len(text), remark.code) + text
    flags = 0x8000 if do else 0
    return _OPT(0, OPT, EDNS_SIZE, rcode >> 4, 0, flags, len(options)) + options


def addresses(packed: bytes, ttl: int, *, first: int = 0) -> Part:
    """Return A records; ``packed`` has 4 bytes for each, ``first`` says which one leads."""
    return _addresses(packed, 4, _RECORD(A, IN, ttl, 4), first)


def addresses6(packed: bytes, ttl: int, *, first: int = 0) -> Part:
    """Return AAAA records; ``packed`` has 16 bytes for each, ``first`` says which one leads."""
    return _addresses(packed, 16, _RECORD(AAAA, IN, ttl, 16), first)


def _addresses(packed: bytes, size: int, head: bytes, first: int) -> Part:
    each = [packed[at : at + size] for at in range(0, len(packed), size)]
    turned = each[first:] + each[:first]
    return Part(b"".join([POINTER + head + address for address in turned]), len(each))


def pointer(target: bytes, ttl: int) -> Part:
    """Return the PTR record that leads to a name (given as bytes)."""
    return Part(POINTER + _RECORD(PTR, IN, ttl, len(target)) + target, 1)


def soa(zone: bytes, ttl: int, serial: int) -> Part:
    """Return a zone's SOA record.

    Its last number and its own TTL are how long "there is none" may be believed (RFC 2308
    section 5).
    """
    ttl = min(ttl, _LONGEST_TTL)
    data = b"\2ns" + zone + b"\nhostmaster" + zone + _NUMBERS(serial, 3600, 600, 86400, ttl)
    return Part(zone + _RECORD(SOA, IN, ttl, len(data)) + data, 1)
