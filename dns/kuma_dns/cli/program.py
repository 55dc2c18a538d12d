"""What ``kuma-dns`` does, on click: it finds the command and prints help.

The words of a command are read by ``reader``, for the reasons that ``kuma-net`` has: click stops
at the first mistake and would be a second list of all options.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from kuma_dns.cli.commands import BY_NAME, COMMANDS, HELP
from kuma_dns.cli.reader import read_words
from kuma_dns.settings.options import BY_FLAG
from kuma_net import __version__
from kuma_net.cli.click_commands import SETTINGS, Commands, carry_out
from kuma_net.cli.help_text import Entry, Section, section_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_dns.cli.commands import Command, Switch
    from kuma_dns.cli.reader import Words
    from kuma_dns.settings.options import Option

NAME: Final = "kuma-dns"
TEXT: Final = """\
Resolve the names of a service mesh, and everything else through the host's
own name servers.

Results are printed on the standard output, all talk on the standard error.
Exit codes: 0 done, 1 failed, 2 usage.
"""


class _Program(Commands):
    """The commands of our table."""

    def __init__(self) -> None:
        super().__init__(NAME, (), TEXT)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return [*BY_NAME]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Return the command, or None."""
        command = BY_NAME.get(cmd_name)
        return _TableCommand(command) if command else None


class _TableCommand(click.Command):
    """A command of the table."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            command.name,
            help=command.text,
            short_help=command.summary,
            context_settings=dict(SETTINGS),
            options_metavar=f"[FLAGS] {command.words}".rstrip(),
            callback=self._call,
        )
        self._command = command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words ourselves."""
        words = read_words(args, self._command)
        if words.switched(HELP.flag):
            click.echo(self.get_help(ctx))
            ctx.exit()
        ctx.params = {"words": words}
        ctx.args = []
        return []

    def _call(self, words: Words) -> int:
        return call(self._command, words)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the options by section."""
        for section in sections(self._command):
            formatter.write(f"\n{section_text(section)}")


def call(command: Command, words: Words) -> int:
    """Import a command's function and call it."""
    module, _, name = command.function.partition(":")
    return int(getattr(import_module(f"kuma_dns.cli.{module}"), name)(words))


def sections(command: Command) -> Iterator[Section]:
    """Yield the help of a command's flags, by section."""
    options = [BY_FLAG[flag] for flag in command.options]
    for title in dict.fromkeys(option.section for option in options):
        yield Section(title, tuple(_of_option(one) for one in options if one.section == title))
    own = (*command.switches, HELP)
    yield Section("This command", tuple(_of_switch(one) for one in own))


def _of_option(option: Option) -> Entry:
    notes = [f"default: {option.default.replace(',', ', ')}"] if option.default else []
    if option.repeatable:
        notes.append("may be repeated")
    told = f" [{'; '.join(notes)}]" if notes else ""
    return Entry(f"{option.flag} {option.metavar}", option.help + told)


def _of_switch(switch: Switch) -> Entry:
    short = "-h, " if switch == HELP else ""
    return Entry(f"{short}{switch.flag} {switch.metavar}".rstrip(), switch.help)


def program() -> click.Group:
    """Return the program as click's tree of commands."""
    top = _Program()
    click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")(top)
    return top


def run(words: list[str]) -> int:
    """Run the command that the words name and return the exit code."""
    return carry_out(program(), words, NAME)


assert all(name in BY_FLAG for command in COMMANDS for name in command.options)  # noqa: S101 - one table names the other
