"""A name server that answers from a zone's text and writes down what it is asked; a client.

The text is a zone file's (RFC 1035 section 5), a record a line::

    www.example.org.    60 IN A     203.0.113.80
    app.example.org.    60 IN CNAME frontend-api.kuma-demo.svc.8080.mesh.

Names are fully qualified.  A name that no record has gets NXDOMAIN, one without the type asked
for "no data", both with a SOA; an alias is followed as far as the text goes.  Answers too long
for UDP are cut (TC) and whole over TCP.
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - getaddrinfo wants it; a user may not be able to read it later
import os
import socket
import threading
from functools import partial
from pathlib import Path
from struct import pack, unpack

from dnslib import EDNS0, QTYPE, RCODE, RR, SOA, DNSRecord

from kuma_net.record import Record
from lab.host import fork_here
from lab.servers import Door, listening, reply_from

LOG = "/run/lab/asked"
SHORT = 512
"""Bytes of an answer over UDP to a query without EDNS (RFC 1035 section 4.2.1)."""


class Asked(Record):
    """A query that a name server received: over what, from where, the question."""

    proto: str
    peer: str
    port: int
    name: str
    qtype: str


class Zone:
    """The records of a zone's text."""

    def __init__(self, text: str) -> None:
        """Read the text."""
        self._records: dict[str, list[RR]] = {}
        for record in RR.fromZone(text, ttl=60):
            self._records.setdefault(str(record.rname).lower(), []).append(record)

    def answer(self, packet: bytes, *, tcp: bool) -> bytes:
        """Return the answer to a query."""
        query = DNSRecord.parse(packet)
        reply = query.reply()
        self._fill(reply, str(query.q.qname).lower(), query.q.qtype)
        limit = 65535 if tcp else SHORT
        for record in query.ar:
            if record.rtype == QTYPE.OPT:
                reply.add_ar(EDNS0(udp_len=1232))
                limit = max(limit, record.rclass)
        packed: bytes = reply.pack()
        if len(packed) > limit:
            reply.header.tc = 1
            reply.rr = []
            packed = reply.pack()
        return packed

    def _fill(self, reply: DNSRecord, name: str, qtype: int) -> None:
        records = self._records.get(name)
        if records is None and not reply.rr:
            reply.header.rcode = RCODE.NXDOMAIN
        given = [one for one in records or () if one.rtype in {qtype, QTYPE.CNAME}]
        reply.add_answer(*given)
        for one in given:
            if one.rtype == QTYPE.CNAME and qtype != QTYPE.CNAME:
                self._fill(reply, str(one.rdata.label).lower(), qtype)
        if not reply.rr:
            times = (1, 3600, 600, 86400, 60)
            start = SOA("ns.example.org", "hostmaster.example.org", times)
            reply.add_auth(RR("example.org", QTYPE.SOA, ttl=60, rdata=start))


def serve_names(text: str) -> int:
    """Answer from a zone's text on port 53, UDP and TCP, in a child; return its pid."""
    Path(LOG).parent.mkdir(exist_ok=True)
    sockets = [one for proto in ("udp", "tcp") for one in listening(Door(proto, 53))]
    pid = fork_here(partial(_serve, sockets, Zone(text)))
    for one in sockets:
        one.close()
    return pid


def asked_here() -> list[Asked]:
    """Return the queries that this host's name server has received, in order."""
    if not Path(LOG).exists():
        return []
    lines = Path(LOG).read_text(encoding="ascii").splitlines()
    fields = [line.split() for line in lines]
    return [Asked(proto, peer, int(port), name, qtype) for proto, peer, port, name, qtype in fields]


def _serve(sockets: list[socket.socket], zone: Zone) -> None:
    threads = []
    for one in sockets:
        one.settimeout(None)
        work = _serve_datagrams if one.type == socket.SOCK_DGRAM else _accept
        threads.append(threading.Thread(target=work, args=(one, zone)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _serve_datagrams(one: socket.socket, zone: Zone) -> None:
    while True:
        packet, controls, _, peer = one.recvmsg(4096, socket.CMSG_SPACE(64))
        _note("udp", peer, packet)
        reply = zone.answer(packet, tcp=False)
        try:
            one.sendmsg([reply], [reply_from(control) for control in controls], 0, peer)
        except OSError:
            continue  # the peer went away; the next one may not


def _accept(one: socket.socket, zone: Zone) -> None:
    while True:
        connection, peer = one.accept()
        threading.Thread(target=_serve_stream, args=(connection, peer, zone), daemon=True).start()


def _serve_stream(connection: socket.socket, peer: tuple[str, int], zone: Zone) -> None:
    """Answer every query of a connection (RFC 7766: two bytes of length before each message)."""
    with connection, connection.makefile("rwb") as stream:
        while len(size := stream.read(2)) == 2:
            packet = stream.read(unpack("!H", size)[0])
            _note("tcp", peer, packet)
            reply = zone.answer(packet, tcp=True)
            stream.write(pack("!H", len(reply)) + reply)
            stream.flush()


def _note(proto: str, peer: tuple[str, int], packet: bytes) -> None:
    """Write a query down before it is answered: who has the answer may read about it."""
    question = DNSRecord.parse(packet).q
    line = f"{proto} {peer[0]} {peer[1]} {question.qname} {QTYPE[question.qtype]}\n"
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(log, line.encode())
    os.close(log)


def resolve(name: str) -> list[str] | str:
    """Resolve a name as any program does, by /etc/resolv.conf; a text when that fails."""
    try:
        found = socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return str(error)
    return sorted({str(address[0]) for *_, address in found})
