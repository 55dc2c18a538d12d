"""Lines that plugins send: what is printed, and what is not."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from kuma_cni.installer.counts import Counts
from kuma_cni.installer.listening import LogSocket, read_event
from kuma_net.errors import HostError
from kuma_net.serving.loop import Loop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "line", [b"", b"no JSON", b"[]", b"\xff", b"[" * 4000, b'{"a": "' + b"x" * 4096 + b'"}']
)
def test_what_is_no_event_is_not_printed(line: bytes) -> None:
    assert read_event(line) is None


def test_an_event_is_read() -> None:
    assert read_event(b'{"event": "added"}\n') == {"event": "added"}


def test_a_reader_who_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while os.write(write, b"x" * 4096):
            pass
    os.set_blocking(write, True)
    counts, problems = Counts(), list[Exception]()
    loop = Loop(problems.append)
    heard = LogSocket(str(tmp_path / "deep" / "cni.sock"), loop, counts, write)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plugin:
        for _ in range(5):
            plugin.sendto(b'{"event": "added"}', heard.path)
        loop.turn(1.0)
    assert counts.lines == {"printed": 0, "dropped": 5}
    os.read(read, 1 << 16)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plugin:
        plugin.sendto(b'{"event": "added", "verb": "ADD", "took_ms": 5}', heard.path)
        loop.turn(1.0)
    assert counts.requests == {("ADD", "done"): 1}
    heard.close()
    assert list((tmp_path / "deep").iterdir()) == []
    loop.close()
    os.close(read)
    os.close(write)
    assert problems == []


@pytest.mark.parametrize("took", ["NaN", "1e400", "-5", f"{10**400}", "1e200"])
def test_no_number_that_somebody_sends_spoils_what_is_counted(tmp_path: Path, took: str) -> None:
    counts, problems = Counts(), list[Exception]()
    loop = Loop(problems.append)
    read, write = os.pipe()
    heard = LogSocket(str(tmp_path / "cni.sock"), loop, counts, write)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plugin:
        plugin.sendto(b'{"verb": "ADD", "took_ms": ' + took.encode() + b"}", heard.path)
        loop.turn(1.0)
    assert sum(counts.lines.values()) == 1
    assert counts.seconds == {}
    assert problems == []
    heard.close()
    loop.close()
    os.close(read)
    os.close(write)


def test_where_no_socket_can_be_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    loop = Loop(lambda _: None)
    with pytest.raises(HostError, match=r"file/cni\.sock"):
        LogSocket(str(tmp_path / "file" / "cni.sock"), loop, Counts())
    loop.close()
