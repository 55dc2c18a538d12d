"""The client and the upstream server of the DNS measurements: compiled, run, read.

They are written in C (``dns_flood.c``, ``dns_upstream.c``): a client in Python would be the
bottleneck.  They are compiled into the temporary folder of the run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from measuring import run

HERE = Path(__file__).parent
WINDOW = 128
"""Questions under way in a flood: they fit into every server's socket buffer as the kernel makes
it (net.core.rmem_default: 208 KiB hold 277 small packets)."""


class Outcome(NamedTuple):
    """What the client found; times in microseconds unless they say seconds."""

    sent: int
    answered: int
    wrong: int
    lost: int
    turned: int
    seconds: float
    last_came: float
    p50: float
    p99: float
    worst: float
    pause: float

    @property
    def rate(self) -> float:
        """Right answers per second."""
        return self.answered / self.seconds if self.seconds else 0.0


def compiled(name: str, folder: Path) -> Path:
    """Compile a program of this folder; SystemExit says what failed."""
    if shutil.which("cc") is None:
        raise SystemExit("no C compiler: install Debian's package gcc")
    program = folder / name
    run(["cc", "-O2", "-std=gnu11", "-o", str(program), str(HERE / f"{name}.c")])
    return program


class Stand(NamedTuple):
    """Where everything is measured: a folder, the compiled client, the servers' core."""

    folder: Path
    program: Path
    core: int

    @property
    def log(self) -> Path:
        """Where servers write what they have to say."""
        return self.folder / "log"


Asking = AbstractContextManager[subprocess.Popen[str]]
"""A client at work; ``outcome`` has what it found."""


class Client:
    """Asks the questions of one file."""

    def __init__(self, stand: Stand, questions: Path) -> None:
        """Keep both; no question has been asked."""
        self._command = [str(stand.program)]
        self._questions = str(questions)

    def flood(self, port: int, seconds: float, *, first: int = 0, unique: int = 0) -> Outcome:
        """Ask as fast as answers come, beginning with question ``first``."""
        with self._asking("flood", port, (first, unique), (seconds, WINDOW)) as asking:
            return outcome(asking)

    def pace(self, port: int, seconds: float, rate: int) -> Outcome:
        """Ask at a rate per second, whatever comes back."""
        with self.pacing(port, seconds, rate) as asking:
            return outcome(asking)

    def until_answered(self, port: int, seconds: float) -> Outcome:
        """Ask the first question until it is answered."""
        with self.trying(port, seconds) as asking:
            return outcome(asking)

    def pacing(self, port: int, seconds: float, rate: int) -> Asking:
        """Ask at a rate while something else is done."""
        return self._asking("pace", port, (0, 0), (seconds, rate))

    def trying(self, port: int, seconds: float) -> Asking:
        """Ask the first question until it is answered, while something else is done."""
        return self._asking("until", port, (0, 0), (seconds, 0))

    @contextmanager
    def _asking(
        self, how: str, port: int, first: tuple[int, int], last: tuple[float, int]
    ) -> Iterator[subprocess.Popen[str]]:
        words = [how, port, self._questions, *first, *last]
        command = [*self._command, *map(str, words)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()


def outcome(asking: subprocess.Popen[str]) -> Outcome:
    """Wait for the end of a client and return what it found."""
    said, _ = asking.communicate()
    if asking.returncode:
        raise SystemExit(f"the client ended with {asking.returncode}")
    return Outcome(**json.loads(said))
