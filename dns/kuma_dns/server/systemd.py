"""What systemd hands over, and what it wants to hear: sd_listen_fds(3) and sd_notify(3).

Descriptors come as numbers from 3 on, as many as ``LISTEN_FDS`` says, if ``LISTEN_PID`` names
this process; ``LISTEN_FDNAMES`` has a name for each (``FileDescriptorName=`` of the socket unit).
UDP and TCP may be mixed in any order.  One called ``http`` is for metrics, all others are for DNS.

The variables are taken out of the environment, as sd_listen_fds(3) advises: whatever we start
would otherwise believe that they are for it.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Final

from kuma_net.errors import HostError
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import MutableMapping

FIRST: Final = 3
"""SD_LISTEN_FDS_START."""
HTTP: Final = "http"
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


class Inherited(Record):
    """The sockets of systemd, as they are to be used."""

    udp: tuple[socket.socket, ...] = ()
    tcp: tuple[socket.socket, ...] = ()
    http: tuple[socket.socket, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any for DNS."""
        return bool(self.udp or self.tcp)


def inherited(environ: MutableMapping[str, str], *, first: int = FIRST) -> Inherited:
    """Return the sockets handed over to this process; none of any kind where there are none.

    Raises ``HostError`` for a descriptor that cannot be served.
    """
    said = {name: environ.pop(name, "") for name in _VARIABLES}
    if said["LISTEN_PID"] != str(os.getpid()) or not said["LISTEN_FDS"].isdigit():
        return Inherited()
    count = int(said["LISTEN_FDS"])
    names = said["LISTEN_FDNAMES"].split(":") + [""] * count
    found: dict[str, list[socket.socket]] = {"udp": [], "tcp": [], "http": []}
    wrong = []
    for number, name in zip(range(first, first + count), names, strict=False):
        try:
            one = socket.socket(fileno=number)
        except OSError as problem:
            why = f"is no socket: {problem.strerror}"
        else:
            why = _why_not(one)
            kind = "udp" if one.type == socket.SOCK_DGRAM else "tcp"
            found[HTTP if name == HTTP and kind == "tcp" else kind].append(one)
        if why:
            wrong.append(f"systemd's descriptor {number} ({name or 'without a name'}) {why}")
    if wrong:
        for one in (one for some in found.values() for one in some):
            one.close()
        raise HostError("\n".join(wrong))
    return Inherited(*[tuple(found[kind]) for kind in ("udp", "tcp", "http")])


def _why_not(one: socket.socket) -> str:
    """Make a socket ready for use; return why it cannot be used, if so."""
    if one.family not in {socket.AF_INET, socket.AF_INET6}:
        return "is a socket of another family than IPv4 and IPv6"
    if one.type not in {socket.SOCK_DGRAM, socket.SOCK_STREAM}:
        return "is a socket for neither UDP nor TCP"
    listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if one.type == socket.SOCK_STREAM and not listens:
        return "is a TCP socket that does not listen; leave out Accept=yes"
    one.setblocking(False)  # noqa: FBT003 - the library's signature
    one.set_inheritable(False)
    return ""


class Notifier:
    """Tells systemd how we are; nobody is told where nobody asked (``NOTIFY_SOCKET``)."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        """Connect while we may; the service's own user may not reach the socket later."""
        path = environ.pop("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        if path.startswith(("/", "@")):
            one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            try:
                one.connect("\0" + path[1:] if path[0] == "@" else path)
            except OSError:
                one.close()
            else:
                self._socket = one

    def _tell(self, text: str) -> None:
        if self._socket is not None:
            try:
                self._socket.send(text.encode())
            except OSError:  # nobody listens any longer: that is no trouble of ours
                self.close()

    def ready(self, status: str) -> None:
        """Tell that the service is up (again), and one line about it for ``systemctl status``."""
        self._tell(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """Tell that a reload begins; ``ready`` ends it (Type=notify-reload wants the time)."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Tell that the service ends."""
        self._tell("STOPPING=1")

    def close(self) -> None:
        """Tell nobody any longer."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
