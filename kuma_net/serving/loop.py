"""Waits for readiness, timers and signals, and calls whoever asked for them.

Why not asyncio: a turn of its loop costs 15 to 20 us and its import 8 MB and 80 ms, all three
as much as this server has for everything (docs/decisions).  What is needed of it is little.

Some facts about epoll.  It is used level-triggered: a reader that stops early is called again,
so each may bound the work of one turn and leave the others their time.  A descriptor that is
closed leaves the set by itself, but only if no copy of it is open anywhere (a forked child has
one): whoever closes tells ``forget`` first.  The number of a closed descriptor is given out again
at once, so events that were fetched in the same turn may belong to its predecessor: the callback
is looked up at the time of the call, and has to bear being called for nothing.  EPOLLHUP and
EPOLLERR are reported whether asked for or not, in every turn: a descriptor that nobody waits for
must not be in the set, or a client that hangs up keeps the processor busy.

Waiting costs more than it seems: to be put to sleep and woken again takes 5 to 10 us, and what
the processor's caches held is lost meanwhile.  So if the last wait was shorter than ``AWAKE``, the
next one begins awake, asking again and again for as long.  That happens only at some 15,000 turns
a second and more; there it halves the time of an answer for what is left of the processor.  With
less to do, a wait is hardly ever that short, and nothing is spent.  Whoever else wants this
processor gets it (sched_yield(2)): she may be the client that the next query will come from.
Where processor time is rationed it is never done (``server.quota``).

Signals are written to a socket pair by the interpreter's own handler (signal.set_wakeup_fd) and
are handled here as one more reader, never in the middle of other work.  A forked child has the
same socket pair: until it calls ``signal.set_wakeup_fd(-1)`` its signals are taken for ours.
"""

from __future__ import annotations

import heapq
import select
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from itertools import count
from os import sched_yield
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_READ: Final = select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP
_WRITE: Final = select.EPOLLOUT | select.EPOLLHUP | select.EPOLLERR
_MOST_EVENTS: Final = 256
"""Of one turn."""


AWAKE: Final = 50e-6
"""Seconds; see the theory of waiting."""


