"""``kuma-cni logs [POD]``: what the plugin logged on this node, for a person.

The lines are those of ``kuma_cni.plugin.log``: of the file before, then of the present one.
"""

from __future__ import annotations

from kuma_cni.cli.output import plain, put
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.documents import Plain

FAILED, USAGE = 1, 2
"""Exit codes."""
HELP = """\
Usage: kuma-cni logs [POD] [OPTION]...

Print what the plugin logged on this node, oldest first.  POD is a pod's name,
or NAMESPACE/NAME; without it everything is printed.

Options:
  --file FILE    the log file ({file})
  --tail N       only the last N entries
  --since TIME   only entries since then: 90s, 15m, 2h, 3d, or a beginning of
                 a time as it is printed (2026-03-01T12)
  --json         the lines as they were written
  --help         print this and end
"""
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
YEAR = 4
"""Digits that a time begins with."""
HEAD = ("time", "level", "event", "verb", "namespace", "pod")
"""Fields that are printed without their name, or as part of the pod's."""
LARGEST = 16 << 20
"""Bytes of a file that are read: its end."""


class Wish(Record):
    """What to print."""

    pod: str = ""
    file: str = ""
    tail: str = ""
    since: str = ""
    json: bool = False
    help: bool = False


class Wrong(Exception):
    """The words make no sense; the text says what would."""


def logs(words: list[str]) -> int:
    """Print the log's entries; return the exit code."""
    from kuma_cni.spec.netconf import LOG_FILE

    try:
        wish = read_words(words)
        since = start_of(wish.since)
    except Wrong as wrong:
        put(2, f"kuma-cni logs: {wrong}\n")
        return USAGE
    if wish.help:
        return 0 if put(1, HELP.format(file=LOG_FILE)) else FAILED
    path = wish.file or LOG_FILE
    try:
        found = [
            (entry, line)
            for line in lines_of(path)
            if (entry := entry_of(line)) and is_about(entry, wish.pod) and time_of(entry) >= since
        ]
    except OSError as problem:
        put(2, f"kuma-cni logs: {path}: {problem.strerror}\n")
        return FAILED
    last = found[max(0, len(found) - int(wish.tail[:9])) :] if wish.tail else found
    text = "".join([(line if wish.json else sentence(entry)) + "\n" for entry, line in last])
    return 0 if put(1, text) else FAILED


def read_words(words: list[str]) -> Wish:
    """Return what the words wish; raises ``Wrong``."""
    wishes: dict[str, str | bool] = {}
    left = iter(words)
    for word in left:
        name, sign, value = word.partition("=")
        if name in {"--json", "--help"} and not sign:
            wishes[name[2:]] = True
        elif name in {"--file", "--tail", "--since"}:
            wishes[name[2:]] = value if sign else next(left, "")
            if not wishes[name[2:]]:
                raise Wrong(f"{name} needs a value: see kuma-cni logs --help")
        elif word.startswith("-") or "pod" in wishes:
            raise Wrong(f"{word[:100]!a} is not known: see kuma-cni logs --help")
        else:
            wishes["pod"] = word
    wish = Wish().replace(**wishes)
    if wish.tail and not (wish.tail.isascii() and wish.tail.isdigit()):
        raise Wrong(f"--tail {wish.tail[:40]!a}: write a number of entries")
    return wish


def start_of(since: str) -> str:
    """Return the time, as the log writes it, that ``--since`` means; raises ``Wrong``."""
    import time

    number, unit = since[:-1], since[-1:]
    if number.isascii() and number.isdigit() and unit in UNITS:
        began = max(0.0, time.time() - int(number[:9]) * UNITS[unit])
        return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(began))
    year = since[:YEAR]
    if since and not (
        len(year) == YEAR and year.isdigit() and set(since) <= set("0123456789-T:.Z")
    ):
        raise Wrong(f"--since {since[:40]!a}: write 15m, 2h or a time such as 2026-03-01T12")
    return since


def lines_of(path: str) -> Iterator[str]:
    """Yield the lines of the file before, if there is one, and of the file; raises OSError."""
    for name, optional in ((f"{path}.1", True), (path, False)):
        try:
            with open(name, "rb") as file:  # noqa: PTH123 - pathlib is not loaded here
                size = file.seek(0, 2)
                file.seek(max(0, size - LARGEST))
                data = file.read(LARGEST)
        except FileNotFoundError:
            if not optional:
                raise
            continue
        for line in data.decode(errors="replace").split("\n"):
            # A full disk may have cut a line, and the next one stands right behind it.
            yield line[max(0, line.rfind('{"time": "')) :]


def entry_of(line: str) -> dict[str, Plain]:
    """Return the fields of a line, none if it is no entry."""
    from kuma_net.documents import DocumentError
    from kuma_net.documents.json_text import parse_json

    try:
        value = parse_json(line)
    except DocumentError:
        return {}
    return value if isinstance(value, dict) else {}


def is_about(entry: dict[str, Plain], pod: str) -> bool:
    """Whether an entry is about a pod, named with its namespace or without; any if none is."""
    namespace, sign, name = pod.rpartition("/")
    return not pod or (
        entry.get("pod") == name and (not sign or entry.get("namespace") == namespace)
    )


def time_of(entry: dict[str, Plain]) -> str:
    """Return when it was: times of the log sort as text."""
    return str(entry.get("time", ""))


def sentence(entry: dict[str, Plain]) -> str:
    """Return an entry as one line of plain text, whatever signs its fields contain."""
    named = {key: value for key, value in entry.items() if key not in HEAD and value != ""}
    pod = "/".join([str(entry[key]) for key in ("namespace", "pod") if entry.get(key)])
    head = [str(entry.get(key, "")) for key in ("time", "level", "verb", "event")]
    rest = [f"{key}={value}" for key, value in named.items()]
    words = [word for word in (*head[:3], pod, head[3], *rest) if word]
    return plain(" ".join(words))
