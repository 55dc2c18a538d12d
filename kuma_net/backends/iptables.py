"""The programs of iptables, run: text in, text out, each process counted."""

from __future__ import annotations

from kuma_net.backends.executables import find_tools
from kuma_net.errors import CommandError
from kuma_net.host import commands
from kuma_net.host.locks import VARIABLE, xtables_lock
from kuma_net.netfilter.saved_text import parse_saved
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kuma_net.backends.base import Kind
    from kuma_net.backends.executables import Tools
    from kuma_net.host.commands import CommandResult, Run
    from kuma_net.netfilter.saved_text import Saved
    from kuma_net.tproxy.config import Config
    from kuma_net.values import Family

PATIENCE = 60.0
"""Seconds a program may take on top of what it may wait for the lock."""


def _sleep(seconds: float) -> None:
    import time

    time.sleep(seconds)


def _holds(kind: Kind) -> bool:
    from kuma_net.backends.leftovers import holds

    return holds(kind)


class Outside(Record):
    """What these backends need of the world.

    ``run`` runs a program, ``sleep`` waits between tries, ``holds`` asks the kernel whether a
    backend's place holds rules of ours.
    """

    run: Run = commands.run
    sleep: Callable[[float], None] = _sleep
    holds: Callable[[Kind], bool] = _holds


class Iptables:
    """One flavour of iptables; ``processes`` were started so far, ``notes`` are for a person."""

    def __init__(
        self, kind: Kind, config: Config, environ: Mapping[str, str], outside: Outside
    ) -> None:
        """Look for nothing yet."""
        self._kind = kind
        self._config = config
        self._outside = outside
        self._given = environ
        self._tools: dict[Family, Tools] = {}
        self._environ: dict[str, str] = {}
        self.processes = 0
        self.notes: list[str] = []

    def saved(self, family: Family) -> Saved:
        """Return what iptables-save says.

        Raises MissingExecutable, CommandError and CommandTimeout.
        """
        said = self._run([self._found(family).save, "-c"])
        return parse_saved(said.stdout, family)

    def restore(self, family: Family, text: str) -> None:
        """Load a text over what is there, unless it is empty; raises as ``saved`` does.

        A refusal that names a line of the text is told with that line, where a comment says
        which setting it is for.
        """
        if not text:
            return
        argv = [self._found(family).restore, "--noflush", *self._waiting()]
        try:
            self._run(argv, text)
        except CommandError as refusal:
            line = _line_of(refusal.stderr, text)
            told = f"{refusal.stderr.strip()} [{line}]" if line else refusal.stderr
            raise CommandError(argv, refusal.status, told) from refusal

    def _waiting(self) -> list[str]:
        """Return the options for the xtables lock, which the nft flavour has no use for."""
        if self._kind == "iptables-nft" or not self._config.wait:
            return []
        words = ["-w", str(self._config.wait)]
        interval = self._config.wait_interval
        return [*words, "-W", str(interval)] if interval else words

    def _found(self, family: Family) -> Tools:
        if family not in self._tools:
            asked, path = self._config.iptables_executables, self._given.get("PATH", "")
            tools = find_tools(self._kind, family, asked, path, self._counted)
            self._tools[family] = tools
            self.notes += [tools.note] * bool(tools.note)
        return self._tools[family]

    def _run(self, argv: Sequence[str], text: str = "") -> CommandResult:
        timeout = self._config.wait + PATIENCE
        return self._counted(argv, text, timeout=timeout, environ=self._environment())

    def _environment(self) -> dict[str, str]:
        """Return the programs' environment, with the lock file that can be used."""
        if not self._environ:
            self._environ = {**self._given, "LC_ALL": "C"}
            if self._kind == "iptables-legacy":
                lock = xtables_lock(self._given)
                self._environ[VARIABLE] = lock.path
                self.notes += [lock.note] * bool(lock.note)
        return self._environ

    def _counted(
        self,
        argv: Sequence[str],
        text: str = "",
        *,
        timeout: float = PATIENCE,
        environ: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> CommandResult:
        self.processes += 1
        return self._outside.run(argv, text, timeout=timeout, environ=environ, check=check)


def _line_of(stderr: str, text: str) -> str:
    """Return the line of the text that a refusal names by its number, or nothing."""
    for mark in ("line ", "line: "):
        number = stderr.partition(mark)[2].split(maxsplit=1)[:1]
        digits = number[0].rstrip(":.") if number else ""
        lines = text.splitlines()
        if digits.isdigit() and 0 < int(digits) <= len(lines):
            line = lines[int(digits) - 1]
            return _table_of(lines[: int(digits)]) if line == "COMMIT" else line
    return ""


def _table_of(lines: list[str]) -> str:
    """Return which table a COMMIT is for: the legacy kernel does not say which rule it refused."""
    tables = [line[1:].strip() for line in lines if line.startswith("*")]
    return f"some rule of table {tables[-1]}" if tables else ""
