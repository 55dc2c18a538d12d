"""Talking to the person on the standard error, always with the program's name in front."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.errors import KumaNetError

PROGRAMS = ("kuma-init", "kuma-net", "kumactl")


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
