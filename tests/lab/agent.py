"""A process that does what it is told, in namespaces of its own.

How it works.  ``Agent`` forks.  The child prepares itself (unshares namespaces, mounts) and then
waits for calls: a function and its arguments go over a pipe, the result comes back.  Being a
fork, the child knows every module its parent had loaded.

Nothing can leak: the namespaces have no name, they live exactly as long as a process in them,
and the kernel kills that process (PR_SET_PDEATHSIG) when the one that forked it ends, be it by
SIGKILL.  A process that left its session and its parent on purpose (the watcher of an unconfirmed
change) is adopted by the agent and ends with it.

What surprised us: the end of file on the pipe would not do, since a second agent, forked later,
inherits the parent's end of the first one's pipe and keeps it open.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from lab.system import adopt_orphans, die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 60.0
"""Seconds a call may take; every call of the lab bounds itself far below."""


class CallError(Exception):
    """A function called in an agent raised: ``kind`` is the name of the exception's class."""

    def __init__(self, kind: str, message: str, trace: str = "") -> None:
        """Keep what was raised, in words; its class may not survive the pipe."""
        self.kind = kind
        self.message = message
        self.trace = trace
        super().__init__(f"{kind}: {message}\n{trace}")

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the three texts."""
        return CallError, (self.kind, self.message, self.trace)


class Agent:
    """A child process that runs functions for its parent, one at a time."""

    _alive = False

    def __init__(self, name: str, prepare: Callable[[], None]) -> None:
        """Fork, have the child run ``prepare`` first, and wait until it is ready."""
        self.name = name
        self._pipe, theirs = Pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _live(parent, theirs, prepare)
        theirs.close()
        self._alive = True
        self._answer(f"{name} could not be prepared", PATIENCE)

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` in the agent and return what it returns; raises CallError.

        Function, arguments and result must survive pickling: a function of a module, values.
        """
        self._pipe.send((function, args, kwargs))
        return cast("T", self._answer(f"{self.name}: {function.__name__}", PATIENCE))

    def _answer(self, what: str, patience: float) -> object:
        if not self._pipe.poll(patience):
            self.kill()
            raise TimeoutError(f"{what}: no answer within {patience:g} s")
        try:
            raised, value = self._pipe.recv()
        except (EOFError, ConnectionError) as lost:
            self.kill()
            raise CallError("EOFError", f"{what}: the agent died") from lost
        if raised:
            raise cast("CallError", value)
        return value

    def stop(self) -> None:
        """End the agent and wait for it: its children first, with their namespaces."""
        if not self._alive:
            return
        try:
            self._pipe.send(None)
            if self._pipe.poll(5.0):
                self._pipe.recv()
        except (EOFError, OSError):
            pass  # it died already, which is what we want
        self.kill()

    def kill(self) -> None:
        """End the agent at once; the kernel ends its children."""
        if self._alive:
            self._alive = False
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._pipe.close()


def _live(parent: int, pipe: Connection, prepare: Callable[[], None]) -> None:
    """Be the agent: prepare, then answer calls until told to end; never returns."""
    try:
        die_with_parent(parent)
        adopt_orphans()
        # A session of its own: the interrupt typed at the terminal is the parent's to handle.
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        pipe.send(_outcome(prepare, (), {}))
        while (request := pipe.recv()) is not None:
            pipe.send(_outcome(*request))
        _end_children()
        pipe.send((False, None))
    finally:
        os._exit(0)


def _outcome(
    function: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
) -> tuple[bool, object]:
    """Return (whether it raised, the result or a CallError), certain to survive the pipe."""
    try:
        value = function(*args, **kwargs)
        pickle.dumps(value)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent must hear of it
        return True, CallError(type(error).__name__, str(error), traceback.format_exc())
    return False, value


def _end_children() -> None:
    """Kill and reap every descendant of this process: the orphans of a child become its own."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    while children := [int(word) for word in listed.read_text(encoding="ascii").split()]:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
