"""Somebody who asks a server by UDP or TCP, byte by byte if need be, and says what she got.

What she got is a few words: ``NOERROR 240.0.0.1``, ``NXDOMAIN``, ``SERVFAIL 22`` (the number is
the extended error, RFC 8914), ``silence``, ``end`` (of the connection).
"""

from __future__ import annotations

import socket
from struct import pack, unpack
from typing import TYPE_CHECKING

from dnslib import QTYPE, RCODE, DNSRecord

from kuma_dns.wire.message import A
from lab.messages import ask, opt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PATIENCE = 10.0
"""Seconds that an honest client waits; a server in order takes milliseconds."""
SILENCE, END = "silence", "end"
LOOPBACK = "127.0.0.1"
_EDE = 15


def query(name: str, ident: int = 7, kind: int = A, size: int = 1232) -> bytes:
    """Return a query with EDNS, as it takes to hear of extended errors."""
    return ask(name, kind, opt(size), ident=ident)


def framed(packet: bytes) -> bytes:
    """Return a message with its length before it (RFC 1035 section 4.2.2)."""
    return pack("!H", len(packet)) + packet


def told(packet: bytes) -> str:
    """Return what an answer says."""
    answer = DNSRecord.parse(packet)
    words = [RCODE[answer.header.rcode]]
    if answer.header.tc:
        words.append("cut")
    words += sorted({str(one.rdata) for one in answer.rr if one.rtype != QTYPE.OPT})
    for record in answer.ar:
        if record.rtype == QTYPE.OPT:
            words += [
                str(unpack("!H", one.data[:2])[0]) for one in record.rdata if one.code == _EDE
            ]
    return " ".join(words)


def by_udp(port: int, packet: bytes, patience: float = PATIENCE) -> bytes | None:
    """Return the answer to one datagram; None: there was none in time."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(patience)
        one.connect((LOOPBACK, port))
        one.send(packet)
        try:
            return one.recv(65535)
        except TimeoutError:
            return None


def all_by_udp(port: int, packets: Iterable[bytes], patience: float = PATIENCE) -> dict[int, bytes]:
    """Send many datagrams at once; return the answers by their ids, as far as they came in time."""
    answers: dict[int, bytes] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        one.settimeout(patience)
        one.connect((LOOPBACK, port))
        asked = [one.send(packet) for packet in packets]
        try:
            while len(answers) < len(asked):
                answer = one.recv(65535)
                answers[int.from_bytes(answer[:2], "big")] = answer
        except TimeoutError:
            pass
    return answers


def connected(port: int, patience: float = PATIENCE) -> socket.socket:
    """Return a TCP connection."""
    return socket.create_connection((LOOPBACK, port), timeout=patience)


def heard(one: socket.socket) -> bytes | None:
    """Return the next message of a connection; None at its end.  Raises TimeoutError."""
    head = _exactly(one, 2)
    if len(head) < 2:
        return None
    packet = _exactly(one, unpack("!H", head)[0])
    return packet or None


def _exactly(one: socket.socket, size: int) -> bytes:
    received = b""
    try:
        while len(received) < size:
            piece = one.recv(size - len(received))
            if not piece:
                return b""
            received += piece
    except ConnectionError:
        return b""
    return received


def by_tcp(port: int, packet: bytes) -> bytes | None:
    """Return the answer to one query on a connection of its own; None: it was closed."""
    with connected(port) as one:
        one.sendall(framed(packet))
        return heard(one)


def says(port: int, name: str, *, tcp: bool = False, ident: int = 7) -> str:
    """Ask for a name's IPv4 address; return what the answer says."""
    packet = query(name, ident)
    answer = by_tcp(port, packet) if tcp else by_udp(port, packet)
    if answer is None:
        return END if tcp else SILENCE
    return told(answer)


def numbered(count: int, name: str) -> Iterator[bytes]:
    """Iterate over queries for a name, with all ids from 0 on."""
    return (query(name, ident) for ident in range(count))
