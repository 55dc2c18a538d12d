"""Every command of ``kuma-dns`` once: what it is called, says and takes, and its function.

The function takes ``Words`` (``reader``) and returns an exit code; it is imported when it is
called.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final


class Switch(Record):
    """A flag of a command that is no option of the settings; without ``metavar`` it is on or off.

    ``repeatable``: several uses add up; otherwise the last one counts.
    """

    flag: str
    help: str
    metavar: str = ""


class Command(Record):
    """A command.

    ``function`` is ``module:name`` below ``kuma_dns.cli``.  ``options`` are the flags of the
    settings that it takes, ``switches`` its own.  ``words`` names what stands beside the flags,
    ``NAME`` or ``[FILE...]``: with dots there may be several, in brackets none.
    """

    name: str
    function: str
    summary: str
    text: str
    options: tuple[str, ...] = ()
    switches: tuple[Switch, ...] = ()
    words: str = ""


HELP: Final = Switch("--help", "Show this text.")
JSON: Final = Switch("--json", "Print the result as JSON.")
TYPE: Final = Switch("--type", "Ask for this type: A, AAAA, PTR, TXT, TYPE65 [default: A].", "TYPE")
SERVER: Final = Switch(
    "--server", "Ask the server here [default: the first --listen].", "IP[:PORT]"
)
TCP: Final = Switch("--tcp", "Ask by TCP.")

_NAMES: Final = ("--names", "--hosts", "--record", "--zone", "--ttl")

COMMANDS: Final = (
    Command(
        "serve",
        "serve:serve_command",
        "Answer the mesh's names and forward all others.",
        "Answer the names of the mesh and forward all others, until SIGTERM. SIGHUP reads "
        "everything again. Each flag is a variable as well: --tcp-idle is KUMA_DNS_TCP_IDLE, "
        "several values have commas between them. What happens is told on the standard error, a "
        "line of JSON for each event.",
        (
            *_NAMES,
            *("--upstream", "--resolv-conf", "--cache-size", "--serve-stale"),
            *("--listen", "--http", "--user", "--tcp-idle", "--tcp-connections"),
            *("--log-level", "--log-sample"),
        ),
    ),
    Command(
        "query",
        "query:query_command",
        "Ask for a name, and say why the answer is what it is.",
        "Ask the running server for a name and say why the answer is what it is: which source "
        "knows the name, which zone it is in, what is in the cache, who else is asked. With "
        "--names, --hosts or --record no server is needed: it is said what a server with these "
        "options would do.",
        (*_NAMES, "--upstream", "--resolv-conf", "--listen", "--http"),
        (TYPE, SERVER, TCP, JSON),
        "NAME",
    ),
    Command(
        "check",
        "check:check_command",
        "Look for mistakes in files of names.",
        "Read files as serve would (Kuma's DNS documents; with --hosts also hosts files) and tell "
        "every mistake and every name about which they contradict each other. Exit code 2: there "
        "are some.",
        ("--hosts", "--record", "--zone", "--ttl"),
        (JSON,),
        "[FILE...]",
    ),
)
BY_NAME: Final = {command.name: command for command in COMMANDS}
