"""``status``, ``plan`` and ``explain``, from the command line to the exit code."""

from __future__ import annotations

import sys

from kuma_net.cli.change import inside
from kuma_net.cli.command_flags import INSTALLED, place_of, request_of
from kuma_net.cli.inputs import gather, is_asked
from kuma_net.cli.speech import say
from kuma_net.cli.words import plan_result, plan_talk, status_result
from kuma_net.host.environment import environment
from kuma_net.record import Record
from kuma_net.tproxy.config import Config
from kuma_net.tproxy.sources import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.findings import Explanation
    from kuma_net.actions.wish import Request
    from kuma_net.actions.world import World
    from kuma_net.cli.command_flags import Place
    from kuma_net.errors import Violation
    from kuma_net.tproxy.flags import Arguments


class Asked(Record):
    """What a command that looks was asked: ``config`` None where nothing says how it should be."""

    config: Config | None
    place: Place | None
    request: Request


def asked(arguments: Arguments, *wrong: Violation) -> Asked:
    """Read everything and say what is deprecated; raises ConfigError, with ``wrong`` in it."""
    violations = [*arguments.violations, *wrong]
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


def explain_command(arguments: Arguments) -> int:
    """Say what each rule is for, or what becomes of a packet."""
    from kuma_net.actions.explain import explain, explain_installed
    from kuma_net.cli.packet_words import packet_of

    violations: list[Violation] = []
    packet = packet_of(arguments, violations)
    wanted = asked(arguments, *violations)
    config = wanted.config or Config()

    def act(world: World) -> Explanation:
        if arguments.switched(INSTALLED.name):
            return explain_installed(config, world, packet)
        return explain(config, world, wanted.request, packet)

    report = inside(wanted.place, act)
    say(*report.notes)
    _write(report, report.text, arguments)
    return report.exit_code


def _write(report: Record, text: str, arguments: Arguments) -> None:
    if arguments.switched("--json"):
        from kuma_net.cli.json_text import json_text

        text = json_text(report)
    sys.stdout.write(text)
