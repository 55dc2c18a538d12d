"""``kuma-cni-install``: the entry point of the DaemonSet, and ``/install-cni`` as Kuma calls it.

Without words it installs the plugin and stays to keep it there; everything is set by the
environment.  Exit codes: 0 done, 1 failed, 2 the environment or the words are wrong and nothing was
touched, 3 (``check``) what is there differs from what was asked.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from kuma_cni.cli.output import plain, put

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kuma_cni.installer.settings import Settings

NAME: Final = "kuma-cni-install"
FAILED, USAGE, DIFFERS = 1, 2, 3
"""Exit codes."""
SOURCE: Final = "/opt/cni/bin"
"""Where Kuma's image has the plugin, if not beside the installer."""
HELP: Final = """\
Usage: kuma-cni-install [check | uninstall]

Without a word: put the plugin kuma-cni onto this node and keep it there.

  check      say what is there; exit code 3 if that is not what the environment asks for
  uninstall  take it all away: configuration first, executable last

  --help     this text
  --version  the version

Everything is set by the environment:

"""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the words say; return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--help"], ["-h"]):
        return 0 if put(1, help_text()) else FAILED
    if words == ["--version"]:
        from kuma_net import __version__

        return 0 if put(1, f"{NAME} {__version__}\n") else FAILED
    if words not in ([], ["check"], ["uninstall"]):
        _say(f"{' '.join(words)[:200]!a} is not known: write check, uninstall, or nothing")
        return USAGE
    return _run(words[0] if words else "install", os.environ)


def _run(verb: str, environ: Mapping[str, str]) -> int:
    from kuma_cni.installer.settings import load
    from kuma_net.errors import KumaNetError

    try:
        settings = load(environ)
        if verb == "install":
            from kuma_cni.installer.service import Service

            return Service(settings, source_of(settings)).run()
        return _uninstall(settings) if verb == "uninstall" else _check(settings)
    except KumaNetError as error:
        _say(*str(error).splitlines())
        return error.exit_code


def _uninstall(settings: Settings) -> int:
    from kuma_cni.installer.listening import somebody_listens
    from kuma_cni.installer.place import Place
    from kuma_net.errors import HostError

    if settings.log_socket and somebody_listens(settings.log_socket):
        raise HostError("an installer runs on this node and would put it all back: end it first")

    def say(what: str) -> None:
        _tell(1, what)  # that nobody can hear it keeps nothing from going

    Place(settings, source_of(settings)).remove(say)
    return 0


def _check(settings: Settings) -> int:
    from kuma_cni.installer.check import check

    lines, differs = check(settings, source_of(settings))
    if not _tell(1, *lines):
        return FAILED
    return DIFFERS if differs else 0


def source_of(settings: Settings) -> str:
    """Return the folder that the executable comes from: what is set, or our own bundle's."""
    from kuma_cni.installer.binaries import is_bundle

    here = os.path.dirname(os.path.realpath(sys.argv[0]))  # noqa: PTH120 - lean
    if settings.source_dir:
        return settings.source_dir
    return here if is_bundle(here) else SOURCE


def help_text() -> str:
    """Return ``--help``: every variable with its default and meaning."""
    import textwrap

    from kuma_cni.installer.options import KUMAS, OURS

    lines = [HELP]
    for heading, options in (("Kuma's own variables:", KUMAS), ("Further ones:", OURS)):
        lines.append(f"{heading}\n\n")
        for option in options:
            shown = f"[{option.default}]" if option.default else "[empty]"
            lines.append(f"  {option.name} {shown}\n")
            told = textwrap.wrap(option.help, 72)
            lines += [f"      {line}\n" for line in told]
        lines.append("\n")
    return "".join(lines).rstrip("\n") + "\n"


def _say(*sentences: str) -> None:
    _tell(2, *[f"{NAME}: {sentence}" for sentence in sentences])


def _tell(descriptor: int, *lines: str) -> bool:
    """Print lines, in which there may be names of files; whether that was possible."""
    return put(descriptor, "".join([f"{plain(line)}\n" for line in lines]))


if __name__ == "__main__":
    sys.exit(main())
