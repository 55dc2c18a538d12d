"""What there is to read about options: ``docs/options.md``, and a configuration as a document.

Both are made from ``OPTIONS``, so that they cannot disagree with what is read.
"""

from __future__ import annotations

from kuma_net.documents.scalars import resolve
from kuma_net.tproxy.grammar import FALSE_WORDS, KINDS, TRUE_WORDS
from kuma_net.tproxy.legacy import ANNOTATIONS, FLAGS, NO_EBPF, REFUSED_KEYS
from kuma_net.tproxy.option import ENV_PREFIX
from kuma_net.tproxy.options import OPTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kuma_net.tproxy.config import Config
    from kuma_net.tproxy.option import Legacy, Option

PLAIN_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:+"
NUMBER_LETTERS = "0123456789_.:+-xXoOabcdefABCDEF"
"""A text of these alone may be a number, a date or sixties to some reader of YAML."""


# --- a configuration as a document ------------------------------------------------------------


def show(config: Config, *, origins: bool = False) -> str:
    """Return the effective configuration as YAML; reading it gives an equal ``Config``.

    With ``origins`` a comment beside each value says where it came from.
    """
    lines: list[str] = []
    open_branches: list[str] = []
    for option in OPTIONS:
        *branches, leaf = option.path.split(".")
        value = _field(config, option)
        if value == 0 and option.kind == "port":
            continue  # redirect.inbound.portIPv6: the same as port
        common = 0
        while common < len(branches) and open_branches[common : common + 1] == [branches[common]]:
            common += 1
        lines += [f"{'  ' * depth}{branches[depth]}:" for depth in range(common, len(branches))]
        open_branches = branches
        comment = f"  # {_one_line(config.source_of(option.path))}" if origins else ""
        lines += _lines(leaf, KINDS[option.kind].write(value), "  " * len(branches), comment)
    return "\n".join(lines) + "\n"


def effective(config: Config) -> dict[str, object]:
    """Return the effective configuration as nested plain values; ``--config`` reads it as JSON."""
    document: dict[str, object] = {}
    for option in OPTIONS:
        value = _field(config, option)
        if value == 0 and option.kind == "port":
            continue  # redirect.inbound.portIPv6: the same as port
        *branches, leaf = option.path.split(".")
        node: Any = document
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = KINDS[option.kind].write(value)
    return document


def _field(config: Config, option: Option) -> object:
    """Return the value that lies where the option says."""
    value: object = config
    for name in option.field.split("."):
        value = getattr(value, name)
    return value


def _lines(key: str, value: object, indent: str, comment: str) -> Iterator[str]:
    """Yield the lines of one key: a scalar, a list or a mapping of texts."""
    if isinstance(value, list | dict) and value:
        yield f"{indent}{key}:{comment}"
        if isinstance(value, list):
            yield from (f"{indent}  - {_scalar(item)}" for item in value)
        else:
            yield from (f"{indent}  {name}: {_scalar(item)}" for name, item in value.items())
    elif isinstance(value, list | dict):
        yield f"{indent}{key}: {'[]' if isinstance(value, list) else '{}'}{comment}"
    else:
        yield f"{indent}{key}: {_scalar(value)}{comment}"


def _scalar(value: object) -> str:
    """Return a scalar as YAML, quoted wherever any reader could take it for something else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if not isinstance(value, str):
        return text
    if _is_plain(text):
        return text
    return f'"{"".join(_escaped(letter) for letter in text)}"'


def _is_plain(text: str) -> bool:
    """Whether every reader of YAML takes an unquoted text for itself."""
    letters = (text[:1].isalnum() or text[:1] == "/") and not text.strip(PLAIN_LETTERS)
    number = not text.strip(NUMBER_LETTERS) or resolve(text) != text
    word = text.lower() in {*TRUE_WORDS, *FALSE_WORDS, "y", "n"}
    return letters and text[-1] != ":" and not number and not word


def _escaped(letter: str) -> str:
    if letter in {'"', "\\"}:
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"


def _one_line(text: str) -> str:
    """Return text that fits a comment: names of files may hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


# --- docs/options.md --------------------------------------------------------------------------

