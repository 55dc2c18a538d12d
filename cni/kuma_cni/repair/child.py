"""A process that does one piece of work for the loop and is thrown away.

Why a process, of a service that has one thread.  Looking after pods means entering their network
namespaces, waiting for sockets of other programs, and reading what they say.  A thread that failed
to come back from a pod's namespace would be a disaster if it were the loop's, and cannot be ended
if it is another's; one that hangs in a call cannot be ended at all.  A forked process can be killed
at any moment, takes whatever it had entered, opened and allocated along, and costs a millisecond
or two.  The rules themselves are one netlink transaction, so a kill leaves all of them or none.

What must be minded:

* it has copies of all our descriptors: they go first, or ports and sockets stay taken after us;
* it has our handlers of signals and the loop's wake-up socket: they go, too;
* it must not outlive us (PR_SET_PDEATHSIG), as nobody would end it then;
* its end is heard by a pidfd (pidfd_open(2)), so that waiting for it never waits.
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_net.serving.loop import Loop, Timer

    Say = Callable[[bytes], None]
    Work = Callable[[Say], None]

PR_SET_PDEATHSIG: Final = 1
"""include/uapi/linux/prctl.h."""
_NICE: Final = 10
_READ: Final = 1 << 16
_STDERR: Final = 2
_LONGEST_REASON: Final = 500
_FAILED: Final = 1

_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """One child, from its fork until it has been waited for."""

    def __init__(
        self,
        loop: Loop,
        work: Work,
        on_line: Callable[[bytes], None],
        on_end: Callable[[str], None],
    ) -> None:
        """Fork; ``work`` gets a function that sends a line to ``on_line``.

        ``on_end`` hears how it ended, once: nothing when all went well, else a clause: what the
        work raised, or the signal that ended it.  Raises OSError when there can be no child.
        """
        self._loop = loop
        self._on_line = on_line
        self._on_end = on_end
        self._said = bytearray()
        self._timer: Timer | None = None
        self._late = ""
        self._pipe, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        parent = os.getpid()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(self._pipe)
            os.close(theirs)
            raise
        if self.pid == 0:
            _become(theirs, parent, work)
        os.close(theirs)
        self._ended = os.pidfd_open(self.pid)
        loop.on_readable(self._pipe, self._listen)
        loop.on_readable(self._ended, self._finish)

    def end_after(self, seconds: float) -> None:
        """Kill it when it takes longer."""
        told = f"it took longer than {seconds:g} s"
        self._timer = self._loop.at(self._loop.now() + seconds, lambda: self._kill(told))

    def close(self) -> None:
        """Kill it, wait for it, and tell nobody."""
        self._on_line = self._on_end = _tell_nobody
        self._kill("")
        self._finish()

    def _kill(self, told: str) -> None:
        self._late = told
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def _listen(self) -> None:
        self._hear()

    def _hear(self) -> bool:
        """Take what was said; whether there may be more."""
        try:
            piece = os.read(self._pipe, _READ)
        except BlockingIOError:
            return False
        if not piece:
            self._loop.forget(self._pipe)
            return False
        *lines, rest = (bytes(self._said) + piece).split(b"\n")
        self._said = bytearray(rest)
        for line in lines:
            self._on_line(line)
        return True

    def _finish(self) -> None:
        """Wait for what has ended, and tell."""
        while self._hear():
            pass
        if self._timer is not None:
            self._timer.cancel()
        for descriptor in (self._pipe, self._ended):
            self._loop.forget(descriptor)
            os.close(descriptor)
        _, status = os.waitpid(self.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        told = "" if code == 0 else self._late or self._said.decode("utf-8", "replace")
        self._on_end(told or (f"signal {-code} ended it" if code else ""))


def _tell_nobody(_said: bytes | str) -> None:
    """Take the place of whoever listened."""


def _become(line: int, parent: int, work: Work) -> NoReturn:
    """In the child: do the work, never return; what it raised is the last line, an open one."""
    status = _FAILED
    try:
        _let_go(line, parent)
        os.set_blocking(line, True)
        try:
            work(lambda text: _write_all(line, text))
            status = 0
        except Exception as problem:  # noqa: BLE001 - whatever it is, the parent must be told
            told = str(problem) or type(problem).__name__
            _write_all(line, told.replace("\n", "; ")[:_LONGEST_REASON].encode())
    finally:
        os._exit(status)


def _let_go(kept: int, parent: int) -> None:
    """Drop the parent's signals and every descriptor but one and the standard error."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before it could be heard of
        os._exit(_FAILED)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    first = 0
    for descriptor in sorted({kept, _STDERR}):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
    os.nice(_NICE)


def _write_all(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
