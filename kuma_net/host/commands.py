"""Running a program: the only place in the project that does.

Nothing on the way of the nftables backend comes here.  A program is run directly (no shell),
with its output taken as UTF-8 where it is and byte for byte where it is not
(``surrogateescape``), in a session of its own, so that on a time-out it goes with all its
children.
"""

from __future__ import annotations

from kuma_net.errors import CommandError, CommandTimeout, MissingExecutable
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    class Run(Protocol):
        """Runs one program to its end; ``run`` below is the one that really does."""

        def __call__(
            self,
            argv: Sequence[str],
            text: str = "",
            *,
            timeout: float = ...,
            environ: Mapping[str, str] | None = None,
            check: bool = True,
        ) -> CommandResult:
            """Return what it said."""


SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
"""Searched after PATH: a person's PATH often lacks the first two."""
TIMEOUT = 60.0
"""Seconds a program may take unless the caller knows better."""


class CommandResult(Record):
    """How a program ended: its exit status (negative: a signal) and what it wrote."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str],
    text: str = "",
    *,
    timeout: float = TIMEOUT,
    environ: Mapping[str, str] | None = None,
    check: bool = True,
) -> CommandResult:
    """Run a program with ``text`` as its standard input and return how it ended.

    ``timeout`` is in seconds; ``environ`` None means this process's own.  Raises
    MissingExecutable, CommandTimeout and, with ``check``, CommandError for a status other
    than 0.
    """
    import subprocess

    program = _path_of(argv[0], environ)
    try:
        with (
            subprocess.Popen(  # noqa: S603 - an argument list, no shell
                [program, *argv[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="surrogateescape",
                env=None if environ is None else dict(environ),
                start_new_session=True,
            ) as process
        ):
            try:
                stdout, stderr = process.communicate(text, timeout=timeout)
            except BaseException as stopped:
                _end(process.pid)
                process.communicate()
                if isinstance(stopped, subprocess.TimeoutExpired):
                    raise CommandTimeout(argv, timeout) from None
                raise
    except (FileNotFoundError, NotADirectoryError) as problem:
        raise MissingExecutable(argv[0], [argv[0]]) from problem
    except OSError as problem:
        raise CommandError(argv, -1, problem.strerror or str(problem)) from problem
    if check and process.returncode != 0:
        raise CommandError(argv, process.returncode, stderr)
    return CommandResult(tuple(argv), process.returncode, stdout, stderr)


def _path_of(program: str, environ: Mapping[str, str] | None) -> str:
    """Return the program's path; a name without a slash is looked for, as a shell would."""
    if "/" in program:
        return program
    import os

    path = (os.environ if environ is None else environ).get("PATH", "")
    found = which(program, path)
    if found is None:
        folders = [folder for folder in path.split(":") if folder]
        raise MissingExecutable(program, list(dict.fromkeys((*folders, *SYSTEM_FOLDERS))))
    return found


def _end(pid: int) -> None:
    """Kill the session that ``run`` made for the program."""
    import os
    import signal
    from contextlib import suppress

    with suppress(ProcessLookupError):  # it has just ended by itself
        os.killpg(pid, signal.SIGKILL)


def which(name: str, path: str) -> str | None:
    """Return where a program is: in the folders of ``path`` (as PATH), then the system's."""
    for folder in (*(entry for entry in path.split(":") if entry), *SYSTEM_FOLDERS):
        candidate = f"{folder}/{name}"
        if is_program(candidate):
            return candidate
    return None


def is_program(path: str) -> bool:
    """Whether a path leads to a file that we may run."""
    import os

    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113 - lean
