"""Asks the running server, as any program would: by DNS, and by HTTP for the reasons."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Final

from kuma_dns.wire.query import Query
from kuma_dns.wire.response import Response, answers
from kuma_net.errors import HostError
from kuma_net.record import Record
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from kuma_dns.resolve.servers import Server

PATIENCE: Final = 6.0
"""Seconds: a little more than our server waits for the first names."""
EXPLAINING: Final = 2.0
"""Seconds for the reasons; the answer is there already."""
LONGEST_PAGE: Final = 1 << 20
"""Bytes."""


class Told(Record):
    """A message, by which protocol it came (``UDP`` or ``TCP``) and after how many seconds."""

    message: bytes
    protocol: str
    seconds: float


def query_message(name: str, qtype: int) -> bytes:
    """Return a query with a random id: recursion desired, EDNS with room for 1232 bytes."""
    from dnslib import EDNS0, DNSHeader, DNSQuestion, DNSRecord

    header = DNSHeader(id=int.from_bytes(os.urandom(2), "big"), rd=1)
    record = DNSRecord(header, q=DNSQuestion(name, qtype))
    record.add_ar(EDNS0(udp_len=1232))
    return bytes(record.pack())


def ask(server: Server, message: bytes, *, tcp: bool) -> Told:
    """Return what a server says, by TCP if it has to be; ``HostError`` if it says nothing."""
    began = time.monotonic()
    try:
        if not tcp:
            said = _by_udp(server, message)
            if not said[2] & 2:
                return Told(said, "UDP", time.monotonic() - began)
        said = _by_tcp(server, message)
    except TimeoutError:
        why = f"no answer within {PATIENCE:g} s"
    except ConnectionRefusedError:
        why = "nobody listens there; is kuma-dns serve running?"
    except EOFError:
        why = "the connection was closed before the answer"
    except OSError as problem:
        why = problem.strerror or str(problem)
    else:
        return Told(said, "TCP", time.monotonic() - began)
    raise HostError(f"{server}: {why}")


def _by_udp(server: Server, message: bytes) -> bytes:
    """Send and wait; answers to something else are passed over."""
    query = Query(message)
    deadline = time.monotonic() + PATIENCE
    with socket.socket(_family(server), socket.SOCK_DGRAM) as one:
        one.connect(server)
        one.send(message)
        while True:
            one.settimeout(max(0.001, deadline - time.monotonic()))
            said = one.recv(65535)
            if said[:2] == message[:2] and answers(said, query.question):
                return said


def _by_tcp(server: Server, message: bytes) -> bytes:
    with socket.create_connection(server, timeout=PATIENCE) as one:
        one.sendall(len(message).to_bytes(2, "big") + message)
        return _exactly(one, int.from_bytes(_exactly(one, 2), "big"))


def _exactly(one: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = one.recv(count - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received


def _family(server: Server) -> int:
    return socket.AF_INET6 if ":" in server.host else socket.AF_INET


def readable(told: Told, message: bytes) -> bool:
    """Whether a message is sound and answers the query: only then may dnslib see it."""
    query = Query(message)
    try:
        Response(told.message, query)
    except Malformed:
        return False
    return answers(told.message, query.question)


def explanation(server: Server, name: str, kind: str) -> dict[str, object] | str:
    """Return what /explain of a server says, or a sentence why there is nothing."""
    from urllib.parse import urlencode

    target = "/explain?" + urlencode({"name": name, "type": kind})
    try:
        status, body = _get(server, target)
        told = json.loads(body) if status == 200 else body.decode("utf-8", "replace").strip()  # noqa: PLR2004 - HTTP's OK
    except (OSError, ValueError) as problem:
        return f"{server} does not explain: {getattr(problem, 'strerror', '') or problem}"
    if not isinstance(told, dict):
        return f"{server} does not explain: {told}"
    return told


def _get(server: Server, target: str) -> tuple[int, bytes]:
    """Return status and body of a page; ``OSError``, ``ValueError``."""
    import h11

    http = h11.Connection(h11.CLIENT)
    request = h11.Request(method="GET", target=target, headers=[("Host", str(server))])
    status, body = 0, b""
    with socket.create_connection(server, timeout=EXPLAINING) as one:
        one.sendall((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
        while len(body) < LONGEST_PAGE:
            try:
                event = http.next_event()
            except h11.RemoteProtocolError as problem:
                raise ValueError(str(problem)) from None
            if event is h11.NEED_DATA:
                http.receive_data(one.recv(65536))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            else:
                break
    return status, body
