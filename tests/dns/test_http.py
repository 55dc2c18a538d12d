"""The HTTP server: GET and HEAD, answers whole and in pieces, and everything it bounds."""

from __future__ import annotations

import os
import resource
import socket
import time
from typing import TYPE_CHECKING

import pytest

from kuma_dns.resolve.servers import Server
from kuma_dns.server.listening import listen_http
from kuma_net.serving import http
from kuma_net.serving.http import LONGEST_REQUEST, MOST_CONNECTIONS, HttpServer, Page
from kuma_net.serving.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PATIENCE = 10.0
LONG = 300


class World:
    """A server of a few pages, and the loop that runs it."""

    def __init__(self) -> None:
        """Listen at a free port."""
        self.problems: list[Exception] = []
        self.made = 0
        self.loop = Loop(self.problems.append)
        sock = listen_http(Server("127.0.0.1", 0))
        self.address = sock.getsockname()
        self.server = HttpServer(sock, self.pages, self.loop, self.problems.append)

    def pages(self, path: str, query: Mapping[str, str]) -> Page | None:
        """Return the pages of this test."""
        match path:
            case "/plain":
                return Page(f"hello {query.get('name', 'nobody')}\n".encode())
            case "/long":
                return Page(self.pieces())
            case "/broken":
                raise KeyError(path)
            case "/torn":
                return Page(self.torn())
        return None

    def pieces(self) -> Iterator[bytes]:
        """Yield a long page and count what was made of it."""
        for _ in range(LONG):
            self.made += 1
            yield b""
            yield bytes(65536)

    def torn(self) -> Iterator[bytes]:
        """Yield a page that ends in trouble."""
        yield b"so far"
        raise ValueError("so good")

    def client(self) -> socket.socket:
        """Return a connected client."""
        return socket.create_connection(self.address, timeout=PATIENCE)

    def turn_until(self, done: Callable[[], bool]) -> None:
        """Run the loop until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, "it never came true"
            self.loop.turn(0.01)

    def said(self, client: socket.socket) -> bytes:
        """Return everything a client hears until the end."""
        client.settimeout(0)
        heard = bytearray()
        ended = False

        def done() -> bool:
            nonlocal ended
            try:
                while piece := client.recv(1 << 20):
                    heard.extend(piece)
                ended = True
            except BlockingIOError:
                pass
            return ended

        self.turn_until(done)
        return bytes(heard)

    def ask(self, request: str) -> tuple[str, bytes]:
        """Return head and body of the answer to a request."""
        with self.client() as client:
            client.sendall(request.encode())
            head, _, body = self.said(client).partition(b"\r\n\r\n")
        return head.decode(), body


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.server.close()
    made.loop.close()


def get(path: str, method: str = "GET") -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n"


def test_a_page_is_given_with_its_length_and_the_connection_closed(world: World) -> None:
    head, body = world.ask(get("/plain?name=you%20two&x="))
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Length: 14" in head
    assert "Connection: close" in head
    assert body == b"hello you two\n"
    assert not world.problems


def test_head_is_get_without_the_body(world: World) -> None:
    head, body = world.ask(get("/plain", "HEAD"))
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Length: 13" in head
    assert body == b""


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (get("/none"), "404 Not Found"),
        (get("/plain", "POST"), "405 Method Not Allowed"),
        (get("/plain?" + "&".join("abcdefghijklm")), "400 Bad Request"),
        (get("//[x"), "400 Bad Request"),
        (get("/broken"), "500 Internal Server Error"),
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("GET /plain HTTP/1.1\r\n\r\n", "400 Bad Request"),
        (get("/" + "x" * (LONGEST_REQUEST + 4096)), "400 Bad Request"),
    ],
)
def test_what_cannot_be_given_is_told(world: World, request_text: str, status: str) -> None:
    head, body = world.ask(request_text)
    assert head.startswith(f"HTTP/1.1 {status}\r\n")
    assert body.endswith(b"\n")


def test_a_refused_method_is_told_which_ones_there_are(world: World) -> None:
    assert "Allow: GET, HEAD" in world.ask(get("/plain", "DELETE"))[0]


def test_a_page_in_trouble_is_told_to_the_log_and_the_server_goes_on(world: World) -> None:
    world.ask(get("/broken"))
    assert [type(problem) for problem in world.problems] == [KeyError]
    head, body = world.ask(get("/torn"))
    assert head.startswith("HTTP/1.1 200 OK")
    assert b"so far" in body
    assert not body.endswith(b"0\r\n\r\n"), "a torn page must not look whole"
    assert world.ask(get("/plain"))[1] == b"hello nobody\n"


def test_a_long_page_is_made_no_faster_than_it_is_read(world: World) -> None:
    with world.client() as client:
        client.sendall(get("/long").encode())
        world.turn_until(lambda: world.made > 0)
        for _ in range(50):
            world.loop.turn(0.001)
        assert world.made < LONG, "it was made although nobody reads it"
        heard = world.said(client)
    assert world.made == LONG
    assert heard.endswith(b"0\r\n\r\n")
    assert len(heard) > LONG * 65536


def test_http_1_0_gets_a_long_page_without_chunks(world: World) -> None:
    head, body = world.ask("GET /long HTTP/1.0\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK")
    assert len(body) == LONG * 65536


def test_a_client_that_has_closed_her_side_still_hears_everything(world: World) -> None:
    with world.client() as client:
        client.sendall(get("/long").encode())
        client.shutdown(socket.SHUT_WR)
        assert len(world.said(client)) > LONG * 65536
    world.turn_until(lambda: not world.server.connections)


def test_a_request_may_come_byte_by_byte_and_with_a_body_nobody_reads(world: World) -> None:
    with world.client() as client:
        for letter in get("/plain"):
            client.sendall(letter.encode())
            world.loop.turn(0)
        assert world.said(client).endswith(b"hello nobody\n")
    head, _ = world.ask(
        "POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + "x" * 9
    )
    assert head.startswith("HTTP/1.1 405")


def test_who_says_nothing_is_let_go_after_a_while(world: World) -> None:
    clock = Clock()
    world.loop.now = clock
    with world.client() as client:
        client.sendall(b"GET /pl")
        world.turn_until(lambda: bool(world.server.connections))
        clock.ahead = http.PATIENCE + 1
        assert world.said(client) == b""
    assert not world.server.connections


class Clock:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        """Begin on time."""
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return seconds."""
        return time.monotonic() + self.ahead


