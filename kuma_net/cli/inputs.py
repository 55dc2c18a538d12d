"""Reading what a command line names: files, the standard input, the environment.

Everything is read here once and handed on as text; ``tproxy.sources`` judges it.
"""

from __future__ import annotations

import sys

from kuma_net.errors import ConfigError, Violation
from kuma_net.tproxy.flags import ANNOTATIONS, CONFIG, document_paths
from kuma_net.tproxy.option import ENV_PREFIX
from kuma_net.tproxy.sources import Sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_net.tproxy.flags import Arguments, Flag

STANDARD_INPUT = "-"
LARGEST = 16 << 20
"""Bytes that a document may have: fifty times what ten thousand exclusions take."""


def gather(arguments: Arguments, environ: Mapping[str, str], config: Flag = CONFIG) -> Sources:
    """Read everything the arguments name; ``config`` is the flag that names documents.

    Files that cannot be read are violations like any other, told with all the rest.
    """
    violations = list(arguments.violations)
    files = [
        (_shown(path), _read(path, config.name, violations))
        for path in document_paths(arguments, config)
    ]
    annotations = [
        (_shown(path), _read(path, ANNOTATIONS.name, violations))
        for path in arguments.every(ANNOTATIONS.name)
    ]
    return Sources(
        tuple((name, text) for name, text in files if text is not None),
        tuple((name, text) for name, text in annotations if text is not None),
        environ,
        arguments.options,
        tuple(violations),
    )


def is_asked(arguments: Arguments, environ: Mapping[str, str]) -> bool:
    """Whether anything says how things should be: an option, a file, a variable."""
    named = any(arguments.every(name) for name in (CONFIG.name, ANNOTATIONS.name))
    return bool(named or arguments.options or any(name.startswith(ENV_PREFIX) for name in environ))


def _shown(path: str) -> str:
    return "standard input" if path == STANDARD_INPUT else path


def _read(path: str, flag: str, violations: list[Violation]) -> str | None:
    """Return a file's text; None, and a violation, when that cannot be had."""
    try:
        if path == STANDARD_INPUT:
            content = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs more than the reading
                content = file.read(LARGEST + 1)
        if len(content) <= LARGEST:
            return content.decode()
        wrong = f"larger than {LARGEST >> 20} MiB"
    except OSError as problem:
        wrong = f"cannot be read: {problem.strerror}"
    except UnicodeDecodeError as problem:
        wrong = f"byte {problem.start} is not UTF-8"
    except ValueError:  # a zero byte in the name
        wrong = "not the name of a file"
    violations.append(Violation(flag, path, f"flag {flag}", wrong))
    return None


def refuse(violations: list[Violation]) -> None:
    """Raise ConfigError when there is any violation."""
    if violations:
        raise ConfigError(violations)
