"""Makes the table in a process of its own, so that no query waits for it.

Theory.  Making a table takes seconds of Python, and a thread would hold the interpreter's lock
for much of them.  A forked child has everything it needs (modules, settings, what was polled) at
the price of one fork, a millisecond or two.  It fills a memory file (memfd_create(2)), seals it so
that nobody can change or shrink it any more, and says on a socket what it found; the parent maps
the file and drops its former table.

What must be minded:

* the child has copies of all our descriptors.  As long as it keeps them, a connection that the
  parent closes is not closed; so they go first, at full priority, before anything else;
* then it makes itself small: it yields to everything else that runs on this core (the first table
  alone is waited for and hurries), and it is the first to go when memory runs out
  (oom_score_adj), since the server can do without it;
* it yields by nice(2), not by SCHED_IDLE: beside a server that is flooded an idle process gets 3
  parts of 1024 and would never end, one of nice 10 gets a tenth.  The price was measured: at 10,000
  queries a second half of the answers take 1 ms instead of 0.2 while it works, the worst 9 ms
  instead of 5; SCHED_IDLE leaves them as they are;
* it takes some 0.8 KB a name while it works, all given back at its end;
* dropping a table of 100 MB takes the kernel some ms.  The child inherited the mapping of the
  former table and waits until the parent has dropped its own: then the child is the last user,
  and those ms are spent in its exit, not in our loop;
* it ends by ``os._exit``: nothing that our process wants done at its end may happen in it;
* ``gc.freeze()`` once, when the server is up, keeps the collector from touching (and so copying)
  every page of the parent while a child runs.  The child itself collects nothing.
"""

from __future__ import annotations

import fcntl
import gc
import marshal
import mmap
import os
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from kuma_dns.names.table import Table
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_net.serving.loop import Loop

PATIENCE: Final = 600.0
"""Seconds a child may take: a million names are 12 of a whole core, but it may get a tenth."""
_REAP_FIRST: Final = 0.01
_REAP_LAST: Final = 1.0
"""Seconds between looks whether a child has gone."""
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_NICE: Final = 10
_READ_BYTES: Final = 1 << 16


class Report(Record):
    """What came of making a table.

    ``errors`` are why there is none (the former one stays); ``violations`` and ``warnings`` are
    about single names, a hundred of each source at most, ``counts`` has all numbers.  ``again``:
    the trouble lies with the machine, so the same attempt may succeed later.
    """

    errors: tuple[str, ...] = ()
    violations: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    counts: dict[str, int] = {}  # noqa: RUF012 - a Record's default, never written to
    again: bool = False


class Work(Record):
    """What a child does: ``make`` gives the block; ``descriptors`` are those it reads from.

    ``urgent``: it need not yield to the server, which can do little without the result.
    """

    make: Callable[[], tuple[bytes | bytearray, Report]]
    descriptors: tuple[int, ...] = ()
    urgent: bool = False


class Builder:
    """Runs one child at a time; several requests while one runs become one more run."""

    def __init__(
        self,
        loop: Loop,
        work: Callable[[], Work],
        on_done: Callable[[Table | None, Report], None],
        *,
        patience: float = PATIENCE,
    ) -> None:
        """Take what gives the work of each run (called here; the work is done in the child)."""
        self._loop = loop
        self._work = work
        self._on_done = on_done
        self._patience = patience
        self._run: _Run | None = None
        self._again = False
        self._gone: list[_Run] = []

    @property
    def running(self) -> bool:
        """Whether a child is at work."""
        return self._run is not None

    def request(self) -> None:
        """Make a table from what the sources say now."""
        if self._run is not None:
            self._again = True
            return
        work = self._work()
        try:
            self._run = _Run(self._loop, work, self._finished, self._patience)
        except OSError as problem:
            told = f"cannot start the process that makes the table: {problem.strerror}"
            self._on_done(None, Report((told,), again=True))

    def _finished(self, table: Table | None, report: Report) -> None:
        run, self._run = self._run, None
        self._on_done(table, report)
        self._gone = [gone for gone in self._gone if not gone.reaped]
        if run is not None:
            self._gone.append(run)
            run.let_go()
        if self._again:
            self._again = False
            self.request()

    def close(self) -> None:
        """End the child that runs, if any, and those that are about to go."""
        for gone in self._gone:
            gone.end()
        if self._run is not None:
            run, self._run = self._run, None
            run.give_up()
            run.end()


