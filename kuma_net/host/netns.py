"""Being in another network namespace for a while: setns(2), network_namespaces(7).

A network namespace belongs to a *thread*.  ``entered`` moves the calling thread only; sockets
keep the namespace in which they were made, threads started inside inherit it, and so do child
processes.  ``/proc/net`` and ``/proc/self`` speak of the thread group's leader, so this
project reads ``/proc/thread-self/net``.  Mounts do not change: ``/sys/class/net`` goes on
showing the interfaces of the namespace it was mounted in.

``os.setns`` exists from Python 3.12; before that libc's is called through ctypes.
"""

from __future__ import annotations

from kuma_net.errors import ConfigError, HostError, PermissionDenied, Violation
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

CLONE_NEWNET = 0x40000000
"""include/uapi/linux/sched.h."""
OWN = "/proc/thread-self/ns/net"
NOT_PERMITTED = (1, 13)
"""EPERM and EACCES (include/uapi/asm-generic/errno-base.h)."""


class NamespaceId(Record):
    """What makes a namespace itself and no other: device and inode of its file (ioctl_ns(2))."""

    device: int
    inode: int


def identity(path: str = OWN) -> NamespaceId:
    """Return which namespace a file stands for; raises OSError."""
    import posix

    found = posix.stat(path)
    return NamespaceId(found.st_dev, found.st_ino)


def entered(place: str | int) -> Entered:
    """Return a context in which this thread is in another network namespace.

    ``place`` is a file such as ``/run/netns/NAME``, or the id of a process in the namespace.
    Opening happens here, so that a wrong place is known before anything is done: raises
    ConfigError for a place that is no network namespace, PermissionDenied and HostError.
    """
    return Entered(place)


class Entered:
    """In the namespace between ``with`` and its end; afterwards in the one before."""

    def __init__(self, place: str | int) -> None:
        """Open both namespaces; see ``entered``."""
        self._there = _open(place)
        try:
            self._here = _open(OWN)
        except BaseException:
            _close(self._there)
            raise
        self._place = place

    def __enter__(self) -> Self:
        """Move this thread."""
        try:
            _setns(self._there)
        except OSError as problem:
            _close(self._there)
            _close(self._here)
            raise _refusal(self._place, problem) from problem
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Move back; failing that nothing later could be trusted, so HostError is raised."""
        try:
            _setns(self._here)
        except OSError as problem:
            raise HostError(
                f"cannot return to the network namespace we came from: {problem.strerror}"
            ) from problem
        finally:
            _close(self._there)
            _close(self._here)


def _open(place: str | int) -> int:
    import posix

    path = f"/proc/{place}/ns/net" if isinstance(place, int) else place
    try:
        return posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except (OSError, ValueError) as problem:
        raise _refusal(place, problem) from problem


def _close(descriptor: int) -> None:
    import posix

    posix.close(descriptor)


def _setns(descriptor: int) -> None:
    import os

    if hasattr(os, "setns"):
        os.setns(descriptor, CLONE_NEWNET)
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _refusal(place: str | int, problem: OSError | ValueError) -> ConfigError | HostError:
    """Tell a wrong place (the caller's) from a missing capability (the machine's)."""
    if isinstance(problem, OSError) and problem.errno in NOT_PERMITTED:
        return PermissionDenied("CAP_SYS_ADMIN", f"entering the network namespace of {place}")
    said = problem.strerror if isinstance(problem, OSError) else str(problem)
    if isinstance(place, int):
        wrong = f"no network namespace of a process with this id: {said}"
        return ConfigError([Violation("pid", str(place), "flag --pid", wrong)])
    wrong = f"not a network namespace: {said}"
    right = "give a file such as /run/netns/NAME or /proc/PID/ns/net"
    return ConfigError([Violation("netns", place, "flag --netns", wrong, right)])
