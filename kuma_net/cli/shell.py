"""Completion of words in shells: click writes the scripts."""

from __future__ import annotations

import sys

from click.shell_completion import ShellComplete, get_completion_class

from kuma_net.cli.inputs import refuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.tproxy.flags import Arguments

NAME, VARIABLE = "kuma-net", "_KUMA_NET_COMPLETE"


def completion_command(arguments: Arguments, shell: str) -> int:
    """Print the script for bash, zsh or fish."""
    from kuma_net.cli.program import program

    refuse(list(arguments.violations))
    kind = get_completion_class(shell)
    if kind is None:
        message = f"click does not know {shell}"
        raise AssertionError(message)
    completion = kind(program(), {}, NAME, VARIABLE)
    # The class for bash would start a bash to ask its version, and complain of an old one.
    sys.stdout.write(ShellComplete.source(completion))
    return 0
