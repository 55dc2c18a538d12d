"""``kuma-dns serve`` as a process of its own, looked at from outside: what it logs, counts, holds.

It listens at free ports of the loopback interface of whichever host the caller is on, and its
first line of log says which.  It runs as root without root's capabilities: a process that
changes its user forgets that it wished to die with its parent (prctl(2)), and root without
capabilities may read no more than any owner of files.

Whoever leaves the ``with`` block is told of every exception that the server did not expect.
"""

from __future__ import annotations

import json
import os
import resource
import signal
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.host import PERSONAL, fork_here
from lab.processes import eventually
from lab.programs import PROGRAMS
from lab.system import CAP_SYS_RESOURCE, forbid

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

STARTS_WITHIN = 20.0
"""Seconds; 0.3 on an idle machine."""
ENDS_WITHIN = 15.0
LOOPBACK = "127.0.0.1"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class DnsServer:
    """A server that runs as long as its ``with`` block; ``port`` is its own, for UDP and TCP.

    ``folder`` is where its log goes.  ``descriptors`` bounds what it may open.
    """

    def __init__(self, folder: Path, *options: str, descriptors: int = 0) -> None:
        """Keep how to start it; options stand behind the usual ones."""
        self.pid = self.port = self.http = 0
        self.status: int | None = None
        self._log = folder / "kuma-dns.log"
        listen = ("--listen", f"{LOOPBACK}:0", "--http", f"{LOOPBACK}:0", "--user", "0")
        self._words = (PROGRAMS["kuma-dns"], "serve", *listen, *options)
        self._descriptors = descriptors

    def __enter__(self) -> Self:
        """Start it and wait until it listens."""
        self._log.unlink(missing_ok=True)
        self.pid = fork_here(self._become)
        if not eventually(lambda: self._listens() or self._has_ended(), STARTS_WITHIN):
            self._kill()
            raise TimeoutError(f"kuma-dns does not listen: {self.text()}")
        if self.status is not None:
            raise ChildProcessError(f"kuma-dns ended with {self.status}: {self.text()}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it at once; raises AssertionError if it met what it did not expect."""
        self._kill()
        problems = self.events("problem")
        if kind is None and problems:
            raise AssertionError(f"kuma-dns met what it did not expect: {problems[:3]}")

    def _become(self) -> None:
        """In the child: become the server."""
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 1 << 16)
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

    def _has_ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def _kill(self) -> None:
        if not self._has_ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -signal.SIGKILL

    def tell(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self) -> int:
        """Wait until it has ended, and return its exit status; raises TimeoutError."""
        if not eventually(self._has_ended, ENDS_WITHIN):
            raise TimeoutError(f"kuma-dns does not end: {self.text()}")
        assert self.status is not None
        return self.status

    # --- what it says ---------------------------------------------------------------------------

    def text(self) -> str:
        """Return what it has printed."""
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def events(self, *names: str) -> list[dict[str, Any]]:
        """Return what it has logged, or the events of some names."""
        lines = [line for line in self.text().split("\n")[:-1] if line.startswith("{")]
        logged: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [event for event in logged if not names or event["event"] in names]

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of one of its pages."""
        connection = HTTPConnection(LOOPBACK, self.http, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """Return the value of a series, 0 where there is none; labels belong to the name."""
        _, text = self.get("/metrics")
        values = [line.rpartition(" ")[2] for line in text.splitlines() if _is_of(line, name)]
        return sum(map(float, values))

    def await_ready(self) -> None:
        """Wait until it has names; raises TimeoutError."""
        if not eventually(lambda: self.get("/ready")[0] == 200, STARTS_WITHIN):
            raise TimeoutError(f"kuma-dns has no names: {self.text()}")

    # --- what it holds --------------------------------------------------------------------------

    def memory(self) -> int:
        """Return the bytes of memory that are its own or shared: RSS."""
        return int(self._proc("statm").split()[1]) * _PAGE

    def processor(self) -> float:
        """Return the seconds of processor time it has used."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def wakings(self) -> int:
        """Return how often it has gone to sleep by itself (proc(5): voluntary_ctxt_switches)."""
        lines = dict(line.split(":", 1) for line in self._proc("status").splitlines())
        return int(lines["voluntary_ctxt_switches"])

    def descriptors(self) -> int:
        """Return how many descriptors it holds."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def _proc(self, name: str) -> str:
        return Path(f"/proc/{self.pid}/{name}").read_text(encoding="utf-8")


def _is_of(line: str, name: str) -> bool:
    return line.startswith((name + " ", name + "{") if "{" not in name else name)
