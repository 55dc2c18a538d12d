"""Clients: send many packets at once, each as the user it is to come from; learn where they land.

All connections of a call are opened first and awaited together, so a table of fifty rows waits
for its slowest row and not for the sum.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from typing import TYPE_CHECKING, TypeAlias

from kuma_net.record import Record
from lab.servers import Landing, decode, effective

if TYPE_CHECKING:
    from collections.abc import Sequence

PATIENCE = 10.0
"""Seconds for an answer that must come: a lab under load may be slow, it is never lossy."""
GRACE = 0.7
"""Seconds after which silence means lost, for packets that are expected to be."""

LOST = "lost"
REFUSED = "refused"
UNREACHABLE = "unreachable"

Outcome: TypeAlias = Landing | str
"""Where a packet landed, or LOST, REFUSED (a reset, a port unreachable), UNREACHABLE."""


class Probe(Record):
    """One packet to send: from a user and perhaps an address, to an address and a port.

    ``source`` is ``("", 0)`` where the kernel is to choose; ``device`` binds to an interface.
    """

    proto: str
    destination: tuple[str, int]
    uid: int = 0
    gid: int = 0
    source: tuple[str, int] = ("", 0)
    patience: float = PATIENCE
    device: str = ""


def send_all(probes: Sequence[Probe]) -> tuple[Outcome, ...]:
    """Send every probe from this process's network and return the outcomes in order."""
    outcomes: dict[int, Outcome] = {}
    with selectors.DefaultSelector() as ready:
        for index, probe in enumerate(probes):
            opened = _open(probe)
            if isinstance(opened, str):
                outcomes[index] = opened
            else:
                ready.register(opened, selectors.EVENT_READ, index)
        start = time.monotonic()
        while ready.get_map():
            waited = time.monotonic() - start
            for key in list(ready.get_map().values()):
                if waited > probes[key.data].patience:
                    outcomes[key.data] = LOST
                    _finish(ready, key)
            for key, _ in ready.select(0.05):
                outcomes[key.data] = _outcome(key)
                _finish(ready, key)
    return tuple(outcomes[index] for index in range(len(probes)))


def send(probe: Probe) -> Outcome:
    """Send one probe."""
    return send_all((probe,))[0]


def _open(probe: Probe) -> socket.socket | str:
    family = socket.AF_INET6 if ":" in probe.destination[0] else socket.AF_INET
    kind = socket.SOCK_STREAM if probe.proto == "tcp" else socket.SOCK_DGRAM
    with effective(probe.uid, probe.gid):
        one = socket.socket(family, kind)
    one.settimeout(0)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if probe.device:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, probe.device.encode())
    try:
        if probe.source != ("", 0):
            one.bind(probe.source)
        refused = one.connect_ex(probe.destination)
        if probe.proto == "udp" and refused == 0:
            one.send(b"who is there?")
    except OSError as error:
        refused = error.errno or errno.EIO
    if refused in {0, errno.EINPROGRESS}:
        return one
    one.close()
    return _refusal(refused)


def _outcome(key: selectors.SelectorKey) -> Outcome:
    one = key.fileobj
    assert isinstance(one, socket.socket)
    try:
        line = one.recv(2048)
    except OSError as error:
        return _refusal(error.errno or errno.EIO)
    return decode(line) if line else REFUSED


def _refusal(number: int) -> str:
    if number in {errno.ENETUNREACH, errno.EHOSTUNREACH}:
        return UNREACHABLE
    if number in {errno.ECONNREFUSED, errno.ECONNRESET}:
        return REFUSED
    # nf_hook's verdict DROP in OUTPUT comes back as EPERM.
    return errno.errorcode.get(number, str(number))


def _finish(ready: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    ready.unregister(key.fileobj)
    assert isinstance(key.fileobj, socket.socket)
    key.fileobj.close()
