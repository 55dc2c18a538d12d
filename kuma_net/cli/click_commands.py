"""click commands made from the table of commands and the table of options.

A command declares every option to click, for help and for completion.  The words themselves are
read by ``tproxy.flags``: click stops at the first mistake, has no ``--switch=false``, and would
be a second grammar beside that of ``kuma-init``.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from kuma_net.cli.help_text import WIDTH, Section, flag_entry, option_sections, section_text
from kuma_net.cli.speech import FAILED, say, say_error
from kuma_net.errors import ConfigError, KumaNetError, Violation
from kuma_net.tproxy.flags import COMMAND_LINE, HELP, parse_flags
from kuma_net.tproxy.grammar import BACKENDS, IP_FAMILY_MODES
from kuma_net.tproxy.options import OPTIONS
from kuma_net.tproxy.spelling import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.cli.command_table import Command
    from kuma_net.tproxy.flags import Arguments, Flag
    from kuma_net.tproxy.option import Option

CHOICES = {"backend": BACKENDS, "ip-family-mode": IP_FAMILY_MODES}
FILES = frozenset({"FILE", "PATH"})
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": WIDTH}


class Commands(click.Group):
    """A group whose commands are built when they are asked for."""

    def __init__(self, name: str, table: tuple[Command, ...], text: str) -> None:
        """Keep the table."""
        super().__init__(
            name, help=text, invoke_without_command=True, context_settings=dict(SETTINGS)
        )
        self._table = {command.name: command for command in table}
        self.callback = self.without_command

    @staticmethod
    def without_command() -> int:
        """Show the help where no command was named: that is a mistake, so on stderr."""
        context = click.get_current_context()
        if context.invoked_subcommand is None:
            click.echo(context.get_help(), err=True)
            return click.UsageError.exit_code
        return 0

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table, then groups."""
        return [*self._table, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or None."""
        command = self._table.get(cmd_name)
        return TableCommand(command) if command else super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; one that is unknown is refused with the nearest name."""
        if args and self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            near = did_you_mean(args[0], self.list_commands(ctx))
            known = near or f"there are {', '.join(self.list_commands(ctx))}"
            what = "flag before the command" if args[0].startswith("-") else "command"
            raise click.UsageError(f"{args[0]}: unknown {what}; {known}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse a word that looks like a flag in our own words."""
        if args and args[0].startswith("-") and not ctx.resilient_parsing:
            known = [name for param in self.get_params(ctx) for name in param.opts]
            if args[0].partition("=")[0] not in known:
                near = did_you_mean(args[0], known)
                advice = near or "flags of a command stand behind it"
                raise click.UsageError(f"{args[0]}: unknown flag before the command; {advice}")
        return super().parse_args(ctx, args)


def carry_out(program: click.Group, words: list[str], name: str) -> int:
    """Run the command that the words name; errors become sentences and exit codes."""
    try:
        code = program.main(words, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except KumaNetError as error:
        say_error(error)
        return error.exit_code
    except click.ClickException as error:
        say(error.format_message())
        return error.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        say("interrupted")
        return FAILED
    except BrokenPipeError:  # whoever read our output has had enough
        return FAILED
    except OSError as problem:  # nearly always: our output cannot be written
        say(str(problem))
        return FAILED
    return code if isinstance(code, int) else 0


class TableCommand(click.Command):
    """A command of the table."""

    def __init__(self, command: Command) -> None:
        """Declare nothing yet: sixty options take a millisecond, and most calls need none."""
        super().__init__(
            command.name,
            help=command.text,
            short_help=command.summary,
            context_settings=dict(SETTINGS),
            options_metavar="[FLAGS]",
            callback=self._call,
        )
        self._command = command

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return its parameters, declared when somebody asks for them: help or completion."""
        if not self.params:
            self.params = list(_declared(self._command))
        return super().get_params(ctx)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words as ``kuma-init`` does; completion alone is left to click."""
        if ctx.resilient_parsing:
            try:
                return super().parse_args(ctx, args)
            except click.UsageError:  # what is being typed need not make sense yet
                return []
        words, rest = self._own_words(list(args))
        arguments = parse_flags(rest, self._command.flags)
        if arguments.help:
            click.echo(self.get_help(ctx))
            ctx.exit()
        strangers = tuple(
            Violation(flag, text, COMMAND_LINE, f"has no effect on {self.name}", "leave it out")
            for flag, text in arguments.options
            if self._command.options is not None and flag not in self._command.options
        )
        ctx.params = {
            "arguments": arguments.replace(violations=arguments.violations + strangers),
            "words": words,
        }
        ctx.args = []
        return []

    def _own_words(self, args: list[str]) -> tuple[tuple[str, ...], list[str]]:
        """Return the word that stands alone, where the command takes one, and the rest."""
        if not self._command.words or not args or args[0].startswith("-"):
            return (), args
        return (args[0],), args[1:]

    def _call(self, arguments: Arguments, words: tuple[str, ...]) -> int:
        """Import the command's function and call it."""
        module, _, name = self._command.function.partition(":")
        function = getattr(import_module(f"kuma_net.cli.{module}"), name)
        if not self._command.words:
            return int(function(arguments))
        if words[:1] == () or words[0] not in self._command.choices:
            right = f"write one of {', '.join(self._command.choices)}"
            given = words[0] if words else ""
            wrong = "not known" if given else "is missing"
            violation = Violation(self._command.words, given, COMMAND_LINE, wrong, right)
            raise ConfigError([*arguments.violations, violation])
        return int(function(arguments, words[0]))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the options by section, as ``kuma-init --help`` does."""
        for section in self._sections():
            formatter.write(f"\n{section_text(section)}")

    def _sections(self) -> Iterator[Section]:
        yield from option_sections(self._command.options)
        own = (*self._command.flags, HELP)
        yield Section("This command", tuple(flag_entry(flag) for flag in own))


def _declared(command: Command) -> Iterator[click.Parameter]:
    yield from (_of_option(option) for option in OPTIONS if _takes(command, option))
    yield from (_of_flag(flag) for flag in command.flags)
    if command.words:
        kind = click.Choice(command.choices)
        yield click.Argument([command.words.lower()], type=kind, required=False)


def _takes(command: Command, option: Option) -> bool:
    return bool(option.flag) and (command.options is None or option.flag in command.options)


def _of_option(option: Option) -> click.Option:
    """Declare an option of the configuration to click."""
    choices = CHOICES.get(option.kind)
    return click.Option(
        [option.flag],
        type=click.Choice(choices) if choices else None,
        is_flag=option.kind == "bool",
        multiple=option.repeatable,
        metavar=option.metavar or None,
        help=option.help,
    )


def _of_flag(flag: Flag) -> click.Option:
    """Declare a command's own flag to click."""
    return click.Option(
        [flag.name, *([flag.short] if flag.short else [])],
        type=click.Path() if flag.metavar in FILES else None,
        is_flag=not flag.metavar,
        multiple=flag.repeatable,
        metavar=flag.metavar or None,
        help=flag.help,
    )
