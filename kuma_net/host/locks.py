"""Two locks of the iptables world.

**The xtables lock** belongs to iptables-legacy and its kind: every writer holds flock(2) on
``/run/xtables.lock``, or on the file that ``XTABLES_LOCKFILE`` names (iptables 1.8.6 and
later), which our children inherit.  Where that file cannot be written (an init container's
read-only root) the network namespace's own file serves: its tables are what the lock guards,
and every process in the namespace can open it.  The nft flavour takes no lock; the kernel's
transactions stand in.

**Our own lock** makes read-decide-write-verify of one process one step towards our other
processes in the same network namespace.  It is a socket bound to an abstract name (unix(7)):
such names are kept per network namespace, need no file and vanish with their process.
"""

from __future__ import annotations

from kuma_net.errors import HostError
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

VARIABLE = "XTABLES_LOCKFILE"
DEFAULT = "/run/xtables.lock"
NAMESPACE = "/proc/self/ns/net"
"""Not thread-self: it is our child that opens it."""
NAME = b"\0kuma-net/iptables"
POLL = 0.01
"""Seconds between two looks at a lock that somebody holds."""


class LockFile(Record):
    """The file that iptables-legacy will lock, and the sentence to say when it is not usual."""

    path: str
    note: str = ""


def xtables_lock(environ: Mapping[str, str], default: str = DEFAULT) -> LockFile:
    """Return the lock file to use: XTABLES_LOCKFILE, else the usual one, else the namespace."""
    import posix

    if environ.get(VARIABLE):
        return LockFile(environ[VARIABLE])
    try:
        posix.close(posix.open(default, posix.O_RDONLY | posix.O_CREAT | posix.O_CLOEXEC, 0o600))
    except OSError as problem:
        note = (
            f"{default} cannot be opened ({problem.strerror}): "
            "the network namespace itself is locked instead"
        )
        return LockFile(NAMESPACE, note)
    return LockFile(default)


class Held:
    """Our own lock on this thread's network namespace, between ``with`` and its end."""

    def __init__(self, seconds: float, name: bytes = NAME) -> None:
        """Remember how long to wait for another holder."""
        self._seconds = seconds
        self._name = name

    def __enter__(self) -> Self:
        """Take it; HostError when it is still held after the time."""
        import _socket
        import errno
        import time

        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0)
        until = time.monotonic() + self._seconds
        while True:
            try:
                self._socket.bind(self._name)
            except OSError as problem:
                if problem.errno != errno.EADDRINUSE or time.monotonic() >= until:
                    self._socket.close()
                    raise HostError(
                        "another kuma-net is changing the iptables rules of this network "
                        f"namespace; waited {self._seconds:g} s"
                    ) from problem
                time.sleep(POLL)
            else:
                return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let go."""
        self._socket.close()
