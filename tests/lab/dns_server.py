"""``kuma-dns serve`` as a process of its own, looked at from outside: what it logs, counts, holds.

It listens at free ports of the loopback interface of whichever host the caller is on, and its
first line of log says which.  It runs as root without root's capabilities: a process that
changes its user forgets that it wished to die with its parent (prctl(2)), and root without
capabilities may read no more than any owner of files.
"""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

from lab.daemon import LOOPBACK, Daemon
from lab.host import PERSONAL
from lab.processes import eventually
from lab.programs import PROGRAMS
from lab.system import CAP_SYS_RESOURCE, forbid

if TYPE_CHECKING:
    from typing import Self

STARTS_WITHIN = 20.0
"""Seconds; 0.3 on an idle machine."""
ENDS_WITHIN = 15.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class DnsServer(Daemon):
    """A server that runs as long as its ``with`` block; ``port`` is its own, for UDP and TCP.

    ``folder`` is where its log goes.  ``descriptors`` bounds what it may open.
    """

    def __init__(self, folder: Path, *options: str, descriptors: int = 0) -> None:
        """Keep how to start it; options stand behind the usual ones."""
        super().__init__("kuma-dns", folder / "kuma-dns.log", ENDS_WITHIN)
        self.port = self.http = 0
        listen = ("--listen", f"{LOOPBACK}:0", "--http", f"{LOOPBACK}:0", "--user", "0")
        self._words = (PROGRAMS["kuma-dns"], "serve", *listen, *options)
        self._descriptors = descriptors

    def __enter__(self) -> Self:
        """Start it and wait until it listens."""
        self._log.unlink(missing_ok=True)
        super().__enter__()
        if not eventually(lambda: self._listens() or self.has_ended(), STARTS_WITHIN):
            self.kill()
            raise TimeoutError(f"kuma-dns does not listen: {self.text()}")
        if self.status is not None:
            raise ChildProcessError(f"kuma-dns ended with {self.status}: {self.text()}")
        return self

    def _become(self) -> None:
        """In the child: become the server."""
        if self._descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._descriptors,) * 2)
            forbid(CAP_SYS_RESOURCE)  # root with it may have more
        kept = {name: text for name, text in os.environ.items() if not name.startswith(PERSONAL)}
        os.execve(self._words[0], self._words, kept)  # noqa: S606 - no shell is wanted

    def _listens(self) -> bool:
        for event in self.events("listening"):
            self.port = int(event["addresses"][0].rpartition(":")[2])
            self.http = int((event["http"] or ":0").rpartition(":")[2])
        return self.port > 0

    def _pages(self) -> int:
        return self.http

    def await_ready(self) -> None:
        """Wait until it has names; raises TimeoutError."""
        if not eventually(lambda: self.get("/ready")[0] == 200, STARTS_WITHIN):
            raise TimeoutError(f"kuma-dns has no names: {self.text()}")

    # --- what it holds --------------------------------------------------------------------------

    def memory(self) -> int:
        """Return the bytes of memory that are its own or shared: RSS."""
        return int(self.proc("statm").split()[1]) * _PAGE

    def processor(self) -> float:
        """Return the seconds of processor time it has used."""
        fields = self.proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def descriptors(self) -> int:
        """Return how many descriptors it holds."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
