"""A program of ours that stays, as a process of its own: what it logs, what its pages say, its end.

Who it is says a subclass.  Whoever leaves the ``with`` block is told of every exception that the
program did not expect.
"""

from __future__ import annotations

import json
import os
import signal
from abc import ABC, abstractmethod
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.host import fork_here
from lab.processes import eventually

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

LOOPBACK = "127.0.0.1"


class Daemon(ABC):
    """A program that runs as long as its ``with`` block; it dies with this process.

    ``log`` is where its words go; ``patience`` the seconds in which it must end when it should.
    """

    def __init__(self, name: str, log: Path, patience: float) -> None:
        """Keep how to speak of it."""
        self.pid = 0
        self.status: int | None = None
        self._name = name
        self._log = log
        self._patience = patience

    def __enter__(self) -> Self:
        """Start it."""
        self.pid = fork_here(self._begin)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it at once; raises AssertionError if it met what it did not expect."""
        self.kill()
        problems = self.events("problem")
        if kind is None and (problems or "Traceback" in self.text()):
            raise AssertionError(
                f"{self._name} met what it did not expect: {problems[:3] or self.text()}"
            )

    def _begin(self) -> None:
        """In the child: have no file but the log, and become the program."""
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.closerange(3, 1 << 16)
        self._become()

    @abstractmethod
    def _become(self) -> None:
        """In the child: become the program."""

    @abstractmethod
    def _pages(self) -> int:
        """Return the port of its pages."""

    # --- its end --------------------------------------------------------------------------------

    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def kill(self) -> None:
        """End it at once."""
        if not self.has_ended():
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.status = -signal.SIGKILL

    def tell(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def end(self) -> int:
        """Wait until it has ended, and return its exit status; raises TimeoutError."""
        if not eventually(self.has_ended, self._patience):
            raise TimeoutError(f"{self._name} does not end: {self.text()}")
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
        return [event for event in logged if not names or event.get("event") in names]

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of one of its pages."""
        connection = HTTPConnection(LOOPBACK, self._pages(), timeout=10)
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

    # --- what it holds and does -----------------------------------------------------------------

    def wakings(self) -> int:
        """Return how often it has gone to sleep by itself (proc(5): voluntary_ctxt_switches)."""
        lines = dict(line.split(":", 1) for line in self.proc("status").splitlines())
        return int(lines["voluntary_ctxt_switches"])

    def proc(self, name: str) -> str:
        """Return what the kernel tells of it: a file below /proc/PID."""
        return Path(f"/proc/{self.pid}/{name}").read_text(encoding="utf-8")


def _is_of(line: str, name: str) -> bool:
    return line.startswith((name + " ", name + "{") if "{" not in name else name)