def test_beyond_the_bound_a_connection_takes_the_place_of_the_oldest(world: World) -> None:
    idle = [world.client() for _ in range(MOST_CONNECTIONS)]
    world.turn_until(lambda: len(world.server.connections) == MOST_CONNECTIONS)
    assert world.ask(get("/plain"))[1] == b"hello nobody\n"
    assert world.said(idle[0]) == b""
    world.turn_until(lambda: len(world.server.connections) == MOST_CONNECTIONS - 1)
    for client in idle:
        client.close()


def test_without_descriptors_it_waits_a_moment_instead_of_spinning(world: World) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with world.client() as client:
        client.sendall(get("/plain").encode())
        taken = os.open(os.devnull, os.O_RDONLY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken, hard))
        try:
            world.loop.turn(0.1)
            began = time.monotonic()
            world.loop.turn(0.2)
            assert time.monotonic() - began > 0.1, "it was called again at once"
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(taken)
        assert world.said(client).endswith(b"hello nobody\n")
    assert not world.problems


def test_a_client_that_resets_is_forgotten(world: World) -> None:
    for request in ("GET /pl", get("/long")):
        client = world.client()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(request.encode())
        world.turn_until(lambda: bool(world.server.connections))
        client.close()
        world.turn_until(lambda: not world.server.connections)
    assert not world.problems


def test_closing_lets_go_of_everybody(world: World) -> None:
    with world.client() as client:
        world.turn_until(lambda: bool(world.server.connections))
        world.server.close()
        assert world.said(client) == b""
        with pytest.raises(ConnectionRefusedError):
            world.client()
