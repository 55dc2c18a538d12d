"""One HTTP request over a connection whose every wait ends in time.

http.client reads an answer's head and body; what it lacks is an end: its timeout is for each
single wait, so a server that sends a byte every second holds the caller for ever.  So it is given
a connection of ours, which allows each wait what is left of the whole time, and no more than a
wait is worth.  The same for what comes before: addresses are tried one after another, the TLS
handshake is one wait (ssl counts it as a whole).

What surprised us: asking for an address by name cannot be bounded (getaddrinfo(3) knows no
timeout), so a name is asked for in a thread that is left behind when it takes too long.  An address
that is written as a number, the usual case in a cluster, needs none.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final

from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from _typeshed import WriteableBuffer

    from kuma_cni.kubernetes.kubeconfig import Access, Server

CONNECT: Final = 2.0
READ: Final = 5.0
"""Seconds for connecting and for each wait on a connection."""
_PIECE: Final = 1 << 16


class TooLong(Exception):
    """The answer is longer than it may be."""


class Answer(Record):
    """Status, headers (names in lower case) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Place(Record):
    """A server, and how its certificate is checked; None: it speaks plain HTTP."""

    server: Server
    tls: ssl.SSLContext | None


class Bounds(Record):
    """``deadline`` of the whole request (time.monotonic), seconds for waits, bytes of the body."""

    deadline: float
    largest: int
    connect: float = CONNECT
    read: float = READ

    def left(self, wait: float) -> float:
        """Return the seconds that a wait may take; raises TimeoutError."""
        left = min(wait, self.deadline - time.monotonic())
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left


def get(place: Place, path: str, headers: Mapping[str, str], bounds: Bounds) -> Answer:
    """GET a path once; raises OSError (ssl.SSLError is one), http.client.HTTPException, TooLong."""
    server = place.server
    line = _open(place, bounds)
    connection = http.client.HTTPConnection(server.host, server.port)
    connection.sock = _Bounded(line, bounds)
    try:
        connection.request("GET", server.prefix + path, headers=dict(headers))
        response = connection.getresponse()
        body = _body(response, bounds)
        kept = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, kept, body)
    finally:
        connection.close()
        line.close()


def _body(response: http.client.HTTPResponse, bounds: Bounds) -> bytes:
    body = bytearray()
    while piece := response.read1(_PIECE):
        body += piece
        if len(body) > bounds.largest:
            raise TooLong(f"the answer is longer than {bounds.largest} bytes")
    if response.length:  # read1 takes the early end of a connection for the end of the body
        raise http.client.IncompleteRead(bytes(body[:0]), response.length)
    return bytes(body)


def _open(place: Place, bounds: Bounds) -> socket.socket:
    """Connect to the first of the server's addresses that takes us, by TLS if it is HTTPS."""
    server, tls = place.server, place.tls
    refused: OSError = OSError("the server's name has no address")
    for family, address in _addresses(server.host, server.port, bounds):
        line = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            line.settimeout(bounds.left(bounds.connect))
            line.connect(address)
            if tls is None:
                return line
            line.settimeout(bounds.left(bounds.read))
            return tls.wrap_socket(line, server_hostname=server.name or server.host)
        except OSError as problem:
            line.close()
            refused = problem
    raise refused


def _addresses(host: str, port: int, bounds: Bounds) -> list[tuple[int, Any]]:
    """Return family and socket address of each; raises OSError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = _looked_up(host, port, bounds)
    return [(int(family), address) for family, _, _, _, address in found]


def _looked_up(host: str, port: int, bounds: Bounds) -> list[Any]:
    from threading import Thread

    found: list[Any] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as problem:
            found.append(problem)

    thread = Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(bounds.left(bounds.read))
    if not found:
        raise TimeoutError(f"the address of {host} was not found in time")
    if isinstance(found[0], OSError):
        raise found[0]
    addresses: list[Any] = found[0]
    return addresses


def place_of(access: Access) -> Place:
    """Return a server and how it is checked and what we show it; raises OSError.

    OpenSSL takes certificates of ours from files only; inline ones are put into a file in memory
    that has no name (memfd_create(2)).
    """
    if not access.server.secure:
        return Place(access.server, None)
    trust, shown = access.trust, access.credentials
    tls = ssl.create_default_context(cafile=trust.file or None, cadata=trust.data or None)
    if trust.insecure:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    if shown.certificate_data or shown.certificate_file:
        with (
            _file(shown.certificate_data, shown.certificate_file) as certificate,
            _file(shown.key_data, shown.key_file) as key,
        ):
            tls.load_cert_chain(certificate, key, _no_password)
    return Place(access.server, tls)


def _no_password() -> str:
    """Keep OpenSSL from asking for the password of an encrypted key at our terminal."""
    raise ssl.SSLError("the client's key is encrypted")


class _file:  # noqa: N801 - reads as a word: `with _file(...)`
    """A path under which a PEM text can be read: the file's own, or one in memory."""

    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        self._memory = -1

    def __enter__(self) -> str:
        import os

        if not self._text:
            return self._path
        self._memory = os.memfd_create("pem", os.MFD_CLOEXEC)
        os.write(self._memory, self._text.encode())
        return f"/proc/self/fd/{self._memory}"

    def __exit__(self, *_: object) -> None:
        import os

        if self._memory >= 0:
            os.close(self._memory)


class _Bounded:
    """A socket as http.client sees it: what it sends and reads is bounded by the whole time."""

    def __init__(self, line: socket.socket, bounds: Bounds) -> None:
        self._line = line
        self._bounds = bounds

    def sendall(self, data: bytes) -> None:
        self._line.settimeout(self._bounds.left(self._bounds.read))
        self._line.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._line, self._bounds), _PIECE)

    def close(self) -> None:
        """Leave the socket to whoever opened it: http.client closes before the body is read."""


class _Reader(io.RawIOBase):
    def __init__(self, line: socket.socket, bounds: Bounds) -> None:
        self._line = line
        self._bounds = bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._line.settimeout(self._bounds.left(self._bounds.read))
        return self._line.recv_into(buffer)
