"""Ports that are taken, pages asked for by those who mean no good."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from kuma_net.serving.http import LONGEST_REQUEST, MOST_CONNECTIONS
from lab.dns_asking import says
from lab.dns_server import DnsServer
from lab.host import run_here
from lab.processes import eventually
from lab.programs import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = "NOERROR 240.0.0.1"
LOOPBACK, LOOPBACK_6 = "127.0.0.1", "::1"
TAKEN = "another program listens there already"
MB = 1 << 20

# --- ports --------------------------------------------------------------------------------------


def occupied(what: str) -> tuple[socket.socket, int]:
    """Take a port of a protocol and family; return it too."""
    family = socket.AF_INET6 if what.endswith("IPv6") else socket.AF_INET
    kind = socket.SOCK_DGRAM if what.startswith("UDP") else socket.SOCK_STREAM
    one = socket.socket(family, kind)
    one.bind((LOOPBACK if family == socket.AF_INET else LOOPBACK_6, 0))
    if kind == socket.SOCK_STREAM:
        one.listen()
    return one, one.getsockname()[1]


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("UDP by IPv4", "cannot listen at 127.0.0.1:{port} (UDP): " + TAKEN),
        ("TCP by IPv4", "cannot listen at 127.0.0.1:{port} (TCP): " + TAKEN),
        ("UDP by IPv6", "cannot listen at [::1]:{port} (UDP): " + TAKEN),
        ("TCP by IPv6", "cannot listen at [::1]:{port} (TCP): " + TAKEN),
        ("HTTP by IPv4", "cannot listen at 127.0.0.1:{port} (HTTP): " + TAKEN),
    ],
)
def test_a_port_that_is_taken_is_told_in_a_sentence(what: str, sentence: str) -> None:
    one, port = occupied(what)
    http = what.startswith("HTTP")
    dns = (
        (f"--listen={LOOPBACK}:0",)
        if http
        else (f"--listen={LOOPBACK}:{port}", f"--listen=[{LOOPBACK_6}]:{port}")
    )
    words = (
        *dns,
        f"--http={LOOPBACK}:{port}" if http else "--http=off",
        "--record=a.mesh=240.0.0.1",
    )
    with one:
        ended = run_here((PROGRAMS["kuma-dns"], "serve", *words), "", {})
    assert ended.status == 1
    assert sentence.format(port=port) in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


# --- pages --------------------------------------------------------------------------------------

HEAD = b"Host: here\r\n\r\n"
REQUESTS = {
    "GET /ready": (b"GET /ready HTTP/1.1\r\n" + HEAD, "200"),
    "HEAD /metrics": (b"HEAD /metrics HTTP/1.1\r\n" + HEAD, "200"),
    "a request in HTTP/1.0": (b"GET /ready HTTP/1.0\r\n\r\n", "200"),
    "POST": (b"POST /ready HTTP/1.1\r\nContent-Length: 9\r\n" + HEAD + b"123456789", "405"),
    "a method nobody knows": (b"BREW /ready HTTP/1.1\r\n" + HEAD, "405"),
    "CONNECT": (b"CONNECT here:80 HTTP/1.1\r\n" + HEAD, "405"),
    "a page that is not there": (b"GET /../../etc/passwd HTTP/1.1\r\n" + HEAD, "404"),
    "a path with escapes": (b"GET /%00%ff HTTP/1.1\r\n" + HEAD, "404"),
    "no name to explain": (b"GET /explain HTTP/1.1\r\n" + HEAD, "400"),
    "no name at all to explain": (b"GET /explain?name=%ff%00..&type=A HTTP/1.1\r\n" + HEAD, "400"),
    "a name of 5000 letters": (
        b"GET /explain?name=" + b"a" * 5000 + b" HTTP/1.1\r\n" + HEAD,
        "400",
    ),
    "no host": (b"GET /ready HTTP/1.1\r\n\r\n", "400"),
    "no HTTP": (b"\xff" * 99 + b"\r\n\r\n", "400"),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), "400"),
    "a line that is too long": (
        b"GET /" + b"a" * 4 * LONGEST_REQUEST + b" HTTP/1.1\r\n" + HEAD,
        "400",
    ),
    "too many headers": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * LONGEST_REQUEST + HEAD, "400"),
    "10 MB of headers": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (10 * MB // 6) + HEAD, "400"),
    "half a request": (b"GET /ready HTTP/1.1\r\nHo", "400"),
    "nothing": (b"", ""),
}
"""What is sent, and the status that comes; none where the connection is closed without one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DnsServer]:
    options = ("--record=here.mesh=240.0.0.1", "--resolv-conf=/nonexistent")
    with DnsServer(tmp_path_factory.mktemp("pages"), *options) as running:
        running.await_ready()
        yield running


def status_of(server: DnsServer, request: bytes) -> str:
    """Send a request, close our side, and return the status that comes."""
    received = b""
    with socket.create_connection((LOOPBACK, server.http), timeout=10) as one:
        try:
            one.sendall(request)
            one.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # it need not read all that we have to say
        try:
            while piece := one.recv(65536):
                received += piece
        except ConnectionError:
            pass
    return received.split(b" ", 2)[1].decode() if received else ""


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_gets_its_status(server: DnsServer, what: str) -> None:
    request, status = REQUESTS[what]
    before = server.memory()
    assert status_of(server, request) == status
    assert server.memory() - before < 4 * MB
    assert says(server.port, "here.mesh") == HERE


def test_many_who_say_little_keep_nobody_from_the_pages(server: DnsServer) -> None:
    with ExitStack() as stack:
        for number in range(4 * MOST_CONNECTIONS):
            place = (LOOPBACK, server.http)
            one = stack.enter_context(closing(socket.create_connection(place, timeout=10)))
            one.sendall((b"", b"GET /na", b"GET /names HTTP/1.1\r\nX-Slow: ")[number % 3])
        began = time.monotonic()
        assert server.get("/ready")[0] == 200
        assert says(server.port, "here.mesh") == HERE
        assert time.monotonic() - began < 2
        assert server.descriptors() < MOST_CONNECTIONS + 30
    assert eventually(lambda: server.descriptors() < 20)
