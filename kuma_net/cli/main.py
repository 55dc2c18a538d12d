"""``kuma-net``: the program for people; where it begins and ends.

What it does is in ``program``, on click.  Here is what any short-lived Python program can do
about its time: no search for garbage while modules are imported, and no taking down of the
interpreter at the end (``init`` tells the figures).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "kuma-net"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    ``argv`` are the words after the program's name; without it the process's own are taken and
    the process ends here if it was started as this program.
    """
    from kuma_net.cli.speech import is_program, leave

    ours = argv is None and is_program(NAME)
    if ours:
        import gc

        gc.disable()
    from kuma_net.cli.program import run

    code = run(sys.argv[1:] if argv is None else list(argv))
    if ours:
        leave(code)
    return code
