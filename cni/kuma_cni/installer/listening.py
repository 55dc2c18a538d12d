"""The socket that plugins send their log lines to: what they say is printed and counted.

A plugin is gone before anybody could ask it anything; this is how ``kubectl logs`` of the installer
shows what it did.  A line is a datagram, so nothing can be read half.  Plugins run as root, and
so does everybody who may write to the socket (0600); still a line holds text from pods, so only
what is JSON is printed as it is, in ASCII, on one line.

Printing never waits: what standard error has no room for is dropped and counted.

A new installer takes the socket's name over by rename(2); what the former one had received is
read by it to the end, since a datagram belongs to a socket and not to a name.
"""

from __future__ import annotations

import json
import os
import select
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kuma_cni.installer.files import as_host_error

if TYPE_CHECKING:
    from kuma_cni.installer.counts import Counts
    from kuma_net.serving.loop import Loop

LONGEST: Final = 4096
"""Bytes of a line: what a pipe takes in one piece (PIPE_BUF)."""
MOST: Final = 64
"""Lines of one turn of the loop: others get their time as well."""
_BUFFER: Final = 1 << 20
"""Bytes that the kernel keeps of what we have not read yet: 64 pods may start at once."""
LONGEST_CALL: Final = 86_400_000
"""Milliseconds: what is said to have taken longer is no call of a plugin."""
STDERR: Final = 2


class LogSocket:
    """Receives and prints."""

    def __init__(self, path: str, loop: Loop, counts: Counts, descriptor: int = STDERR) -> None:
        """Listen at ``path``, whose folder is made if need be; raises HostError."""
        self.path = path
        self._loop = loop
        self._counts = counts
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            with as_host_error(path):
                self._inode = self._bind()
        except BaseException:
            self._socket.close()
            raise
        loop.on_readable(self._socket.fileno(), self._hear)

    def _bind(self) -> int:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        Path(self.path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        unnamed = f"{self.path}.{os.getpid()}"
        Path(unnamed).unlink(missing_ok=True)
        former = os.umask(0o177)
        try:
            self._socket.bind(unnamed)
        finally:
            os.umask(former)
        Path(unnamed).rename(self.path)
        return Path(self.path).lstat().st_ino

    def _hear(self) -> None:
        for _ in range(MOST):
            try:
                line = self._socket.recv(LONGEST + 1)
            except OSError:
                return
            self._take(line)

    def _take(self, line: bytes) -> None:
        event = read_event(line)
        if event is None or not self._print(event):
            self._counts.lines["dropped"] += 1
            return
        self._counts.lines["printed"] += 1
        took = event.get("took_ms")
        if "verb" in event and isinstance(took, int | float) and 0 <= took <= LONGEST_CALL:
            self._counts.count_call(str(event["verb"]), bool(event.get("error")), took / 1000)

    def _print(self, event: dict[str, Any]) -> bool:
        ready = self._room.poll(0)
        if not ready or not ready[0][1] & select.POLLOUT:
            return False
        try:
            text = json.dumps(event, allow_nan=False)  # what Python reads and JSON does not know
            os.write(self._descriptor, text.encode()[:LONGEST] + b"\n")
        except (OSError, ValueError):
            return False
        return True

    def close(self) -> None:
        """Listen no longer; the name goes unless a successor has taken it."""
        self._hear()
        self._loop.forget(self._socket.fileno())
        self._socket.close()
        with suppress(OSError):
            if Path(self.path).lstat().st_ino == self._inode:
                Path(self.path).unlink()


def somebody_listens(path: str) -> bool:
    """Whether an installer runs that plugins can send their lines to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as plugin:
        try:
            plugin.connect(path)
        except OSError:  # no socket, or one that its owner left when she was killed
            return False
    return True


def read_event(line: bytes) -> dict[str, Any] | None:
    """Return what a plugin said; None where it is nothing that one could print."""
    if len(line) > LONGEST:
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