class Timer:
    """Something to be done at a time; ``cancel`` it and it is not."""

    __slots__ = ("call", "when")

    def __init__(self, when: float, call: Callable[[], None]) -> None:
        """Keep the time (seconds of ``Loop.now``) and what to do."""
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Forget it."""
        self.call = None


class Loop:
    """One thread's wait for everything."""

    def __init__(self, on_error: Callable[[Exception], None], awake: float = AWAKE) -> None:
        """Tell ``on_error`` what a callback raised; the loop goes on with the next one.

        ``awake`` is for how many seconds a short wait is spent awake; 0: never.
        """
        self.now = time.monotonic
        self._on_error = on_error
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._writers: dict[int, Callable[[], None]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._clocks: list[tuple[Callable[[], float | None], Callable[[float], None]]] = []
        self._at_turn_end: list[Callable[[], None]] = []
        self._signals: dict[int, Callable[[], None]] = {}
        self._former_signals: dict[int, Any] = {}
        self._woken: socket.socket | None = None
        self._waker: socket.socket | None = None
        self._running = False
        self._is_brisk = False
        self._awake = awake

    # --- who waits for what ---------------------------------------------------------------------

    def on_readable(self, descriptor: int, call: Callable[[], None]) -> None:
        """Call whenever there is something to read (or the other side is gone)."""
        self._readers[descriptor] = call
        self._watch(descriptor)

    def on_writable(self, descriptor: int, call: Callable[[], None] | None) -> None:
        """Call whenever there is room to write; None: no longer."""
        if call is None:
            self._writers.pop(descriptor, None)
        else:
            self._writers[descriptor] = call
        self._watch(descriptor)

    def pause_reading(self, descriptor: int) -> None:
        """Do not call the reader until ``on_readable`` is asked again."""
        self._readers.pop(descriptor, None)
        self._watch(descriptor)

    def forget(self, descriptor: int) -> None:
        """Neither call nor watch any longer; to be told before the descriptor is closed."""
        self._readers.pop(descriptor, None)
        self._writers.pop(descriptor, None)
        with suppress(OSError, ValueError):
            self._epoll.unregister(descriptor)

    def _watch(self, descriptor: int) -> None:
        mask = (select.EPOLLIN | select.EPOLLRDHUP) if descriptor in self._readers else 0
        if descriptor in self._writers:
            mask |= select.EPOLLOUT
        try:
            if mask:
                self._epoll.modify(descriptor, mask)
            else:
                self._epoll.unregister(descriptor)
        except FileNotFoundError:
            if mask:
                self._epoll.register(descriptor, mask)

    def at(self, when: float, call: Callable[[], None]) -> Timer:
        """Call once at a time (seconds of ``now``), or as soon after it as can be."""
        timer = Timer(when, call)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def keep_time(self, due: Callable[[], float | None], tick: Callable[[float], None]) -> None:
        """Call ``tick`` with the time whenever it is ``due``, which is asked before each wait."""
        self._clocks.append((due, tick))

    def at_turn_end(self, call: Callable[[], None]) -> None:
        """Call once, after the other callbacks of this turn: the place to send.

        From within a turn or before ``run``; what such a callback asks for is called as well.
        """
        self._at_turn_end.append(call)

    def on_signal(self, number: int, call: Callable[[], None]) -> None:
        """Call when the process gets a signal."""
        if self._woken is None:
            self._woken, self._waker = socket.socketpair()
            for end in (self._woken, self._waker):
                end.setblocking(False)  # noqa: FBT003 - the library's signature
            signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
            self.on_readable(self._woken.fileno(), self._on_wakeup)
        self._signals[number] = call
        former = signal.signal(number, lambda *_: None)
        self._former_signals.setdefault(number, former)

    def _on_wakeup(self) -> None:
        if self._woken is not None:
            with suppress(BlockingIOError):
                for number in self._woken.recv(256):
                    self._guarded(self._signals.get(number))

    # --- running --------------------------------------------------------------------------------

    def run(self) -> None:
        """Go round until ``stop``."""
        self._running = True
        while self._running:
            self.turn()

    def stop(self) -> None:
        """Let ``run`` return after this turn."""
        self._running = False

    def turn(self, longest: float = -1) -> None:
        """Wait once (``longest`` seconds at most; -1: as long as it takes), call whoever is due."""
        soonest = self._soonest()
        for descriptor, events in self._wait(self._patience(soonest, longest)):
            if events & _READ:
                self._guarded(self._readers.get(descriptor))
            if events & _WRITE:
                self._guarded(self._writers.get(descriptor))
        if soonest is not None and self.now() >= soonest:
            self._tell_time(self.now())
        while self._at_turn_end:
            calls, self._at_turn_end = self._at_turn_end, []
            for call in calls:
                self._guarded(call)

    def _wait(self, patience: float) -> list[tuple[int, int]]:
        """Wait for events; stay awake for a moment if the last wait was that short."""
        poll, began, awake = self._epoll.poll, self.now(), self._awake
        if self._is_brisk:
            until = began + min(awake, patience) if patience >= 0 else began + awake
            events = poll(0, _MOST_EVENTS)
            while not events and self.now() < until:
                sched_yield()
                events = poll(0, _MOST_EVENTS)
            if events:
                return events
        events = poll(patience, _MOST_EVENTS)
        self._is_brisk = self.now() - began < awake
        return events

    def _soonest(self) -> float | None:
        """Return when the first of all timers and clocks is due."""
        timers = self._timers
        while timers and timers[0][2].call is None:
            heapq.heappop(timers)
        soonest = timers[0][0] if timers else None
        for due, _ in self._clocks:
            when = due()
            if when is not None and (soonest is None or when < soonest):
                soonest = when
        return soonest

    def _patience(self, soonest: float | None, longest: float) -> float:
        if self._at_turn_end:
            return 0
        if soonest is None:
            return longest
        left = max(0.0, soonest - self.now())
        return left if longest < 0 else min(left, longest)

    def _tell_time(self, now: float) -> None:
        timers = self._timers
        while timers and timers[0][0] <= now:
            self._guarded(heapq.heappop(timers)[2].call)
        for due, tick in self._clocks:
            when = due()
            if when is not None and when <= now:
                self._guarded(partial(tick, now))

    def _guarded(self, call: Callable[[], None] | None) -> None:
        if call is None:
            return
        try:
            call()
        except Exception as problem:  # noqa: BLE001 - one client's trouble must not end the service
            self._on_error(problem)

    def close(self) -> None:
        """Give back what the loop itself holds."""
        if self._woken is not None and self._waker is not None:
            signal.set_wakeup_fd(-1)
            self.forget(self._woken.fileno())
            self._woken.close()
            self._waker.close()
        for number, former in self._former_signals.items():
            signal.signal(number, former)
        self._epoll.close()
