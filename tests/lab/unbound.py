"""unbound beside us, with the same names, and a recursive server that both of them forward to."""

from __future__ import annotations

import os
import signal
import socket
from threading import Thread
from typing import TYPE_CHECKING

from lab.daemon import LOOPBACK
from lab.dns_asking import framed
from lab.host import fork_here
from lab.names import Zone
from lab.processes import eventually
from lab.programs import find_server

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

UNBOUND = find_server("unbound")
AA, RA = 4, 0x80
"""Bits of the third and the fourth byte of a header."""

CONF = """server:
  interface: 127.0.0.1
  port: {port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  num-threads: 1
  module-config: "iterator"
  minimal-responses: no
  qname-minimisation: no
  do-not-query-localhost: no
  rrset-roundrobin: no
  local-zone: "d.f.ip6.arpa." nodefault
{names}
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""


class Unbound:
    """A server that runs as long as its ``with`` block; ``port`` is its own, for UDP and TCP."""

    def __init__(self, folder: Path, names: str, upstream: int) -> None:
        """Write its configuration: ``names`` are its lines of local data."""
        self.port = free_port()
        self._pid = 0
        self._log = folder / "unbound.log"
        self._conf = folder / "unbound.conf"
        conf = CONF.format(port=self.port, folder=folder, names=names, upstream=upstream)
        self._conf.write_text(conf, encoding="ascii")

    def __enter__(self) -> Self:
        """Start it and wait until it listens."""
        self._pid = fork_here(self._become)
        if not eventually(self._listens):
            self._kill()
            raise TimeoutError(f"unbound does not listen: {self._log.read_text()}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self._kill()

    def _become(self) -> None:
        """In the child: become the server."""
        assert UNBOUND is not None
        words = (UNBOUND, "-d", "-c", str(self._conf))
        os.execv(UNBOUND, words)  # noqa: S606 - no shell is wanted

    def _listens(self) -> bool:
        with socket.socket() as one:
            return one.connect_ex((LOOPBACK, self.port)) == 0

    def _kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def free_port() -> int:
    """Return a port that was free a moment ago, for UDP and TCP."""
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


class Recursive:
    """A recursive server that answers from a zone's text by UDP and TCP, until ``close``.

    It is a process of its own: who has threads should not fork.
    """

    def __init__(self, text: str) -> None:
        """Begin to serve."""
        self._zone = Zone(text)
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listening.getsockname()[1])
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.bind((LOOPBACK, self.port))
        self._pid = fork_here(self._serve)
        self._listening.close()
        self._datagrams.close()

    def close(self) -> None:
        """End it."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def _answer(self, packet: bytes, *, tcp: bool) -> bytes:
        answer = bytearray(self._zone.answer(packet, tcp=tcp))
        answer[2] &= ~AA
        answer[3] |= RA
        return bytes(answer)

    def _serve(self) -> None:
        """In the child: answer."""
        Thread(target=self._accept, daemon=True).start()
        while True:
            packet, peer = self._datagrams.recvfrom(4096)
            self._datagrams.sendto(self._answer(packet, tcp=False), peer)

    def _accept(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            Thread(target=self._serve_stream, args=(connection,), daemon=True).start()

    def _serve_stream(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while head := stream.read(2):
                packet = stream.read(int.from_bytes(head, "big"))
                connection.sendall(framed(self._answer(packet, tcp=True)))
