"""HTTP for the demo: a server that tells who asked it, a client that asks as a given user."""

from __future__ import annotations

import json
import socket
import threading
from functools import partial
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from lab.host import fork_here
from lab.senders import Outcome
from lab.servers import Landing, decode, effective, encode

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUEST_WITHIN = 10.0
"""Seconds."""


class Teller(BaseHTTPRequestHandler):
    """Answers every GET with a Landing."""

    protocol_version = "HTTP/1.1"
    host = ""

    def do_GET(self) -> None:
        """Answer."""
        address, port = self.client_address[:2]
        listening = int(self.connection.getsockname()[1])
        landing = Landing(self.host, listening, (str(address), int(port)))
        body = encode(landing)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the table says it."""


class Dual(ThreadingHTTPServer):
    """A server for one family; the other has its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, family: socket.AddressFamily, port: int, handler: type[Teller]) -> None:
        """Listen on every address of the family."""
        self.address_family = family
        everywhere = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104 - in a lab
        super().__init__((everywhere, port), handler)

    def server_bind(self) -> None:
        """Keep IPv6 to itself, and ask nobody for the host's name."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()


def serve_web(host: str, ports: Sequence[int], uid: int) -> int:
    """Serve HTTP on the ports in both families, as a user, in a child; return its pid."""
    handler = type("Teller", (Teller,), {"host": host})
    families = (socket.AF_INET, socket.AF_INET6)
    servers = [Dual(family, port, handler) for family in families for port in ports]
    pid = fork_here(partial(_serve_all, servers), uid=uid, gid=uid)
    for server in servers:
        server.server_close()
    return pid


def _serve_all(servers: list[Dual]) -> None:
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def get(address: str, port: int, uid: int = 0) -> Outcome:
    """Ask a server for ``/`` as a user; return where that landed, or what went wrong."""
    connection = HTTPConnection(address, port, timeout=REQUEST_WITHIN)
    try:
        with effective(uid, uid):
            connection.connect()
        connection.request("GET", "/")
        return decode(connection.getresponse().read())
    except (HTTPException, OSError, json.JSONDecodeError) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
