"""How our programs speak and end: by their name, quickly, with all that was written."""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TextIO

    from kuma_net.errors import KumaNetError

FAILED = 1
"""Exit code."""
PROGRAMS = ("kuma-dns", "kuma-init", "kuma-net", "kumactl")


def program_name() -> str:
    """Return the name we were called by; ``kuma-net`` for any other."""
    name = sys.argv[0].rpartition("/")[2] if sys.argv else ""
    return name if name in PROGRAMS else "kuma-net"


def say(*sentences: str) -> None:
    """Write one line for each sentence, in one piece."""
    if sentences:
        name = program_name()
        sys.stderr.write("".join([f"{name}: {sentence}\n" for sentence in sentences]))


def say_error(error: KumaNetError) -> None:
    """Word an error; a list of violations gets a heading that says that nothing was changed."""
    lines = str(error).splitlines() or [type(error).__name__]
    if error.exit_code != 2 or len(lines) == 1:  # noqa: PLR2004 - the exit code for usage
        say(*lines)
        return
    say(f"{len(lines)} mistakes, nothing was changed:")
    sys.stderr.write("".join([f"  {line}\n" for line in lines]))


def is_program(*names: str) -> bool:
    """Whether the interpreter was started to run a program of such a name, and not, say, a test."""
    file = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return file.rpartition("/")[2] in names


def run_program(work: Callable[[], int], *, ours: bool) -> int:
    """Do the work of a program that lives for milliseconds, and return its exit code.

    Looking for garbage among what imports make costs 5 % of such a life, and there is none.  If the
    process is ``ours`` it ends here.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        code = work()
    finally:
        if collecting and not ours:
            gc.enable()
    if ours:
        leave(code)
    return code


def leave(code: int) -> NoReturn:
    """End the process without taking the interpreter down, once everything is written.

    Output that cannot be written (the reader has gone, the disk is full) is a failure; a stream
    that was closed when we started (None) has had none.
    """
    from posix import _exit

    streams: tuple[TextIO | None, ...] = (sys.stdout, sys.stderr)
    for stream in streams:
        try:
            if stream is not None:  # it is None where the caller closed the descriptor
                stream.flush()
        except (OSError, ValueError):
            code = code or FAILED
    _exit(code)
