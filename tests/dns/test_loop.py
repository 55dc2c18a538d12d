"""The loop: who is called when, and that nobody keeps it busy for nothing."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from kuma_net.serving.loop import AWAKE, Loop
from lab.host import fork_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOON = 0.02
FOREVER = 20.0


class World:
    """A loop, a pair of connected sockets, and what went wrong."""

    def __init__(self) -> None:
        """Connect."""
        self.problems: list[Exception] = []
        self.loop = Loop(self.problems.append)
        self.near, self.far = socket.socketpair()
        for end in (self.near, self.far):
            end.settimeout(0)

    def close(self) -> None:
        """Close all of it."""
        self.loop.close()
        self.near.close()
        self.far.close()

    def stumble(self) -> None:
        """Go wrong."""
        raise AssertionError

    def until(self, condition: Callable[[], object]) -> None:
        """Go round until something is so."""
        deadline = time.monotonic() + FOREVER
        while not condition():
            assert time.monotonic() < deadline
            self.loop.turn(SOON)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()
    assert made.problems == []


def test_a_reader_is_called_as_long_as_there_is_something_to_read(world: World) -> None:
    read: list[bytes] = []
    world.loop.on_readable(world.near.fileno(), lambda: read.append(world.near.recv(2)))
    world.far.send(b"abcd")
    world.until(lambda: len(read) == 2)
    world.loop.turn(0)
    assert read == [b"ab", b"cd"]


def test_a_reader_that_pauses_is_not_called_until_it_asks_again(world: World) -> None:
    read: list[bytes] = []
    descriptor = world.near.fileno()

    def reader() -> None:
        read.append(world.near.recv(9))

    world.loop.on_readable(descriptor, reader)
    world.loop.pause_reading(descriptor)
    world.loop.pause_reading(descriptor)
    world.far.send(b"x")
    world.loop.turn(0)
    assert read == []
    world.loop.on_readable(descriptor, reader)
    world.until(lambda: read == [b"x"])


def test_a_writer_is_called_when_there_is_room_until_it_wants_no_more(world: World) -> None:
    calls: list[int] = []
    descriptor = world.near.fileno()
    world.loop.on_writable(descriptor, lambda: calls.append(1))
    world.loop.turn(FOREVER)
    world.loop.turn(FOREVER)
    world.loop.on_writable(descriptor, None)
    world.loop.turn(0)
    assert len(calls) == 2


def test_reader_and_writer_of_one_descriptor_do_not_disturb_each_other(world: World) -> None:
    calls: list[str] = []
    descriptor = world.near.fileno()
    world.loop.on_readable(descriptor, lambda: calls.append(world.near.recv(9).decode()))
    world.loop.on_writable(descriptor, lambda: calls.append("room"))
    world.far.send(b"x")
    world.loop.turn(FOREVER)
    assert calls == ["x", "room"]
    world.loop.pause_reading(descriptor)
    world.loop.turn(FOREVER)
    world.loop.forget(descriptor)
    world.loop.turn(0)
    assert calls == ["x", "room", "room"]


@pytest.mark.parametrize("asked", ["never", "paused", "wrote"])
def test_a_peer_that_hangs_up_while_nobody_listens_wakes_nobody(world: World, asked: str) -> None:
    descriptor = world.near.fileno()
    if asked == "paused":
        world.loop.on_readable(descriptor, world.stumble)
        world.loop.pause_reading(descriptor)
    elif asked == "wrote":
        world.loop.on_writable(descriptor, world.stumble)
        world.loop.on_writable(descriptor, None)
    world.far.close()
    began = time.monotonic()
    world.loop.turn(SOON)
    assert time.monotonic() - began >= SOON * 0.9


def test_a_reader_hears_of_a_peer_that_hung_up_even_after_a_pause(world: World) -> None:
    read: list[bytes] = []
    descriptor = world.near.fileno()
    world.loop.on_readable(descriptor, lambda: None)
    world.loop.pause_reading(descriptor)
    world.far.close()
    world.loop.turn(0)
    world.loop.on_readable(descriptor, lambda: read.append(world.near.recv(9)))
    world.until(lambda: read == [b""])
    world.loop.forget(descriptor)


def test_what_one_caller_forgets_another_is_not_called_for(world: World) -> None:
    other, far = socket.socketpair()
    called: list[str] = []

    def call(name: str, forget: socket.socket) -> None:
        called.append(name)
        world.loop.forget(forget.fileno())

    world.loop.on_readable(world.near.fileno(), lambda: call("one", other))
    world.loop.on_readable(other.fileno(), lambda: call("other", world.near))
    world.far.send(b"x")
    far.send(b"x")
    world.loop.turn(FOREVER)
    assert len(called) == 1
    other.close()
    far.close()


def test_timers_are_called_in_order_of_their_times(world: World) -> None:
    called: list[str] = []
    now = world.loop.now()
    world.loop.at(now + 2 * SOON, lambda: called.append("third"))
    world.loop.at(now + SOON, lambda: called.append("first"))
    world.loop.at(now + SOON, lambda: called.append("second"))
    world.until(lambda: len(called) == 3)
    assert called == ["first", "second", "third"]
    assert world.loop.now() >= now + 2 * SOON


def test_a_timer_that_was_cancelled_is_not_called_and_not_waited_for(world: World) -> None:
    world.loop.at(world.loop.now(), lambda: pytest.fail("called")).cancel()
    timer = world.loop.at(world.loop.now(), lambda: pytest.fail("called"))
    world.loop.at(world.loop.now(), timer.cancel)
    timer.cancel()
    began = time.monotonic()
    world.loop.turn(SOON)
    world.loop.turn(SOON)
    assert time.monotonic() - began >= SOON * 0.9


def test_a_clock_is_ticked_when_it_is_due_whoever_set_it_meanwhile(world: World) -> None:
    due: list[float] = []
    ticks: list[float] = []

    def tick(now: float) -> None:
        ticks.append(now)
        due.pop()

    world.loop.keep_time(lambda: due[0] if due else None, tick)
    world.loop.turn(0)
    world.loop.on_writable(world.near.fileno(), lambda: due.append(world.loop.now() + SOON))
    world.loop.turn(FOREVER)
    world.loop.forget(world.near.fileno())
    when = due[0]
    world.loop.turn(FOREVER)
    assert len(ticks) == 1
    assert when <= ticks[0] < when + FOREVER / 2


def test_what_is_to_be_done_at_the_end_of_a_turn_is_done_once_after_all_else(world: World) -> None:
    done: list[str] = []

    def at_end() -> None:
        done.append("end")
        world.loop.at_turn_end(lambda: done.append("after"))

    def reader() -> None:
        world.near.recv(9)
        world.loop.at_turn_end(at_end)

    world.loop.on_readable(world.near.fileno(), reader)
    world.loop.on_writable(world.near.fileno(), lambda: done.append("room"))
    world.far.send(b"x")
    world.loop.turn(FOREVER)
    assert done == ["room", "end", "after"]
    world.loop.turn(FOREVER)
    assert done == ["room", "end", "after", "room"]


def test_what_was_asked_for_before_the_turn_does_not_wait(world: World) -> None:
    done: list[int] = []
    world.loop.at_turn_end(lambda: done.append(1))
    began = time.monotonic()
    world.loop.turn(FOREVER)
    assert done == [1]
    assert time.monotonic() - began < FOREVER / 2


def test_a_callback_that_raises_is_told_of_and_the_others_are_called_all_the_same() -> None:
    world = World()
    called: list[float] = []

    def fail(*_: float) -> None:
        raise ValueError(len(world.problems))

    world.loop.keep_time(lambda: 0.0, fail)
    world.loop.at(world.loop.now(), fail)
    world.loop.at(world.loop.now(), lambda: called.append(1))
    world.loop.on_writable(world.near.fileno(), fail)
    world.loop.at_turn_end(fail)
    world.loop.at_turn_end(lambda: called.append(2))
    world.loop.turn(FOREVER)
    assert called == [1, 2]
    assert [str(problem) for problem in world.problems] == ["0", "1", "2", "3"]
    world.close()


def test_signals_are_handled_between_the_callbacks_and_as_before_afterwards(world: World) -> None:
    former = signal.getsignal(signal.SIGUSR1)
    called: list[str] = []
    world.loop.on_signal(signal.SIGUSR1, lambda: called.append("first"))
    world.loop.on_signal(signal.SIGUSR1, lambda: called.append("one"))
    world.loop.on_signal(signal.SIGUSR2, lambda: called.append("two"))
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
        os.kill(os.getpid(), number)
    assert called == []
    world.until(lambda: called == ["one", "two", "one"])
    world.loop.close()
    assert signal.getsignal(signal.SIGUSR1) == former
    world.loop = Loop(world.problems.append)


def test_it_runs_until_it_is_told_to_stop(world: World) -> None:
    world.loop.at(world.loop.now(), lambda: None)
    world.loop.at(world.loop.now() + SOON, world.loop.stop)
    world.loop.run()


def test_a_descriptor_that_a_child_has_too_is_not_watched_once_it_is_forgotten(
    world: World,
) -> None:
    child = fork_here(lambda: time.sleep(FOREVER))
    world.loop.on_readable(world.near.fileno(), lambda: pytest.fail("called"))
    world.far.send(b"x")
    world.loop.forget(world.near.fileno())
    world.near.close()
    began = time.monotonic()
    world.loop.turn(SOON)
    assert time.monotonic() - began >= SOON * 0.9
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_it_stays_awake_only_while_there_is_work_all_the_time(world: World) -> None:
    calls: list[int] = []
    world.loop.on_writable(world.near.fileno(), lambda: calls.append(1))
    world.until(lambda: world.loop._is_brisk)
    world.loop.forget(world.near.fileno())
    world.loop.turn(SOON)
    used = time.process_time()
    for _ in range(5):
        world.loop.turn(SOON)
    assert not world.loop._is_brisk
    assert time.process_time() - used < SOON
    assert AWAKE < SOON


def test_it_never_stays_awake_where_that_is_rationed() -> None:
    problems: list[Exception] = []
    loop = Loop(problems.append, awake=0.0)
    near, far = socket.socketpair()
    loop.on_writable(near.fileno(), lambda: None)
    for _ in range(5):
        loop.turn(SOON)
    assert not loop._is_brisk
    assert problems == []
    loop.close()
    near.close()
    far.close()
