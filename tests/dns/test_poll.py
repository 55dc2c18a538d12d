"""A unix socket that is asked for the names, whatever listens there."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_dns.server.poll import Poll
from kuma_net.serving.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOTHING = b""
"""A script's reply that never comes."""
HANG_UP = b"hang up"
"""A script's reply that is none: the connection is closed."""


class Script:
    """A server on a unix socket that gives prepared replies, each to one connection."""

    def __init__(self, path: Path, loop: Loop) -> None:
        """Listen."""
        self.replies: list[bytes] = []
        self.asked: list[bytes] = []
        self._loop = loop
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(16)
        loop.on_readable(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        self.asked.append(connection.recv(4096))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply == NOTHING:
            self._open.append(connection)
            return
        if reply != HANG_UP:
            connection.sendall(reply)
        connection.close()

    def close(self) -> None:
        """Listen no longer."""
        self._loop.forget(self._listener.fileno())
        for one in (self._listener, *self._open):
            one.close()


def ok(body: bytes, etag: str = "") -> bytes:
    told = f"ETag: {etag}\r\n" if etag else ""
    return f"HTTP/1.1 200 OK\r\n{told}Content-Length: {len(body)}\r\n\r\n".encode() + body


UNCHANGED = b"HTTP/1.1 304 Not Modified\r\n\r\n"


class World:
    """A socket's path, whoever polls it, and the news."""

    def __init__(self, folder: Path, loop: Loop) -> None:
        """Begin with nobody listening."""
        self.path = folder / "kuma.sock"
        self.loop = loop
        self.news: list[tuple[bool, str]] = []
        self.poll: Poll | None = None
        self.script: Script | None = None

    def listen(self, *replies: bytes) -> Script:
        """Listen with prepared replies; the last one is given again and again."""
        self.script = Script(self.path, self.loop)
        self.script.replies += replies
        return self.script

    def start(self, patience: float = 10.0, longest: int = 1 << 20) -> Poll:
        """Begin to ask."""

        def on_news(poll: Poll, new: bool) -> None:
            self.news.append((new, poll.problem))

        self.poll = Poll(str(self.path), self.loop, on_news, patience=patience, longest=longest)
        self.poll.start()
        return self.poll

    def until(self, condition: Callable[[], bool]) -> None:
        """Run the loop until something holds."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.news
            self.loop.turn(0.05)

    def document(self) -> bytes:
        """Return the latest document."""
        assert self.poll is not None
        return os.pread(self.poll.descriptor, 1 << 22, 0)

    def close(self) -> None:
        """Neither ask nor listen any longer."""
        for one in (self.poll, self.script):
            if one is not None:
                one.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    before = open_descriptors()
    made = World(tmp_path, Loop(lambda problem: pytest.fail(str(problem))))
    yield made
    made.close()
    made.loop.close()
    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_document_is_asked_for_as_kuma_does_and_comes_whole(world: World) -> None:
    body = os.urandom(100_000)
    script = world.listen(b"HTTP/1.1 103 Early Hints\r\n\r\n" + ok(body))
    poll = world.start()
    assert poll.descriptor == -1
    world.until(lambda: bool(world.news))
    assert world.document() == body
    assert script.asked[0].startswith(b"GET /dns HTTP/1.1\r\nHost: localhost\r\n")
    assert b"If-None-Match" not in script.asked[0]


def test_the_tag_is_sent_along_and_what_is_unchanged_stays(world: World) -> None:
    script = world.listen(ok(b"one", '"v1"'), UNCHANGED, ok(b"two", 'W/"v2"'), UNCHANGED)
    world.start()
    world.until(lambda: len(script.asked) == 4)
    assert world.news == [(True, ""), (True, "")]
    assert world.document() == b"two"
    tags = [
        line.partition(b": ")[2]
        for asked in script.asked
        for line in asked.split(b"\r\n")
        if line.startswith(b"If-None-Match")
    ]
    assert tags == [b'"v1"', b'"v1"', b'W/"v2"']


def test_the_same_document_without_a_tag_is_no_news(world: World) -> None:
    script = world.listen(ok(b"one"))
    world.start()
    world.until(lambda: len(script.asked) == 3)
    assert world.news == [(True, "")]


def test_nobody_there_is_told_once_and_asked_again_soon(world: World) -> None:
    poll = world.start()
    assert world.news == [(False, "No such file or directory")]
    assert poll.excused
    world.loop.turn(0.15)
    world.loop.turn(0.15)
    began = world.loop.now()
    world.listen(ok(b"one"))
    world.until(lambda: poll.descriptor >= 0)
    assert world.loop.now() - began < 1.0
    assert world.news == [(False, "No such file or directory"), (True, "")]


NO_PROPER_ANSWERS = [
    (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "HTTP status 503"),
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "no proper answer: "),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\none", "no proper answer: "),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, "no proper answer: "),
    (HANG_UP, "closed without an answer"),
    (ok(b"x" * 1001), "longer than 1000 bytes"),
    (NOTHING, "no whole answer in time"),
]


def test_no_proper_answer_leaves_the_former_document(tmp_path: Path) -> None:
    loop = Loop(lambda problem: pytest.fail(str(problem)))
    worlds = []
    for number, (reply, _) in enumerate(NO_PROPER_ANSWERS):  # at once: each takes some seconds
        (tmp_path / str(number)).mkdir()
        world = World(tmp_path / str(number), loop)
        world.listen(ok(b"one"), reply, reply, ok(b"one"))
        world.start(patience=0.3, longest=1000)
        worlds.append(world)
    for world, (_, problem) in zip(worlds, NO_PROPER_ANSWERS, strict=True):
        world.until(lambda: len(world.news) >= 3)  # noqa: B023 - called at once
        (_, first), (_, second), (_, third) = world.news
        assert (first, third, world.document()) == ("", "", b"one")
        assert second.startswith(problem)
        assert world.script is not None
        assert len(world.script.asked) == 4
    for world in worlds:
        world.close()
    loop.close()


def test_a_long_document_comes_piece_by_piece(world: World) -> None:
    body = os.urandom(1 << 19)
    world.listen(HANG_UP)
    child = os.fork()
    if child == 0:
        deliver(world.path, ok(body, '"long"'))
    poll = world.start()
    world.until(lambda: poll.descriptor >= 0)
    assert os.waitpid(child, 0)[1] == 0
    assert world.document() == body


def deliver(path: Path, reply: bytes) -> None:
    """In a child: take the place of whoever listens, and reply once."""
    try:
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(1)
            connection, _ = listener.accept()
            connection.recv(4096)
            connection.sendall(reply)
            connection.close()
        os._exit(0)
    finally:
        os._exit(1)
