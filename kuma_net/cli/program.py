"""What ``kuma-net`` does, on click.

click finds the command, prints help and completes words in shells; the words of a command are
read by ``tproxy.flags``, as in ``kuma-init``, so that both programs take the same flags in the
same way and tell all mistakes at once.  Modules of commands are imported when one is called.
"""

from __future__ import annotations

import click

from kuma_net import __version__
from kuma_net.cli.click_commands import Commands, carry_out
from kuma_net.cli.command_table import COMMANDS, CONFIG_COMMANDS

NAME = "kuma-net"
TEXT = """\
Capture a workload's traffic for a service mesh's sidecar; say, compare and
take away what was done.

Results are printed on the standard output, all talk on the standard error.
Exit codes: 0 done, 1 failed, 2 usage, 3 what is installed differs from what
was asked.
"""


def program() -> click.Group:
    """Return the program as click's tree of commands."""
    top = Commands(NAME, COMMANDS, TEXT)
    version = click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
    version(top)
    top.add_command(Commands("config", CONFIG_COMMANDS, "Look at the configuration."))
    return top


def run(words: list[str]) -> int:
    """Run the command that the words name and return the exit code."""
    return carry_out(program(), words, NAME)
