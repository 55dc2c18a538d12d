"""The process that makes a round: what it says is heard, and it ends whatever happens."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_cni.repair.child import Child
from kuma_net.serving.loop import Loop
from lab.agent import Agent
from lab.processes import eventually, running
from lab.system import death_wish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_cni.repair.child import Say, Work


class World:
    """A loop, and what its child said."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self.problems: list[Exception] = []
        self.loop = Loop(self.problems.append)
        self.lines: list[bytes] = []
        self.ends: list[str] = []

    def start(self, work: Work) -> Child:
        """Start a child."""
        return Child(self.loop, work, self.lines.append, self.ends.append)

    def end_of(self, work: Work, patience: float = 10.0) -> str:
        """Return how a child ended."""
        self.start(work).end_after(patience)
        deadline = time.monotonic() + 20.0
        while not self.ends:
            assert time.monotonic() < deadline
            self.loop.turn(0.02)
        assert self.problems == []
        return self.ends[0]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    files = open_files()
    yield made
    left = open_files()
    made.loop.close()
    assert [name for name in left if name not in files and "socket" not in name] == []


def open_files() -> list[str]:
    """Return what this process has open, without the folder that is looked at."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(link.readlink()))
    return sorted(found)


def test_lines_are_heard_in_order_and_the_end_after_them(world: World) -> None:
    many = [b"%d" % number for number in range(20_000)]  # more than a pipe holds

    def work(say: Say) -> None:
        for line in many:
            say(line + b"\n")

    assert world.end_of(work) == ""
    assert world.lines == many


def test_what_the_work_raises_is_how_it_ended(world: World) -> None:
    def work(say: Say) -> None:
        say(b"first\n")
        raise ValueError("one\ntwo")

    assert world.end_of(work) == "one; two"
    assert world.lines == [b"first"]


def test_an_error_without_words_is_named(world: World) -> None:
    def work(_say: Say) -> None:
        raise KeyError

    assert world.end_of(work) == "KeyError"


def test_a_signal_that_ended_it_is_told(world: World) -> None:
    assert world.end_of(lambda _say: os.kill(os.getpid(), signal.SIGSEGV)) == "signal 11 ended it"


def test_who_takes_too_long_is_killed(world: World) -> None:
    began = time.monotonic()
    assert world.end_of(lambda _say: time.sleep(60), 0.2) == "it took longer than 0.2 s"
    assert time.monotonic() - began < 5.0


def test_it_has_none_of_our_files_nor_handlers_and_does_not_outlive_us_by_wish(
    world: World, tmp_path: Path
) -> None:
    world.loop.on_signal(signal.SIGUSR1, lambda: None)

    def work(say: Say) -> None:
        say(b"\n".join([name.encode() for name in open_files()]) + b"\n.\n")
        say(b"%d\n" % death_wish())
        say(b"%d\n" % (signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL))

    high = 300
    with (tmp_path / "ours").open("w") as ours:
        os.dup2(ours.fileno(), high)
        assert world.end_of(work) == ""
        os.close(high)
    *files, end, wish, default = world.lines
    assert (end, int(wish), default) == (b".", signal.SIGKILL, b"1")
    others = [name for name in files if not name.startswith((b"pipe:", b"/proc/"))]
    assert set(others) <= {os.fsencode(Path("/proc/self/fd/2").readlink())}
    assert len(files) <= 3


def test_an_end_that_is_heard_before_the_last_words_loses_none(world: World) -> None:
    child = world.start(lambda say: say(b"last\n"))
    assert eventually(lambda: not running([child.pid]))
    child._finish()
    assert (world.lines, world.ends) == ([b"last"], [""])


def test_closing_kills_it_and_tells_nobody(world: World) -> None:
    child = world.start(lambda _say: time.sleep(60))
    world.loop.turn(0.05)
    child.close()
    assert not Path(f"/proc/{child.pid}").exists()
    assert (world.lines, world.ends) == ([], [])


def test_it_does_not_outlive_us() -> None:
    parent = Agent("parent", lambda: None)
    pid = parent.call(start_here)
    assert running([pid]) == [pid]
    os.kill(parent.pid, signal.SIGKILL)
    assert eventually(lambda: not running([pid]))
    parent.stop()


def start_here() -> int:
    loop = Loop(lambda _problem: None)
    return Child(loop, lambda _say: time.sleep(60), lambda _line: None, lambda _told: None).pid
