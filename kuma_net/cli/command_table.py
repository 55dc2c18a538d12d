"""Every command of ``kuma-net`` once: what it is called, says, takes, and which function it is.

The function takes ``Arguments`` and returns an exit code; it is imported when it is called.
"""

from __future__ import annotations

from kuma_net.cli.command_flags import (
    INSTALL,
    INSTALLED,
    JSON,
    LOOK,
    ORIGIN,
    PLACE,
    UNINSTALL,
    WITHOUT_CONFIGURATION,
)
from kuma_net.cli.packet_words import PACKET
from kuma_net.record import Record
from kuma_net.tproxy.flags import SOURCE_FLAGS, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(Record):
    """A command.

    ``function`` is ``module:name`` below ``kuma_net.cli``.  ``flags`` are the command's own;
    ``options`` those of the configuration it takes, None for all of them.  ``words`` names the
    words that stand alone (``SHELL``), of which ``choices`` are known.
    """

    name: str
    function: str
    summary: str
    text: str
    flags: tuple[Flag, ...] = ()
    options: Sequence[str] | None = None
    words: str = ""
    choices: tuple[str, ...] = ()


COMMANDS = (
    Command(
        "install",
        "change:install_command",
        "Install the rules that capture traffic, or change them.",
        "Install the rules that capture this network namespace's traffic, in one transaction. "
        "What is installed already is not touched; another state is replaced as a whole, without "
        "a moment without rules.",
        INSTALL,
    ),
    Command(
        "uninstall",
        "change:uninstall_command",
        "Take all capture rules away.",
        "Take away all capture rules, whoever put them there and however, and whatever else an "
        "install left. Needs no configuration. Rules of others keep their counters.",
        UNINSTALL,
        WITHOUT_CONFIGURATION,
    ),
    Command(
        "status",
        "look:status_command",
        "Show what is installed, and whether it is as it should be.",
        "Show what is installed, with the counter of each rule. With the options of install it "
        "is compared with what they ask for; without, with its own digest. Exit code 3: it "
        "differs.",
        LOOK,
    ),
    Command(
        "plan",
        "look:plan_command",
        "Show what install would change.",
        "Show what install with the same options would change. Exit code 0: nothing; 3: something.",
        LOOK,
    ),
    Command(
        "explain",
        "look:explain_command",
        "Say what each rule is for, or what becomes of a packet.",
        "Say what each rule is for that install with the same options would make. With --to, "
        "say which of them a packet meets and what becomes of it.",
        (*LOOK, INSTALLED, *PACKET),
    ),
    Command(
        "confirm",
        "change:confirm_command",
        "Keep a change that was made with install --confirm.",
        "Keep a change that was made with install --confirm, which is rolled back otherwise.",
        (*PLACE, JSON),
        (),
    ),
    Command(
        "completion",
        "shell:completion_command",
        "Print the script that completes words in a shell.",
        "Print the script that makes a shell complete kuma-net's words. For bash: "
        'eval "$(kuma-net completion bash)" in ~/.bashrc.',
        (),
        (),
        "SHELL",
        ("bash", "zsh", "fish"),
    ),
)

CONFIG_COMMANDS = (
    Command(
        "show",
        "configuration:show_command",
        "Print the effective configuration.",
        "Print the configuration that files, annotations, environment and flags make together, "
        "as a document that --config reads.",
        (*SOURCE_FLAGS, ORIGIN, JSON),
    ),
    Command(
        "schema",
        "configuration:schema_command",
        "Print the JSON Schema of a configuration document.",
        "Print the JSON Schema of a configuration document.",
        (),
        (),
    ),
)
