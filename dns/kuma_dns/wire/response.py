r"""A message that an upstream server sent: checked, measured, aged, never trusted.

Theory.  Anybody who guesses port and id may have written it, or a server with a bug of its own,
so it is walked once from header to end, each record looked at once: its owner's labels, type,
TTL, and the length of its data, which must end where the message still is.  What lies inside the
data is relayed unread.  Names are followed through compression pointers (RFC 1035 section 4.1.4)
only where somebody needs them: the first few CNAMEs of the answer.  A pointer must lead to
before the piece of name that it closes, so pieces begin earlier and earlier and no loop is
possible; a name may have 255 bytes and few pointers.  That bounds all work by the packet's length.

How long an answer may be given again (RFC 2308 sections 3 and 5): as long as its shortest TTL;
if it says "no such name" or "no such data", no longer than the SOA record in the authority
section says with its last number, and not at all without one.  A referral (NS records only) is
such an answer without SOA.  TTLs are unsigned: one with the highest bit set is a very long one
(RFC 8767 section 4 amends RFC 2181 section 8, by which it was zero), and we cap all of them.

What surprised us: some servers answer an error with the bare header, without the question; that
is taken as an error, since id, port and address were right and nothing can be believed from it.
Lower-casing the whole question would make type 65 (HTTPS) and type 97 the same.
"""

from __future__ import annotations

from struct import Struct, error, pack_into
from typing import TYPE_CHECKING, Final, NamedTuple

from kuma_dns.wire.message import (
    ANY,
    CNAME,
    EDE_STALE,
    FORMERR,
    HEADER,
    NOERROR,
    NOTIMP,
    NXDOMAIN,
    OPT,
    REFUSED,
    SERVFAIL,
    SOA,
)
from kuma_dns.wire.name import LONGEST_LABEL, LONGEST_NAME
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from kuma_dns.wire.query import Query

LONGEST_CHAIN: Final = 16
"""CNAMEs that are followed; unbound and BIND follow 11."""
LONGEST_LIFE: Final = 86400
"""Seconds an answer is believed at most (RFC 8767 section 4: days, not weeks)."""
LONGEST_DENIAL: Final = 3600
"""The same for "there is none" (RFC 2308 section 5: one to three hours)."""
FAILURES: Final = frozenset((FORMERR, SERVFAIL, NOTIMP, REFUSED))
"""Codes with which a server says that another one should be asked."""
_MOST_STEPS: Final = 255
"""Labels and pointers of one name: 127 labels fit into 255 bytes."""
_RIGHT_NAME: Final = "labels of 63 bytes and pointers backwards, 255 bytes in all"
_POINTS: Final = 0xC0
_COUNTS: Final = Struct("!4H").unpack_from
_RECORD: Final = Struct("!HHIH").unpack_from
_POINTER: Final = Struct("!H").unpack_from
_NUMBER: Final = Struct("!I").unpack_from
_FIXED: Final = 10
"""Bytes of a record between its owner and its data."""
_LEAST_SOA: Final = 22
"""Two root names and five numbers."""
_OPTION: Final = Struct("!HHH").pack
_EDE_OPTION: Final = 15


class Found(NamedTuple):
    """Where a record lies: its owner, its fixed part, its end; and what the fixed part says."""

    owner: int
    at: int
    end: int
    kind: int
    ttl: int

    @property
    def data(self) -> int:
        """Where its data begins."""
        return self.at + _FIXED


def answers(packet: bytes, question: bytes) -> bool:
    """Whether a packet is a response to a question (name, type and class), or a bare error."""
    if len(packet) < HEADER or packet[2] & 0xF8 != 0x80:  # noqa: PLR2004 - a response to QUERY
        return False
    if packet[4:6] != b"\0\1":
        return packet[4:] == bytes(8) and packet[3] & 15 in FAILURES
    asked = packet[HEADER : HEADER + len(question)]
    return asked == question or (
        asked[-4:] == question[-4:] and asked[:-4].lower() == question[:-4].lower()
    )


