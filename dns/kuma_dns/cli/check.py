"""``kuma-dns check``: what is wrong with files of names, before a server reads them."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Final

from kuma_dns.cli.commands import JSON
from kuma_dns.names.document import read_document
from kuma_dns.names.findings import Findings
from kuma_dns.names.hosts import read_hosts
from kuma_dns.names.join import Joined
from kuma_dns.names.static import read_records
from kuma_dns.names.zones import Zones
from kuma_dns.settings.load import load
from kuma_dns.settings.options import BY_FLAG
from kuma_net.errors import ConfigError, InputError, Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_dns.cli.reader import Words
    from kuma_dns.names.source import Names
    from kuma_dns.settings.load import Settings

STANDARD_INPUT: Final = "-"


def check_command(words: Words) -> int:
    """Read everything, tell everything; exit code 2 when there is a mistake."""
    flags = [(flag, text) for flag, text in words.flags if flag in BY_FLAG]
    violations = [*words.violations]
    if not words.beside and not words.has("--hosts", "--record") and not violations:
        right = "write the files to check, - for the standard input"
        violations.append(Violation("FILE", "", "", "is missing", right))
    settings = load(flags, _without_sources(), violations)
    findings = _find(settings, words.beside)
    if words.switched(JSON.flag):
        sys.stdout.write(json.dumps(_fields(findings), indent=2) + "\n")
    else:
        sys.stdout.write(_text(findings))
    return InputError.exit_code if findings.counts["violations"] else 0


def _without_sources() -> dict[str, str]:
    """Return the environment without what names a server's files: other files are checked."""
    unwanted = {BY_FLAG[flag].env for flag in ("--names", "--hosts", "--record")}
    return {name: text for name, text in os.environ.items() if name not in unwanted}


def _find(settings: Settings, documents: tuple[str, ...]) -> Findings:
    """Read all files; what cannot be read is one mistake more."""
    names: list[Names] = []
    refusals: list[Violation] = []
    if settings.records:
        names.append(read_records(settings.records))
    for read, paths in ((read_document, documents), (read_hosts, settings.hosts)):
        for path in paths:
            _read(read, path, names, refusals)
    return Findings(Joined(names, Zones(settings.zones), settings.ttl), names, refusals)


def _read(
    read: Callable[[str, str], Names], path: str, names: list[Names], refusals: list[Violation]
) -> None:
    source = "standard input" if path == STANDARD_INPUT else f"file {path}"
    try:
        if path == STANDARD_INPUT:
            raw = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as file:  # noqa: PTH123 - as in the server
                raw = file.read()
        names.append(read(raw.decode(), source))
    except OSError as problem:
        wrong = f"cannot be read: {problem.strerror}"
        refusals.append(Violation("file", path, "", wrong))
    except UnicodeDecodeError as problem:
        refusals.append(Violation("file", path, "", f"byte {problem.start} is not UTF-8"))
    except ConfigError as refused:
        refusals += refused.violations


def _fields(findings: Findings) -> dict[str, object]:
    return {
        "counts": findings.counts,
        "violations": [str(one) for one in findings.violations],
        "warnings": [str(one) for one in findings.warnings],
    }


def _text(findings: Findings) -> str:
    """Return the report: counts first, then what is wrong, then what is worth knowing."""
    count = findings.counts
    addresses = (
        _some(count["ipv4"], "IPv4 address", "es"),
        _some(count["ipv6"], "IPv6 address", "es"),
    )
    spellings = _some(count["derived"], "other spelling")
    lines = [f"{_some(count['names'], 'name')} with {' and '.join(addresses)}, {spellings}"]
    if findings.refused:
        lines[0] += "; a server would keep the names it has, for a source is refused"
    for title, number, told in (
        (_some(count["violations"], "mistake"), count["violations"], findings.violations),
        (_some(count["warnings"], "warning"), count["warnings"], findings.warnings),
    ):
        if number:
            lines += ["", f"{title}:", *[f"  {one}" for one in told]]
            if number > len(told):
                lines.append(f"  ... and {number - len(told)} more")
    return "\n".join(lines) + "\n"


def _some(number: int, what: str, plural: str = "s") -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}{plural}"
