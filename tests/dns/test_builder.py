"""The table is made in a child that may do whatever it likes, and nobody waits."""

from __future__ import annotations

import atexit
import gc
import os
import resource
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_dns.names.table import KNOWN, Entry, Table, block_of
from kuma_dns.server.builder import Builder, Report, Work, _mapped
from kuma_net.serving.loop import Loop
from lab.processes import descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK = block_of([(b"\1a\0", Entry(b"\1\1\1\1", b"", KNOWN, 0, b""))], ttl=30)


class World:
    """A loop, a builder and what came of its work."""

    def __init__(self) -> None:
        """Begin with nothing to do."""
        self.loop = Loop(lambda problem: pytest.fail(str(problem)))
        self.done: list[tuple[Table | None, Report]] = []
        self.started = 0
        self.builder: Builder | None = None

    def start(self, make: Callable[[], tuple[bytes | bytearray, Report]], **how: float) -> Builder:
        """Begin to make a table."""

        def work() -> Work:
            self.started += 1
            return Work(make)

        self.builder = Builder(self.loop, work, lambda *done: self.done.append(done), **how)
        self.builder.request()
        return self.builder

    def until(self, condition: Callable[[], bool]) -> None:
        """Run the loop until something holds."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            self.loop.turn(0.05)

    def outcome(self) -> tuple[Table | None, Report]:
        """Return what came of the one run; its process must end."""
        self.until(lambda: bool(self.done))
        self.until(lambda: not descendants(os.getpid()))
        (done,) = self.done
        return done


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    if made.builder is not None:
        made.builder.close()
    made.loop.close()
    assert descendants(os.getpid()) == []


def descriptors() -> list[Path]:
    """Return the descriptors of this process, but the one they are listed through."""
    return [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


def test_a_table_and_a_report_come_back(world: World) -> None:
    report = Report((), ("left out",), ("warned",), {"names": 1})
    world.start(lambda: (BLOCK, report))
    table, told = world.outcome()
    assert told == report
    assert table is not None
    assert table.get(b"\1a\0") == Entry(b"\1\1\1\1", b"", KNOWN, 0, b"")
    assert table.digest == Table(BLOCK).digest


def test_a_long_report_comes_back_whole(world: World) -> None:
    report = Report((), tuple([f"violation {number}" * 50 for number in range(1000)]))
    world.start(lambda: (BLOCK, report))
    assert world.outcome()[1] == report


def test_errors_of_the_sources_come_back_without_a_table(world: World) -> None:
    world.start(lambda: (b"", Report(("file x: not there",))))
    assert world.outcome() == (None, Report(("file x: not there",)))


def raise_an_error() -> tuple[bytes, Report]:
    message = "out of luck"
    raise RuntimeError(message)


def test_an_exception_comes_back_as_an_error(world: World) -> None:
    world.start(raise_an_error)
    assert world.outcome() == (None, Report(("RuntimeError: out of luck",)))


def be_killed() -> tuple[bytes, Report]:
    os.kill(os.getpid(), signal.SIGKILL)
    return b"", Report()


def leave() -> tuple[bytes, Report]:
    os._exit(0)


@pytest.mark.parametrize("make", [be_killed, leave])
def test_a_child_that_dies_is_an_error_that_may_pass(
    world: World, make: Callable[[], tuple[bytes, Report]]
) -> None:
    world.start(make)
    table, report = world.outcome()
    assert table is None
    assert report.again
    assert report.errors[0].startswith("the process that makes the table died")


def test_a_result_that_is_no_table_is_an_error(world: World) -> None:
    world.start(lambda: (b"x" * 100, Report()))
    table, report = world.outcome()
    assert table is None
    assert "died (no table" in report.errors[0]


def hang() -> tuple[bytes, Report]:
    while True:
        signal.pause()


def test_a_child_that_hangs_is_ended_in_time(world: World) -> None:
    world.start(hang, patience=0.2)
    table, report = world.outcome()
    assert table is None
    assert report == Report(
        ("the process that makes the table took longer than 0.2 s",), again=True
    )


def test_many_requests_while_one_runs_become_one_more(world: World) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        gate = theirs.fileno()

        def wait() -> tuple[bytearray, Report]:
            os.read(gate, 1)
            return BLOCK, Report()

        made: list[int] = []

        def work() -> Work:
            made.append(1)
            return Work(wait, (gate,))

        builder = Builder(world.loop, work, lambda *done: world.done.append(done))
        world.builder = builder
        for _ in range(5):
            builder.request()
        assert builder.running
        assert len(made) == 1
        ours.send(b"x")
        world.until(lambda: len(made) == 2)
        builder.request()
        ours.send(b"xx")
        world.until(lambda: len(world.done) == 3)
        world.until(lambda: not builder.running)
        assert len(made) == 3


def test_the_loop_goes_on_while_a_child_works(world: World) -> None:
    def work_hard() -> tuple[bytearray, Report]:
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            pass
        return BLOCK, Report()

    ticks = []

    def tick() -> None:
        ticks.append(world.loop.now())
        if not world.done:
            world.loop.at(world.loop.now() + 0.005, tick)

    world.start(work_hard)
    tick()
    world.outcome()
    assert len(ticks) > 10


def test_a_child_holds_none_of_our_descriptors_and_yields_to_us(world: World) -> None:
    ours, theirs = socket.socketpair()
    niceness = os.nice(0)

    def look() -> tuple[bytearray, Report]:
        links = [str(link.readlink()) for link in descriptors()]
        facts = [os.nice(0), Path("/proc/self/oom_score_adj").read_text().strip()]
        facts += [signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, gc.isenabled()]
        return BLOCK, Report((), tuple(links), tuple(map(str, facts)))

    with ours, theirs:
        world.start(look)
        ours.close()
        assert theirs.recv(1) == b""  # at once, although the child may still be at work
        _, report = world.outcome()
    kinds = sorted(link.partition(":")[0] for link in report.violations)
    assert kinds == ["/memfd", "socket"]
    assert report.warnings == (str(min(19, niceness + 10)), "1000", "True", "False")


def test_a_child_never_comes_back_to_our_code(world: World, tmp_path: Path) -> None:
    world.start(raise_an_error)
    (tmp_path / str(os.getpid())).touch()
    world.outcome()
    assert [path.name for path in tmp_path.iterdir()] == [str(os.getpid())]


def test_nothing_that_is_to_be_done_at_our_end_is_done_in_a_child(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "done"
    atexit.register(path.touch)
    try:
        world.start(raise_an_error)
        world.outcome()
    finally:
        atexit.unregister(path.touch)
    assert not path.exists()


def test_without_descriptors_left_there_is_an_error_that_may_pass(world: World) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = len(descriptors())
    held = [os.dup(0) for _ in range(100)]
    for _ in range(2):  # the memory file, then the sockets
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, hard))
        try:
            builder = world.start(lambda: (BLOCK, Report()))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        ((table, report),) = world.done
        assert (table, report.again, builder.running) == (None, True, False)
        assert report.errors[0].startswith("cannot start the process that makes the table")
        world.done.clear()
        os.close(held.pop(0))
    for descriptor in held:
        os.close(descriptor)
    assert len(descriptors()) == in_use


def test_to_close_ends_what_runs(world: World) -> None:
    builder = world.start(hang)
    assert len(descendants(os.getpid())) == 1
    builder.close()
    assert descendants(os.getpid()) == []
    assert world.done == []


def test_what_could_still_be_changed_is_not_mapped() -> None:
    memory = os.memfd_create("open", os.MFD_ALLOW_SEALING)
    try:
        os.write(memory, BLOCK)
        with pytest.raises(ValueError, match="not sealed"):
            _mapped(memory)
    finally:
        os.close(memory)
