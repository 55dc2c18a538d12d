"""``kuma-dns``, as a person or an init system starts it.

``serve`` is found here, without click: its import would take 40 ms of a start that a pod waits for
and 2 MB for as long as the server runs.  Everything else (other commands, help, mistakes about
commands) goes to ``program``.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "kuma-dns"
_HELP = ("-h", "--help")
_EXTRA = ("h11", "dnslib")
"""Packages that come with the extra ``dns``; the script is there without them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    ``argv`` are the words after the program's name; without it the process's own are taken and
    the process ends here if it was started as this program.
    """
    from kuma_net.cli.speech import FAILED, is_program, leave, say

    words = sys.argv[1:] if argv is None else list(argv)
    ours = argv is None and is_program(NAME)
    if ours:
        import gc

        gc.disable()  # no garbage among what imports make; a server switches it on again
    try:
        serves = words[:1] == ["serve"] and not _asks_help(words)
        code = _serve(words[1:]) if serves else _run(words)
    except ModuleNotFoundError as missing:
        if missing.name not in _EXTRA:
            raise
        say(f"the Python package {missing.name} is missing: install kuma-net[dns]")
        code = FAILED
    if ours:
        leave(code)
    return code


def _asks_help(words: Sequence[str]) -> bool:
    return any(word in _HELP for word in words)


def _run(words: list[str]) -> int:
    from kuma_dns.cli.program import run

    return run(words)


def _serve(words: list[str]) -> int:
    from kuma_dns.cli.commands import BY_NAME
    from kuma_dns.cli.reader import read_words
    from kuma_dns.cli.serve import serve_command
    from kuma_net.cli.speech import FAILED, say, say_error
    from kuma_net.errors import KumaNetError

    try:
        return serve_command(read_words(words, BY_NAME["serve"]))
    except KumaNetError as error:
        say_error(error)
        return error.exit_code
    except OSError as problem:
        say(str(problem))
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
