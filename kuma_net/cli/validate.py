"""``install transparent-proxy-validator``, from the command line to the exit code."""

from __future__ import annotations

import sys

from kuma_net.cli.command_flags import JSON, TRANSPARENT_PROXY_CONFIG, VALIDATION_SERVER_PORT
from kuma_net.cli.inputs import gather
from kuma_net.cli.speech import say
from kuma_net.errors import Violation
from kuma_net.host.environment import environment
from kuma_net.tproxy.flags import COMMAND_LINE
from kuma_net.tproxy.sources import load
from kuma_net.values import HIGHEST_PORT, Malformed, parse_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.validate import ValidationReport
    from kuma_net.tproxy.config import Config
    from kuma_net.tproxy.flags import Arguments


def validate_command(arguments: Arguments) -> int:
    """Print what is proven, a line for each family and path; returns the exit code.

    Raises ConfigError.
    """
    from kuma_net.actions.validate import validate

    violations = list(arguments.violations)
    port = _port(arguments, violations)
    given = arguments.replace(violations=tuple(violations))
    sources = gather(given, environment(), TRANSPARENT_PROXY_CONFIG)
    # The document is a pod's: what the plugin passes over must not keep the pod from starting.
    loaded = load(sources.replace(lenient=True))
    say(*loaded.notes)
    report = validate(_with_port(loaded.config, port) if port else loaded.config)
    if arguments.switched(JSON.name):
        from kuma_net.cli.json_text import json_text

        sys.stdout.write(json_text(report))
    else:
        sys.stdout.write(validation_result(report))
    say(*report.advice)
    return report.exit_code


def _port(arguments: Arguments, violations: list[Violation]) -> int:
    """Return the port that the command line names, 0 where it names none."""
    if not arguments.every(VALIDATION_SERVER_PORT.name):
        return 0
    text = arguments.last(VALIDATION_SERVER_PORT.name)
    try:
        return parse_number(text, 1, HIGHEST_PORT, "port")
    except Malformed as error:
        name = VALIDATION_SERVER_PORT.name
        violations.append(Violation(name, text, COMMAND_LINE, error.wrong, error.right))
        return 0


def _with_port(config: Config, port: int) -> Config:
    inbound = config.redirect.inbound.replace(port=port, port_ipv6=0)
    return config.replace(redirect=config.redirect.replace(inbound=inbound))


def validation_result(report: ValidationReport) -> str:
    """Return a line for each finding, and one that says so when there was nothing to prove."""
    lines = [
        f"{finding.family} {finding.path:<11} {finding.verdict}: {finding.told}\n"
        for finding in report.findings
    ]
    if all(finding.verdict == "left out" for finding in report.findings):
        lines.append("nothing to prove: nothing of this is asked for\n")
    return "".join(lines)