class Response:
    """One response that has been looked at.

    ``rcode`` has all its bits; ``truncated`` is TC.  ``ttls`` are the places of all TTLs,
    ``life`` is how many seconds the answer may be given again.  ``chain`` are the names (keys)
    that the question's name leads to by CNAMEs, in order; ``dangling``: there are such, but no
    record of the type that was asked for and no denial either.
    """

    __slots__ = (
        "body",
        "chain",
        "dangling",
        "found",
        "life",
        "opt",
        "packet",
        "rcode",
        "truncated",
        "ttls",
    )

    def __init__(self, packet: bytes, query: Query) -> None:
        """Read a packet for which ``answers`` was true; raises ``Malformed``."""
        if len(packet) == HEADER:
            packet = packet[:4] + b"\0\1" + bytes(6) + query.question
        self.packet = packet
        self.truncated = bool(packet[2] & 2)
        self.rcode = packet[3] & 15
        self.body = HEADER + len(query.question)
        self.opt: Found | None = None
        self.dangling = False
        _, count, authorities, additional = _COUNTS(packet, 4)
        found = walk(packet, self.body, count + authorities + additional)
        self.found = found
        self._measure(query, count, authorities)
        self.chain = self._chain(query, count)
        if self.dangling and not self.chain:
            self.dangling = False
            self.life = 0

    def _measure(self, query: Query, count: int, authorities: int) -> None:
        """Find the TTLs, the lifetime, the OPT record, and whether the question is answered."""
        ttls: list[int] = []
        life = LONGEST_LIFE
        wanted = query.qtype
        given = False
        denial = -1
        for index, record in enumerate(self.found):
            _, at, end, kind, ttl = record
            if kind == OPT:
                self._see_opt(record)
                continue
            ttls.append(at + 4)
            life = min(life, ttl)
            if index < count:
                given = given or kind == wanted
            elif kind == SOA and index < count + authorities and end - at - _FIXED >= _LEAST_SOA:
                denial = min(ttl, _NUMBER(self.packet, end - 4)[0], LONGEST_DENIAL)
        given = given or (wanted == ANY and count > 0)
        self.ttls = tuple(ttls)
        denies = self.rcode == NXDOMAIN or not given
        self.dangling = denies and denial < 0
        if denies and denial >= 0:
            life = min(life, denial)
        good = ttls and self.rcode in {NOERROR, NXDOMAIN} and not self.truncated
        self.life = life if good else 0

    def _see_opt(self, record: Found) -> None:
        if self.opt is not None or self.packet[record.owner]:
            raise Malformed("OPT", "twice, or not the root's", "one OPT record, owned by the root")
        self.opt = record
        self.rcode |= record.ttl >> 24 << 4

    def _chain(self, query: Query, count: int) -> tuple[bytes, ...]:
        """Follow the CNAMEs of the answer section from the question's name on."""
        leads: dict[bytes, bytes] = {}
        if query.qtype in {CNAME, ANY}:
            return ()
        for record in self.found[:count]:
            if record.kind == CNAME:
                target, end = name_at(self.packet, record.data)
                if end != record.end:
                    raise Malformed("CNAME", "its data is not one name")
                leads[name_at(self.packet, record.owner)[0]] = target
                if len(leads) == LONGEST_CHAIN:
                    break
        chain: list[bytes] = []
        name = query.name
        while name in leads:
            name = leads.pop(name)
            chain.append(name)
        return tuple(chain)

    def aged(self, query: Query, age: int) -> bytes:
        """Return it for whoever asks now, ``age`` seconds after it came; TTLs end at zero."""
        if not age:
            packet = self.packet
            return query.id + packet[2:HEADER] + query.question + packet[self.body :]
        fresh = self._addressed(query)
        for at in self.ttls:
            left = _NUMBER(fresh, at)[0] - age
            pack_into("!I", fresh, at, max(0, left))
        return bytes(fresh)

    def stale(self, query: Query, ttl: int) -> bytes:
        """Return it although its time is over, every TTL as given (RFC 8767 sections 4 and 6)."""
        fresh = self._addressed(query)
        for at in self.ttls:
            pack_into("!I", fresh, at, ttl)
        if self.opt is not None and self.opt.end == len(fresh):
            fresh += _OPTION(_EDE_OPTION, 2, EDE_STALE)
            size = self.opt.end - self.opt.data + 6
            pack_into("!H", fresh, self.opt.data - 2, size)
        return bytes(fresh)

    def _addressed(self, query: Query) -> bytearray:
        fresh = bytearray(self.packet)
        fresh[:2] = query.id
        fresh[HEADER : self.body] = query.question
        return fresh

    def cut(self, query: Query) -> bytes:
        """Return its header, the question and OPT with TC set: what does not fit comes by TCP."""
        opt = b"" if self.opt is None else self.packet[self.opt.owner : self.opt.end]
        flags = bytes((self.packet[2] | 2, self.packet[3]))
        counts = bytes((0, 1, 0, 0, 0, 0, 0, 1 if opt else 0))
        return query.id + flags + counts + query.question + opt


def walk(packet: bytes, at: int, count: int) -> list[Found]:
    """Return where ``count`` records lie that begin at ``at``; raises ``Malformed``."""
    found: list[Found] = []
    length = len(packet)
    try:
        for _ in range(count):
            owner = at
            if packet[at] >= _POINTS:
                if _POINTER(packet, at)[0] & 0x3FFF >= owner:
                    raise Malformed(f"byte {at}", "a compression pointer forward")
                at += 2
            else:
                at = _name_end(packet, at)
            kind, _, ttl, size = _RECORD(packet, at)
            end = at + _FIXED + size
            if end > length:
                raise Malformed(f"byte {at}", "a record longer than the message")
            found.append(Found(owner, at, end, kind, ttl))
            at = end
    except (IndexError, error):
        raise Malformed(f"byte {at}", "the message ends within a record") from None
    return found


def _name_end(packet: bytes, start: int) -> int:
    """Return the index behind a name; IndexError if the message ends before."""
    at = start
    while at - start < LONGEST_NAME:
        size = packet[at]
        if size == 0:
            return at + 1
        if size >= _POINTS:
            if _POINTER(packet, at)[0] & 0x3FFF >= start:
                raise Malformed(f"byte {at}", "a compression pointer forward")
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
    at, before, behind, length = start, start, 0, 1
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
            if size == 0:
                return b"".join(labels).lower() + b"\0", behind or at + 1
            if size > LONGEST_LABEL or length > LONGEST_NAME:
                break
            labels.append(packet[at : at + size + 1])
            at += size + 1
    except (IndexError, error):
        pass
    raise Malformed(f"byte {start}", "no name", _RIGHT_NAME)
