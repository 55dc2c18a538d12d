"""A word to the process that undoes a change unless it is confirmed (``watcher``).

One word goes each way over an abstract socket of the network namespace: ``confirm``,
``supersede`` (a later change makes the former one moot) or ``status``; the answer is the number
of milliseconds that were left.  Every install says its word, so this is apart from the rest.
"""

from __future__ import annotations

from kuma_net.errors import HostError
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Literal, TypeAlias

    Word: TypeAlias = Literal["confirm", "supersede", "status"]

NAME = b"\0kuma-net/confirm"
PATIENCE = 2.0
"""Seconds that either side waits for the other's word."""


class Pending(Record):
    """A change that waits to be confirmed, and the seconds it has left."""

    seconds: float


def ask(word: Word, name: bytes = NAME) -> Pending | None:
    """Say a word to the watcher of this network namespace; None when there is none.

    After ``confirm`` and ``supersede`` the change stays.  A process of another user that holds
    the name is no watcher of ours; only ``confirm`` complains of it.  Raises HostError, also
    when the watcher is undoing the change at this moment.
    """
    import _socket

    line = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    line.settimeout(PATIENCE)
    try:
        line.connect(name)
        holder = peer(line)
        if holder != own_uid():
            if word == "confirm":
                raise HostError(f"it is for user id {holder} to confirm: ask as that user")
            return None
        line.send(word.encode())
        answer = line.recv(32)
    except ConnectionRefusedError:
        return None
    except OSError as problem:
        raise HostError(f"no word from the process that guards the change: {problem}") from problem
    finally:
        line.close()
    if not answer.isdigit():
        raise HostError("too late: the change is being rolled back")
    return Pending(int(answer) / 1000)


def peer(line: _socket.socket) -> int:
    """Return the user id at the other end, as it was when it connected or listened."""
    import _socket
    from _struct import unpack

    found = line.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    return int(unpack("3i", found)[1]) & 0xFFFFFFFF


def own_uid() -> int:
    """Return the user id that counts for a socket's peer."""
    import posix

    return posix.geteuid()
