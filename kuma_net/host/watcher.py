"""A process that undoes a change unless somebody confirms it in time.

Theory.  Whoever changes the rules of a machine from afar may cut off the very terminal she
types in.  So the order is: first start a process that knows how to undo, then change, then
let a person who is still there say so.

* The watcher is a grandchild in a session of its own, so neither the terminal's end (SIGHUP) nor
  its keys reach it, and ``init`` is its parent.  It keeps none of our files open: a pipe behind
  our output would otherwise wait for it.  A fork, not a new program, because it must hold the
  former ruleset, be in the same network namespace, and start nothing when the machine is in
  trouble.  SIGTERM (log-out with KillUserProcesses, shut-down) makes it undo at once.
* It listens on an abstract socket (unix(7)).  Such names are kept per network namespace, which
  is exactly the scope of what is pending, and need no writable file system.  They have no
  permissions either: the watcher serves only peers with its own user id (SO_PEERCRED), and who
  asks checks the watcher the same way, as anybody may have taken the name first.
* A clock that runs on while the machine is suspended (CLOCK_BOOTTIME) decides.
* If the changing process dies halfway, nobody tells the watcher that it may go: it undoes at its
  time, which is why ``undo`` must be safe to do when nothing was changed.

What is said over the socket is in ``pending``.
"""

from __future__ import annotations

from kuma_net.errors import HostError
from kuma_net.host.pending import NAME, PATIENCE, ask, own_uid, peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket
    from typing import NoReturn

TRIES = 5
PAUSE = 1.0
"""Seconds between two tries to undo."""
LONGEST_NAP = 5.0
"""Seconds: how late the end of a suspension may be noticed."""
_ARMED, _DISMISSED = b"a", b"d"


class AlreadyPending(HostError):
    """A change waits for its confirmation already; ``seconds`` are left to it."""

    def __init__(self, seconds: float) -> None:
        """Keep the time that is left."""
        self.seconds = seconds
        super().__init__(
            f"an earlier change waits for its confirmation, {seconds:.0f} s are left: "
            "confirm it (kuma-net confirm) or let it lapse"
        )


class Watcher:
    """The side of the process that makes the change."""

    def __init__(self, control: socket) -> None:
        """Keep the line to the watching process."""
        self._control = control

    def arm(self) -> None:
        """Say that the change is made: the time begins anew."""
        self._say(_ARMED)

    def dismiss(self) -> None:
        """Say that nothing was changed: the watcher goes without undoing anything."""
        self._say(_DISMISSED)

    def _say(self, word: bytes) -> None:
        try:
            self._control.send(word)
        except OSError as gone:
            message = "the process that guards this change is gone, nothing will undo it"
            raise HostError(message) from gone
        finally:
            if word == _DISMISSED:
                self._control.close()


def start(seconds: float, undo: Callable[[], None], name: bytes = NAME) -> Watcher:
    """Start a process that calls ``undo`` after ``seconds`` unless told otherwise.

    Raises AlreadyPending, and HostError when a stranger has taken the socket's name.
    """
    import os
    import socket

    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(name)
    except OSError as taken:
        listener.close()
        pending = ask("status", name)
        if pending is not None:
            raise AlreadyPending(pending.seconds) from taken
        raise HostError(f"cannot wait for a confirmation: {taken.strerror}") from taken
    listener.listen(8)
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        _become_watcher(listener, theirs, seconds, undo)
    os.waitpid(child, 0)
    listener.close()
    theirs.close()
    return Watcher(ours)


def _become_watcher(
    listener: socket,
    control: socket,
    seconds: float,
    undo: Callable[[], None],
) -> NoReturn:
    """In the child: leave the session, fork once more, watch; never return."""
    import os

    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        _let_go(listener.fileno(), control.fileno())
        if _watch(listener, control, seconds):
            _undo(undo)
    finally:
        os._exit(0)


def _let_go(*kept: int) -> None:
    """Drop the terminal, the working folder and every file but the two sockets.

    Objects of the parent that own a descriptor stay referenced from its frames, below ours
    on the stack, so none of them is closed a second time.
    """
    import os
    import signal

    os.chdir("/")
    nothing = os.open("/dev/null", os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    first = 3
    for descriptor in sorted(kept):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))
    for ignored in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)


class _Ended(Exception):
    """SIGTERM came: the way out of a wait."""


def _end(_number: int, _frame: object) -> None:
    raise _Ended


def _watch(listener: socket, control: socket, seconds: float) -> bool:
    """Wait for a word; whether the change is to be undone."""
    import select
    import signal

    deadline = _now() + seconds
    open_lines = [listener, control]
    try:
        signal.signal(signal.SIGTERM, _end)
        while (left := deadline - _now()) > 0:
            ready = select.select(open_lines, [], [], min(left, LONGEST_NAP))[0]
            if control in ready:
                word = control.recv(1)
                if word == _DISMISSED:
                    return False
                if word == _ARMED:
                    deadline = _now() + seconds
                else:  # the changing process has ended
                    open_lines.remove(control)
            if listener in ready and _serve(listener, deadline):
                return False
    except _Ended:
        pass
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return True


def _now() -> float:
    import time

    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _serve(listener: socket, deadline: float) -> bool:
    """Answer one caller; whether the change is to stay."""
    line, _ = listener.accept()
    line.settimeout(PATIENCE)
    try:
        if peer(line) != own_uid():
            return False
        word = line.recv(32).decode("ascii", "replace")
        if word not in {"confirm", "supersede", "status"}:
            return False
        line.send(str(max(0, round((deadline - _now()) * 1000))).encode())
    except OSError:  # whoever called has gone, or says nothing
        return False
    finally:
        line.close()
    return word != "status"


def _undo(undo: Callable[[], None]) -> None:
    """Undo, more than once if it must be; what came of it goes to the system log."""
    import syslog
    import time

    syslog.openlog("kuma-net", syslog.LOG_PID, syslog.LOG_DAEMON)
    for _ in range(TRIES):
        try:
            undo()
        except Exception as problem:  # noqa: BLE001 - whatever it is, trying again is all there is
            syslog.syslog(syslog.LOG_ERR, f"cannot roll the change back: {problem}")
            time.sleep(PAUSE)
        else:
            syslog.syslog(syslog.LOG_WARNING, "the change was not confirmed: rolled back")
            return
