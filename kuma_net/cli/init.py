"""``kuma-init``: the lean program of the init container, and ``kumactl`` where a link says so.

It installs, with kumactl's own flags.  Called by the name ``kumactl`` it understands
``install transparent-proxy``, ``uninstall transparent-proxy`` and
``install transparent-proxy-validator`` word for word; an image whose entry point is ``kuma-init``
may go on passing these words too.

Theory.  The process lives for some 20 ms, so what it imports decides what it costs: neither
click nor yaml, nothing of the standard library that is written in Python (a contract test holds
that).  What surprised us: taking the interpreter down at the end costs as much as a quarter
of starting it (2 of 9 ms), and everything it would give back goes with the process anyway.
So the program, once its output is flushed, leaves by ``_exit``; as a function, ``main`` returns.
Looking for garbage among what imports make costs another 5 %, and there is none: it is switched
off before most of ours is imported, which is why that happens inside ``main``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuma_net.tproxy.flags import Flag

COMMANDS: dict[tuple[str, ...], str] = {
    ("install", "transparent-proxy"): "install",
    ("uninstall", "transparent-proxy"): "uninstall",
    ("install", "transparent-proxy-validator"): "validate",
}
"""Commands of kumactl by the two words that it has for them."""
ONLY = (
    "this kumactl is kuma-net, which knows three commands of kumactl: install transparent-proxy, "
    "uninstall transparent-proxy and install transparent-proxy-validator"
)
FAILED, USAGE = 1, 2
"""Exit codes."""


def main(argv: Sequence[str] | None = None, program: str | None = None) -> int:
    """Run the program and return its exit code.

    ``argv`` are the words after the program's name; without it the process's own are taken and
    the process ends here, by ``_exit``, if it was started as this program.
    """
    name = program or (sys.argv[0].rpartition("/")[2] if sys.argv else "")
    words = list(sys.argv[1:] if argv is None else argv)
    from kuma_net.cli.speech import is_program, run_program

    ours = argv is None and is_program("kuma-init", "kumactl", "init.py")

    def work() -> int:
        if ours and "kuma_net.cli.change" not in sys.modules:  # a bundle has shelves of its own
            from kuma_net.cli.shelf import take

            take()
        return _main(words, as_kumactl=name == "kumactl")

    return run_program(work, ours=ours)


def _main(words: list[str], *, as_kumactl: bool) -> int:
    """Do what the words say; errors become sentences and exit codes."""
    from kuma_net.cli.speech import say, say_error
    from kuma_net.errors import KumaNetError

    try:
        return _run(words, as_kumactl=as_kumactl)
    except KumaNetError as error:
        say_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
    except BrokenPipeError:  # whoever read our output has had enough
        pass
    except OSError as problem:  # nearly always: our output cannot be written
        say(str(problem))
    return FAILED


def _run(words: list[str], *, as_kumactl: bool) -> int:
    verb = "install"
    if as_kumactl:
        from kuma_net.cli.command_flags import KUMACTL

        valued = {flag.name for flag in KUMACTL if flag.metavar} | {"--config-file"}
        verb, words = _kumactl_verb(words, valued)
        if verb == "version" or words == ["--version"]:
            return _version()
        if not verb:
            from kuma_net.cli.speech import say

            say(ONLY)
            return USAGE
    elif tuple(words[:2]) in COMMANDS:
        verb, words = COMMANDS[words[0], words[1]], words[2:]
    return _obey(verb, words, as_kumactl=as_kumactl)


def _obey(verb: str, words: list[str], *, as_kumactl: bool) -> int:
    """Do what a verb of ``COMMANDS`` and its flags say."""
    from kuma_net.cli.command_flags import INSTALL, KUMACTL, UNINSTALL, VALIDATE, VERSION
    from kuma_net.tproxy.flags import parse_flags

    flags = {"install": INSTALL, "uninstall": UNINSTALL, "validate": VALIDATE}
    own: tuple[Flag, ...] = flags[verb]
    arguments = parse_flags(words, (*own, VERSION, *(KUMACTL if as_kumactl else ())))
    if arguments.help:
        from kuma_net.cli.help_text import lean_help

        sys.stdout.write(lean_help(verb, (*own, VERSION), as_kumactl=as_kumactl))
        return 0
    if arguments.switched(VERSION.name):
        return _version()
    if verb == "validate":
        from kuma_net.cli.validate import validate_command

        return validate_command(arguments)
    from kuma_net.cli import change

    if verb == "uninstall":
        return change.uninstall_command(arguments)
    return change.install_command(arguments, "restore" if as_kumactl else "backend")


def _kumactl_verb(words: list[str], valued: set[str]) -> tuple[str, list[str]]:
    """Return one of the verbs of ``COMMANDS`` and the flags; no verb for any other command.

    Flags may stand before, between and behind the two words, as for kumactl; those in ``valued``
    are followed by a value.
    """
    verbs: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        if len(verbs) == 2 or word.startswith("-"):  # noqa: PLR2004 - verb and object
            rest.append(word)
            if word in valued and len(verbs) < 2:  # noqa: PLR2004 - as above
                rest += [next(left, "")]
        else:
            verbs.append(word)
    if verbs == ["version"]:
        return "version", rest
    return COMMANDS.get(tuple(verbs), ""), rest


def _version() -> int:
    from kuma_net import __version__

    sys.stdout.write(f"kuma-net {__version__}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