class _Run:
    """One child: from its start until it has been waited for."""

    def __init__(
        self,
        loop: Loop,
        work: Work,
        on_end: Callable[[Table | None, Report], None],
        patience: float,
    ) -> None:
        self._loop = loop
        self._on_end = on_end
        self._said = bytearray()
        self._patience = patience
        self.reaped = False
        self._memory = os.memfd_create("kuma-dns-names", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            self._socket, theirs = socket.socketpair()
        except OSError:
            os.close(self._memory)
            raise
        try:
            self._pid = os.fork()
        except OSError:
            for end in (self._socket, theirs):
                end.close()
            os.close(self._memory)
            raise
        if self._pid == 0:
            _become_builder(theirs.detach(), self._memory, work)
        theirs.close()
        self._socket.setblocking(False)  # noqa: FBT003 - the library's signature
        loop.on_readable(self._socket.fileno(), self._hear)
        self._timer = loop.at(loop.now() + patience, self._late)

    def _hear(self) -> None:
        """Take what the child says; the end of it is the end of its work."""
        try:
            piece = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if piece:
            self._said += piece
            return
        self._stop_listening()
        table, report = self._result()
        os.close(self._memory)
        self._on_end(table, report)

    def _result(self) -> tuple[Table | None, Report]:
        try:
            report = Report(*marshal.loads(self._said))  # noqa: S302 - our own child's words
            return (None if report.errors else _mapped(self._memory)), report
        except (EOFError, ValueError, TypeError, OSError) as problem:
            told = f"the process that makes the table died ({problem})"
            return None, Report((told,), again=True)

    def _late(self) -> None:
        """Give a child up that takes too long."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._stop_listening()
        os.close(self._memory)
        told = f"the process that makes the table took longer than {self._patience:g} s"
        self._on_end(None, Report((told,), again=True))

    def _stop_listening(self) -> None:
        self._loop.forget(self._socket.fileno())
        self._timer.cancel()

    def let_go(self) -> None:
        """Let the child end, now that the former table is no longer mapped here."""
        self._socket.close()
        self._reap(_REAP_FIRST)

    def _reap(self, pause: float) -> None:
        """Wait for the child without waiting."""
        with suppress(ChildProcessError):
            if not self.reaped and os.waitpid(self._pid, os.WNOHANG) == (0, 0):
                later = min(2 * pause, _REAP_LAST)
                self._loop.at(self._loop.now() + pause, lambda: self._reap(later))
                return
        self.reaped = True

    def give_up(self) -> None:
        """Hear the child no longer."""
        self._stop_listening()
        self._socket.close()
        os.close(self._memory)

    def end(self) -> None:
        """Kill the child and wait for it: the server itself ends."""
        if not self.reaped:
            self.reaped = True
            with suppress(ProcessLookupError, ChildProcessError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)


def _mapped(memory: int) -> Table:
    """Map what a child has made; ``ValueError`` if it could still be changed."""
    if fcntl.fcntl(memory, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        message = "its result is not sealed"
        raise ValueError(message)
    size = os.fstat(memory).st_size
    # MAP_PRIVATE: until Linux 6.7 even a read-only shared mapping of a sealed file is refused.
    return Table(mmap.mmap(memory, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ))


def _become_builder(line: int, memory: int, work: Work) -> NoReturn:
    """In the child: make the table, say so, wait until the parent has it; never return."""
    try:
        gc.disable()
        _let_go(line, memory, *work.descriptors)
        if not work.urgent:
            os.nice(_NICE)
        _be_first_to_go()
        block: bytes | bytearray = b""
        try:
            block, report = work.make()
        except Exception as problem:  # noqa: BLE001 - whatever it is, the parent must be told
            report = Report((f"{type(problem).__name__}: {problem}",))
        _write_all(memory, block)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
        told = tuple([getattr(report, field) for field in Report.__match_args__])
        with socket.socket(fileno=line) as parent:
            parent.sendall(marshal.dumps(told))
            parent.shutdown(socket.SHUT_WR)
            parent.recv(1)
    finally:
        os._exit(0)


def _let_go(*kept: int) -> None:
    """Drop every descriptor but some, and our handlers of signals."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_DFL)
    first = 0
    for descriptor in sorted(kept):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _be_first_to_go() -> None:
    """Leave memory to the server: it can do without this child."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123 - lean
        score.write("1000")


def _write_all(descriptor: int, block: bytes | bytearray) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
