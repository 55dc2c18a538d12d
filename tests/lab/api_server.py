"""An API server of the lab: HTTPS by the standard library, with answers and accidents by script.

Each request takes the next *act* of the script; the last one stays.  An act is a function that
gets the request's handler and answers, or does something else to the client.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, TypeAlias

from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from lab.certificates import Authority, Certificate

    Act: TypeAlias = "Callable[[BaseHTTPRequestHandler], None]"


class Asked(Record):
    """A request as the server saw it."""

    path: str
    authorization: str
    client: str


class ApiServer:
    """Listens on loopback while the context lasts; ``asked`` are the requests so far."""

    def __init__(
        self, *script: Act, certificate: Certificate | None, clients: Authority | None = None
    ) -> None:
        """Take the script, a certificate (none: plain HTTP), and who vouches for clients."""
        self.script = list(script)
        self.asked: list[Asked] = []
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate.file, certificate.key)
            if clients is not None:
                tls.verify_mode = ssl.CERT_REQUIRED
                tls.load_verify_locations(clients.file)
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port: int = self._server.server_address[1]
        scheme = "https" if certificate is not None else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Serve nobody any longer."""
        self._server.shutdown()
        self._server.server_close()

    def next_act(self) -> Act:
        """Return what to do with this request."""
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up: they are what is tested."""


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            subject = ""
            if isinstance(self.connection, ssl.SSLSocket):
                shown = self.connection.getpeercert() or {}
                subject = str(shown.get("subject", ""))
            authorization = self.headers.get("Authorization", "")
            server.asked.append(Asked(self.path, authorization, subject))
            self.close_connection = True
            with suppress(OSError):
                server.next_act()(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    return Handler


def answer(value: object, status: int = 200, **headers: str) -> Act:
    """Answer with JSON."""
    return raw(json.dumps(value).encode(), status, **headers)


def raw(body: bytes, status: int = 200, **headers: str) -> Act:
    """Answer with these bytes."""

    def act(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, text in ({"Content-Length": str(len(body))} | headers).items():
            request.send_header(name.replace("_", "-"), text)
        request.end_headers()
        request.wfile.write(body)

    return act


def refuse(status: int, message: str = "", **headers: str) -> Act:
    """Answer with a Status object, as an API server refuses."""
    return answer({"kind": "Status", "code": status, "message": message}, status, **headers)


def hang(request: BaseHTTPRequestHandler) -> None:
    """Say nothing until the client goes."""
    request.rfile.read(1)


def hang_up(request: BaseHTTPRequestHandler) -> None:
    """Close without a word."""
    request.connection.close()


def drip(request: BaseHTTPRequestHandler) -> None:
    """Begin an answer and send a byte of it every twentieth of a second."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        request.wfile.write(b" ")
        time.sleep(0.05)


def drip_headers(request: BaseHTTPRequestHandler) -> None:
    """Send a header that never ends."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        request.wfile.write(b"x")
        time.sleep(0.05)


def break_off(request: BaseHTTPRequestHandler) -> None:
    """Announce more than is sent."""
    request.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"kind": ')
    request.wfile.flush()


def no_http(request: BaseHTTPRequestHandler) -> None:
    """Speak another language."""
    request.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


def endless(request: BaseHTTPRequestHandler) -> None:
    """Send a body without end."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        request.wfile.write(bytes(1 << 16))
