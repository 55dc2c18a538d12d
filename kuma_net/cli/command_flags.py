"""Flags of commands that are no options of the configuration, and what they mean together."""

from __future__ import annotations

from kuma_net.actions.wish import Request
from kuma_net.errors import Violation
from kuma_net.record import Record
from kuma_net.tproxy.flags import COMMAND_LINE, SOURCE_FLAGS, Flag
from kuma_net.values import Malformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.tproxy.flags import Arguments

NETNS = Flag(
    "--netns",
    "Act in another network namespace: a file, or a name below /run/netns.",
    "PATH",
)
PID = Flag("--pid", "Act in the network namespace of the process with this id.", "N")
CAPTURE_SSH = Flag(
    "--capture-ssh",
    "Capture the port of your SSH session too; otherwise it is left out on a host.",
)
CONFIRM = Flag(
    "--confirm",
    "Roll back after this time unless kuma-net confirm says that all is well: 60s, 2m.",
    "DURATION",
)
CREATE_USER = Flag("--create-user", "Make the user kuma-dp (5678) if there is none.")
JSON = Flag("--json", "Print the result as JSON.")
VERSION = Flag("--version", "Print the version.")
ORIGIN = Flag("--origin", "Say where each value came from.")
INSTALLED = Flag("--installed", "Explain what is installed, not what the options ask for.")

TRANSPARENT_PROXY_CONFIG = Flag(
    "--transparent-proxy-config",
    "Read a configuration document, YAML or JSON; - is the standard input. Later ones win.",
    "FILE",
    repeatable=True,
)
VALIDATION_SERVER_PORT = Flag(
    "--validation-server-port",
    "The inbound port that connections must arrive at; the configuration's, else 15006.",
    "PORT",
)

PLACE = (NETNS, PID)
INSTALL = (*SOURCE_FLAGS, CONFIRM, CAPTURE_SSH, CREATE_USER, *PLACE, JSON)
LOOK = (*SOURCE_FLAGS, CAPTURE_SSH, *PLACE, JSON)
UNINSTALL = (*PLACE, JSON)
VALIDATE = (
    TRANSPARENT_PROXY_CONFIG,
    VALIDATION_SERVER_PORT,
    Flag("--config-file", "Has no effect: a file of kumactl's own.", "FILE"),
    JSON,
)
WITHOUT_CONFIGURATION = (
    "--dry-run",
    "--verbose",
    "--wait",
    "--wait-interval",
    "--max-retries",
    "--sleep-between-retries",
    "--iptables-executables",
)
"""All that ``uninstall`` takes: it needs to know no configuration."""
VALIDATED = (
    "--ip-family-mode",
    "--kuma-dp-user",
    "--redirect-inbound",
    "--redirect-inbound-port",
    "--exclude-outbound-ports",
)
"""What makes a difference to the validator; it takes every other flag of install too."""
KUMACTL = (
    Flag("--log-level", "Has no effect.", "LEVEL"),
    Flag("--no-config", "Has no effect."),
    Flag("--api-timeout", "Has no effect.", "DURATION"),
)
"""What every command of kumactl takes; none of it matters here."""

NAMESPACES = "/run/netns/"
LONGEST_CONFIRM = 86400


class Place(Record):
    """Another network namespace: ``where`` to find it, and the resolv.conf that belongs to it."""

    where: str | int
    resolv_conf: str


def place_of(arguments: Arguments, violations: list[Violation]) -> Place | None:
    """Return the network namespace asked for; None for the one we are in."""
    path, pid = arguments.last(NETNS.name), arguments.last(PID.name)
    if path and pid:
        right = "give one of them"
        violations.append(Violation(PID.name, pid, COMMAND_LINE, "given beside --netns", right))
    elif path:
        name = path.removeprefix(NAMESPACES) if path.startswith(NAMESPACES) else path
        named = "/" not in name
        return Place(NAMESPACES + name if named else path, _of_namespace(name) if named else "")
    elif pid and pid.isascii() and pid.isdigit() and len(pid) < 10:  # noqa: PLR2004 - a pid_t
        return Place(int(pid), f"/proc/{pid}/root/etc/resolv.conf")
    elif pid:
        violations.append(Violation(PID.name, pid, COMMAND_LINE, "not a process id"))
    return None


def _of_namespace(name: str) -> str:
    """Return the resolv.conf that ip-netns(8) keeps for a named namespace, if it is there."""
    import posix

    path = f"/etc/netns/{name}/resolv.conf"
    try:
        posix.stat(path)
    except OSError:
        return ""
    return path


def request_of(arguments: Arguments, violations: list[Violation]) -> Request:
    """Return how the action is to go about it."""
    return Request(
        confirm_within=_confirm_within(arguments, violations),
        capture_ssh=arguments.switched(CAPTURE_SSH.name),
        create_user=arguments.switched(CREATE_USER.name),
        elsewhere=bool(arguments.every(NETNS.name) or arguments.every(PID.name)),
    )


def _confirm_within(arguments: Arguments, violations: list[Violation]) -> float:
    """Return seconds; a bare number counts seconds, as for sleep(1)."""
    text = arguments.last(CONFIRM.name)
    if not arguments.every(CONFIRM.name):
        return 0.0
    from kuma_net.tproxy.grammar import parse_duration

    try:
        seconds = float(text) if text.isascii() and text.isdigit() else parse_duration(text)
    except Malformed as error:
        violations.append(Violation(CONFIRM.name, text, COMMAND_LINE, error.wrong, "write 60s, 2m"))
        return 0.0
    if not 1 <= seconds <= LONGEST_CONFIRM:
        right = "from 1s to 24h"
        violations.append(Violation(CONFIRM.name, text, COMMAND_LINE, "not a usable time", right))
    return seconds
