"""A name server that knows one answer, and a client that resolves as programs do."""

from __future__ import annotations

import encodings.idna  # noqa: F401 - getaddrinfo wants it; a user may not be able to read it later
import socket
from functools import partial

from dnslib import AAAA, QTYPE, RR, A, DNSRecord

from lab.host import fork_here
from lab.servers import Door, listening, reply_from


def serve_names(addresses: tuple[str, str]) -> int:
    """Answer every A and AAAA question with the two addresses, on UDP 53; return the pid."""
    sockets = list(listening(Door("udp", 53)))
    pids = [fork_here(partial(_serve, one, addresses)) for one in sockets]
    for one in sockets:
        one.close()
    return pids[0]


def _serve(one: socket.socket, addresses: tuple[str, str]) -> None:
    one.settimeout(None)
    while True:
        query, controls, _, peer = one.recvmsg(2048, socket.CMSG_SPACE(64))
        reply = _answer(query, addresses)
        one.sendmsg([reply], [reply_from(control) for control in controls], 0, peer)


def _answer(query: bytes, addresses: tuple[str, str]) -> bytes:
    question = DNSRecord.parse(query)
    reply = question.reply()
    rdata = {QTYPE.A: A(addresses[0]), QTYPE.AAAA: AAAA(addresses[1])}.get(question.q.qtype)
    if rdata is not None:
        reply.add_answer(RR(question.q.qname, question.q.qtype, rdata=rdata, ttl=60))
    packed: bytes = reply.pack()
    return packed


def resolve(name: str) -> list[str] | str:
    """Resolve a name as any program does, by /etc/resolv.conf; a text when that fails."""
    try:
        found = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return str(error)
    return sorted({str(address[0]) for *_, address in found})
