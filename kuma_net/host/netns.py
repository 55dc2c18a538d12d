"""Being in another network namespace for a while: setns(2), network_namespaces(7).

A network namespace belongs to a *thread*.  ``entered`` moves the calling thread only; sockets
keep the namespace in which they were made, threads started inside inherit it, and so do child
processes.  ``/proc/net`` and ``/proc/self`` speak of the thread group's leader, so this
project reads ``/proc/thread-self/net``.  Mounts do not change: ``/sys/class/net`` goes on
showing the interfaces of the namespace it was mounted in.

Where there is no /proc, our own namespace is had from a socket made in it (ioctl SIOCGSKNS).
``os.setns`` exists from Python 3.12 only, so the C library's is called (``host.libc``).
"""

from __future__ import annotations

from kuma_net.errors import ConfigError, HostError, PermissionDenied, Violation
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

OWN = "/proc/thread-self/ns/net"
NOT_PERMITTED = (1, 13)
"""EPERM and EACCES (include/uapi/asm-generic/errno-base.h)."""


class NamespaceId(Record):
    """What makes a namespace itself and no other: device and inode of its file (ioctl_ns(2))."""

    device: int
    inode: int


def identity(place: str | int = OWN) -> NamespaceId:
    """Return which namespace a file, or a descriptor, stands for; raises OSError."""
    import posix

    found = posix.stat(place)
    return NamespaceId(found.st_dev, found.st_ino)


def may_enter() -> bool:
    """Whether this process may enter network namespaces: tried with its own, which changes nothing.

    Raises HostError where our own cannot be had.
    """
    here = _own()
    try:
        _move(here)
    except OSError:
        return False
    finally:
        _close(here)
    return True


def entered(place: str | int) -> Entered:
    """Return a context in which this thread is in another network namespace.

    ``place`` is a file such as ``/run/netns/NAME``, or the id of a process in the namespace.
    Opening happens here, so that a wrong place is known before anything is done: raises
    ConfigError for a place that is no network namespace, PermissionDenied and HostError.
    """
    return Entered(place)


class Entered:
    """In the namespace between ``with`` and its end; afterwards in the one before.

    ``there`` and ``here`` are descriptors of the two.
    """

    def __init__(self, place: str | int) -> None:
        """Open both namespaces; see ``entered``."""
        self.there = _open(place)
        try:
            self.here = _own()
        except BaseException:
            _close(self.there)
            raise
        self._place = place

    def close(self) -> None:
        """Let go of both without having been there."""
        _close(self.there)
        _close(self.here)

    def __enter__(self) -> Self:
        """Move this thread."""
        try:
            _move(self.there)
        except OSError as problem:
            self.close()
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
            _move(self.here)
        except OSError as problem:
            raise HostError(
                f"cannot return to the network namespace we came from: {problem.strerror}"
            ) from problem
        finally:
            self.close()


def _open(place: str | int) -> int:
    """Open a file that may be anything: opening a pipe, for one, must not wait for a writer."""
    import posix

    path = f"/proc/{place}/ns/net" if isinstance(place, int) else place
    try:
        flags = posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK | posix.O_NOCTTY
        return posix.open(path, flags)
    except (OSError, ValueError) as problem:
        raise _refusal(place, problem) from problem


def _own() -> int:
    """Open our own namespace, with /proc or without."""
    import posix

    try:
        return posix.open(OWN, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, socket

        from kuma_net.host.libc import SIOCGSKNS, ioctl

        probe = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
    try:
        return ioctl(probe.fileno(), SIOCGSKNS)
    except OSError as problem:
        raise HostError(
            f"our own network namespace cannot be had without /proc: {problem.strerror}"
        ) from problem
    finally:
        probe.close()


def _move(descriptor: int) -> None:
    from kuma_net.host.libc import CLONE_NEWNET, setns

    setns(descriptor, CLONE_NEWNET)


def _close(descriptor: int) -> None:
    import posix

    posix.close(descriptor)


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
