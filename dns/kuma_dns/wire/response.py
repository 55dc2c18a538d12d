r"""A message that an upstream server sent: checked, measured, aged, never trusted.

Theory.  Anybody who guesses port and id may have written it, or a server with a bug of its own.
It is walked once from header to end (``wire.records``); what lies inside the records' data is
relayed unread, but for the first few CNAMEs.

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

from struct import Struct, pack_into
from typing import TYPE_CHECKING, Final

from kuma_dns.wire.message import (
    ANY,
    CNAME,
    EDE_STALE,
    FORMERR,
    HEADER,
    NOTIMP,
    NXDOMAIN,
    OPT,
    REFUSED,
    SERVFAIL,
    SOA,
)
from kuma_dns.wire.records import FIXED, Found, fitting, name_at, record_at
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
_COUNTS: Final = Struct("!3H").unpack_from
_NUMBER: Final = Struct("!I").unpack_from
_CUT: Final = Struct("!4H").pack
_LEAST_SOA: Final = 22
"""Bytes of the data of a SOA record: two root names and five numbers."""
_OPTION: Final = Struct("!HHH").pack
_EDE_OPTION: Final = 15
_RESPONSE: Final = 0x80
"""QR and the four bits of the operation code: a response to a plain query."""


def answers(packet: bytes, question: bytes) -> bool:
    """Whether a packet is a response to a question (name, type and class), or a bare error."""
    if len(packet) < HEADER or packet[2] & 0xF8 != _RESPONSE:
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
    ``life`` is how many seconds the answer may be given again.  ``opt`` is where the OPT record
    begins and ends, (0, 0) without one.  ``chain`` are the names (keys) that the question's name
    leads to by CNAMEs, in order; ``dangling``: there are such, but no record of the type that was
    asked for and no denial either.
    """

    __slots__ = ("body", "chain", "dangling", "life", "opt", "packet", "rcode", "truncated", "ttls")

    def __init__(self, packet: bytes, query: Query) -> None:
        """Read a packet for which ``answers`` was true; raises ``Malformed``."""
        if len(packet) == HEADER:
            packet = packet[:4] + b"\0\1" + bytes(6) + query.question
        self.packet = packet
        self.body = HEADER + len(query.question)
        self.truncated = bool(packet[2] & 2)
        self.rcode = packet[3] & 15
        self.opt = (0, 0)
        self.dangling = False
        self.life = 0
        aliases = self._walk(packet, query.qtype)
        self.chain = _followed(packet, query.name, aliases) if aliases else ()
        if self.dangling and not self.chain:
            self.dangling = False
            self.life = 0

    def _walk(self, packet: bytes, wanted: int) -> list[Found]:
        """Look at each record once; return the CNAMEs that are to be followed."""
        count, authorities, additional = _COUNTS(packet, 6)
        given = wanted == ANY and count > 0
        behind = count + authorities
        ttls: list[int] = []
        aliases: list[Found] = []
        life, denial = LONGEST_LIFE, -1
        end = self.body
        for index in range(behind + additional):
            found = owner, at, end, kind, ttl = record_at(packet, end)
            if kind == OPT:
                self._see_opt(owner, end, ttl)
                continue
            ttls.append(at + 4)
            life = min(life, ttl)
            if index < count:
                if kind == wanted:
                    given = True
                elif kind == CNAME:
                    aliases.append(found)
            elif kind == SOA and index < behind and end - at >= FIXED + _LEAST_SOA:
                denial = min(ttl, _NUMBER(packet, end - 4)[0], LONGEST_DENIAL)
        self.ttls = tuple(ttls)
        self._judge(life, denial, given=given)
        return [] if wanted == ANY else aliases[:LONGEST_CHAIN]

    def _judge(self, life: int, denial: int, *, given: bool) -> None:
        """Say for how long this may be given again, and whether it says anything."""
        if given and self.ttls and not self.rcode and not self.truncated:
            self.life = life
            return
        denies = self.rcode == NXDOMAIN or not given
        self.dangling = denies and denial < 0
        good = self.ttls and self.rcode in {0, NXDOMAIN} and not self.truncated
        self.life = 0 if not good else min(life, denial) if denies and denial >= 0 else life

    def _see_opt(self, owner: int, end: int, ttl: int) -> None:
        if self.opt[1] or self.packet[owner]:
            raise Malformed("OPT", "twice, or not the root's", "one OPT record, owned by the root")
        self.opt = owner, end
        self.rcode |= ttl >> 24 << 4

    def aged(self, query: Query, age: int) -> bytes:
        """Return it for whoever asks now, ``age`` seconds after it came; TTLs end at zero."""
        if not age:
            packet = self.packet
            return query.id + packet[2:HEADER] + query.question + packet[self.body :]
        fresh = self._addressed(query)
        for at in self.ttls:
            pack_into("!I", fresh, at, max(0, _NUMBER(fresh, at)[0] - age))
        return bytes(fresh)

    def stale(self, query: Query, ttl: int) -> bytes:
        """Return it although its time is over, every TTL as given (RFC 8767 sections 4 and 6)."""
        fresh = self._addressed(query)
        for at in self.ttls:
            pack_into("!I", fresh, at, ttl)
        owner, end = self.opt
        if end == len(fresh):
            fresh += _OPTION(_EDE_OPTION, 2, EDE_STALE)
            pack_into("!H", fresh, owner + FIXED - 1, len(fresh) - owner - FIXED - 1)
        return bytes(fresh)

    def _addressed(self, query: Query) -> bytearray:
        fresh = bytearray(self.packet)
        fresh[:2] = query.id
        fresh[HEADER : self.body] = query.question
        return fresh

    def cut(self, packet: bytes, limit: int) -> bytes:
        """Return ``packet``, as ``aged`` or ``stale`` made it, in ``limit`` bytes, with TC set.

        As many records of the answer stay as fit, and OPT.
        """
        opt = self.packet[slice(*self.opt)]
        (count, *_) = _COUNTS(packet, 6)
        kept, end = fitting(packet, self.body, count, limit - len(opt))
        flags = bytes((packet[2] | 2, packet[3]))
        counts = _CUT(1, kept, 0, 1 if opt else 0)
        return packet[:2] + flags + counts + packet[HEADER:end] + opt


def _followed(packet: bytes, name: bytes, aliases: list[Found]) -> tuple[bytes, ...]:
    """Follow CNAMEs from a name on; each is followed once, so a loop ends where it began."""
    leads: dict[bytes, bytes] = {}
    for owner, at, end, _, _ in aliases:
        target, behind = name_at(packet, at + FIXED)
        if behind != end:
            raise Malformed("CNAME", "its data is not one name")
        leads[name_at(packet, owner)[0]] = target
    chain: list[bytes] = []
    while name in leads:
        name = leads.pop(name)
        chain.append(name)
    return tuple(chain)
