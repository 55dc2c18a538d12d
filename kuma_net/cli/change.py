"""``install`` and ``uninstall``, from the command line to the exit code.

Both programs come here: ``kuma-init`` (lean) and ``kuma-net`` (click) differ in how they find
the command, not in what it does.
"""

from __future__ import annotations

import sys

from kuma_net.actions.world import Machine
from kuma_net.cli.command_flags import WITHOUT_CONFIGURATION, Place, place_of, request_of
from kuma_net.cli.inputs import gather, refuse
from kuma_net.cli.speech import say
from kuma_net.errors import Violation
from kuma_net.host.environment import environment
from kuma_net.tproxy.flags import COMMAND_LINE
from kuma_net.tproxy.sources import Sources, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from kuma_net.actions.wish import DryRunForm
    from kuma_net.actions.world import World
    from kuma_net.tproxy.flags import Arguments

    T = TypeVar("T")


def install_command(arguments: Arguments, form: DryRunForm = "backend") -> int:
    """Install, or print what would be installed; returns the exit code, raises KumaNetError."""
    from kuma_net.actions.install import install
    from kuma_net.cli.words import install_result, install_talk

    violations = list(arguments.violations)
    place = place_of(arguments, violations)
    request = request_of(arguments, violations).replace(dry_run_form=form)
    environ = environment()
    loaded = load(gather(arguments.replace(violations=tuple(violations)), environ))
    say(*loaded.notes)
    report = inside(place, lambda world: install(loaded.config, world, request))
    say(*install_talk(report, verbose=loaded.config.verbose))
    if arguments.switched("--json"):
        from kuma_net.cli.json_text import json_text

        sys.stdout.write(json_text(report))
    else:
        sys.stdout.write(install_result(report))
    return report.exit_code


def uninstall_command(arguments: Arguments) -> int:
    """Uninstall, or tell what would be taken away; returns the exit code."""
    from kuma_net.actions.uninstall import PartlyUninstalled, uninstall
    from kuma_net.cli.words import uninstall_result, uninstall_talk

    violations = list(arguments.violations)
    place = place_of(arguments, violations)
    request = request_of(arguments, violations)
    violations += [
        Violation(flag, text, COMMAND_LINE, "has no effect on uninstall", "leave it out")
        for flag, text in arguments.options
        if flag not in (*WITHOUT_CONFIGURATION, "--config-file")  # kumactl's own, on any command
        and all(flag != violation.path for violation in arguments.violations)
    ]
    refuse(violations)
    config = load(Sources(flags=arguments.options)).config
    failed = None
    try:
        report = inside(place, lambda world: uninstall(config, world, request))
    except PartlyUninstalled as problem:
        report, failed = problem.report, problem
    say(*uninstall_talk(report))
    if arguments.switched("--json"):
        from kuma_net.cli.json_text import json_text

        sys.stdout.write(json_text(report))
    elif report.removed or report.resolv_conf or not failed:
        sys.stdout.write(uninstall_result(report))
    if failed:
        raise failed
    return report.exit_code


def confirm_command(arguments: Arguments) -> int:
    """Keep the change that waits; returns the exit code."""
    from kuma_net.actions.confirm import confirm
    from kuma_net.cli.words import seconds_text

    violations = list(arguments.violations)
    place = place_of(arguments, violations)
    refuse(violations)
    pending = inside(place, confirm)
    if arguments.switched("--json"):
        from kuma_net.cli.json_text import json_text

        sys.stdout.write(json_text(pending))
    else:
        sys.stdout.write(f"confirmed, {seconds_text(pending.seconds)} were left\n")
    return 0


def inside(place: Place | None, action: Callable[[World], T]) -> T:
    """Call ``action`` with the machine, in another network namespace if one is asked for."""
    if place is None:
        return action(Machine(environment()))
    from kuma_net.host.netns import entered

    with entered(place.where):
        return action(Machine(environment(), place.resolv_conf))
