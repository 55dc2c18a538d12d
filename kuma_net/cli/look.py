"""``status``, ``plan`` and ``explain``, from the command line to the exit code."""

from __future__ import annotations

import sys

from kuma_net.cli.change import inside
from kuma_net.cli.command_flags import place_of, request_of
from kuma_net.cli.inputs import environment, gather, is_asked
from kuma_net.cli.speech import say
from kuma_net.cli.words import plan_result, plan_talk, status_result
from kuma_net.record import Record
from kuma_net.tproxy.sources import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.wish import Request
    from kuma_net.cli.command_flags import Place
    from kuma_net.tproxy.config import Config
    from kuma_net.tproxy.flags import Arguments


class Asked(Record):
    """What a command that looks was asked: ``config`` None where nothing says how it should be."""

    config: Config | None
    place: Place | None
    request: Request


def asked(arguments: Arguments) -> Asked:
    """Read everything and say what is deprecated; raises ConfigError."""
    violations = list(arguments.violations)
    place = place_of(arguments, violations)
    request = request_of(arguments, violations)
    environ = environment()
    loaded = load(gather(arguments.replace(violations=tuple(violations)), environ))
    say(*loaded.notes)
    config = loaded.config if is_asked(arguments, environ) else None
    return Asked(config, place, request)


def status_command(arguments: Arguments) -> int:
    """Show what is installed; exit code 3 when it is not as it should be."""
    from kuma_net.actions.status import status

    wanted = asked(arguments)
    report = inside(wanted.place, lambda world: status(wanted.config, world, wanted.request))
    say(*report.notes)
    _write(report, status_result(report), arguments)
    return report.exit_code


def plan_command(arguments: Arguments) -> int:
    """Show what install would change; exit code 3 when it is anything."""
    from kuma_net.actions.plan import plan

    wanted = asked(arguments)
    report = inside(wanted.place, lambda world: plan(wanted.config, world, wanted.request))
    say(*plan_talk(report))
    _write(report, plan_result(report), arguments)
    return report.exit_code


def _write(report: Record, text: str, arguments: Arguments) -> None:
    if arguments.switched("--json"):
        from kuma_net.cli.json_text import json_text

        text = json_text(report)
    sys.stdout.write(text)