INTRODUCTION = """\
# Options

Made from `kuma_net/tproxy/options.py` by `make docs`; do not edit it by hand.

Values are taken from these places; each wins over those before it, key by key (a list is
replaced, not added to):

1. the defaults below;
2. configuration documents, `--config FILE` in the order given (YAML or JSON; `-` is the standard
   input; a comma divides several names);
3. pod annotations, `--annotations FILE` (the file that the downward API writes, or YAML or JSON);
   where there is a whole document (`traffic.kuma.io/transparent-proxy-config`), single annotations
   say nothing, and a key of it that nobody knows is told of instead of refused;
4. the environment, `KUMA_TRANSPARENT_PROXY_...`;
5. flags.

`kuma-net config show --origin` prints every effective value and where it came from,
`kuma-net config schema` the JSON Schema of a document.
"""

GRAMMAR = """\
A *rule* of `excludePortsForUIDs` and `excludePortsForGIDs` is `[PROTO:][PORTS:]IDS`: `PROTO` is
`tcp`, `udp`, `tcp,udp` or `*`; `PORTS` a comma list of ports and ranges or `*`; `IDS` one numeric
id or one range. `tcp:443:1234` leaves alone what user 1234 sends to TCP port 443,
`53,8000-8999:1000-1999` two sets of ports for a thousand users, `1234` everything of one user.
In annotations and in the environment `;` divides several rules.
"""


def options_markdown() -> str:
    """Return ``docs/options.md``."""
    parts = [INTRODUCTION]
    for title, prefix in SECTIONS:
        chosen = [option for option in OPTIONS if _section(option) == prefix]
        parts += [f"## {title}\n", _options_table(chosen), _names_table(chosen)]
    parts += ["## Types\n", _types_table(), GRAMMAR, "## Older names\n", _legacy_text()]
    return "\n".join(parts)


SECTIONS = (
    ("General", ""),
    ("What arrives", "redirect.inbound"),
    ("What is sent", "redirect.outbound"),
    ("DNS", "redirect.dns"),
    ("Neighbouring interfaces", "redirect"),
    ("Rules", "rules"),
    ("Running", "running"),
)
"""Titles of the document's sections and which options they hold."""
RULES_KEYS = ("dropInvalidPackets", "log", "comments", "storeFirewalld")
RUNNING_KEYS = ("wait", "waitInterval", "retry", "iptablesExecutables", "cniMode")


def _section(option: Option) -> str:
    """Return which section an option belongs to."""
    head, _, rest = option.path.partition(".")
    if head in RULES_KEYS:
        return "rules"
    if head in RUNNING_KEYS:
        return "running"
    group = f"redirect.{rest.partition('.')[0]}"
    if head == "redirect":
        return group if group in {prefix for _, prefix in SECTIONS} else head
    return ""


def _table(head: str, rows: list[str]) -> str:
    """Return a Markdown table."""
    rule = "|" + " --- |" * head.count("|")
    return "\n".join([f"| {head} |", rule + " --- |", *rows]) + "\n"


def _code(text: str) -> str:
    return f"`{text}`" if text else "-"


def _options_table(options: list[Option]) -> str:
    rows = []
    for option in options:
        flag = f"{option.flag} {option.metavar}".strip() if option.flag else ""
        notes = " May be repeated." if option.repeatable else ""
        rows.append(
            f"| `{option.path}` | {_code(flag)} | {option.kind} | {_code(option.default)} "
            f"| {option.help}{notes} |"
        )
    return _table("key | flag | type | default | meaning", rows)


def _names_table(options: list[Option]) -> str:
    rows = []
    for option in options:
        annotations = ", ".join(f"`{key}`" for key in option.annotations) or "-"
        rows.append(
            f"| `{option.path}` | `{ENV_PREFIX}{option.env}` | {annotations} | {option.since} |"
        )
    return _table("key | environment | annotations | since", rows)


def _types_table() -> str:
    rows = []
    for name, kind in KINDS.items():
        several = f"list, divided by `{kind.separator}`" if kind.many else "one value"
        rows.append(f"| {name} | {several} | {kind.expects} |")
    return _table("type | how many | write", rows)


def _legacy_text() -> str:
    """Return the tables of names that still work, and of what is refused."""
    flags = [_legacy_row(legacy) for legacy in FLAGS.values()]
    annotations = [_legacy_row(legacy) for legacy in ANNOTATIONS.values()]
    refused = [f"| `{path}` | {why} |" for path, why in REFUSED_KEYS.items()]
    refused.append(f"| `--ebpf-*` | {NO_EBPF} |")
    return "\n".join(
        [
            "These still work and print a line that says what to write instead.\n",
            _table("name | since Kuma | instead", flags + annotations),
            "These are refused.\n",
            _table("name | why", refused),
        ]
    )


def _legacy_row(legacy: Legacy) -> str:
    return f"| `{legacy.name}` | {legacy.removed} | {legacy.advice} |"
