"""How the programs end: quickly, and with all that was written."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

FAILED = 1


def is_program(*names: str) -> bool:
    """Whether the interpreter was started to run a program of such a name, and not, say, a test."""
    file = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return file.rpartition("/")[2] in names


def leave(code: int) -> NoReturn:
    """End the process without taking the interpreter down, once everything is written.

    Output that cannot be written (the reader has gone, the disk is full) is a failure.
    """
    from posix import _exit

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or FAILED
    _exit(code)
