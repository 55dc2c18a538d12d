"""A lean parser of command lines, with the manners of the library that kumactl uses (pflag).

``--x=y`` and ``--x y`` give a value; a boolean stands alone or takes ``--x=false`` (never
``--x false``: that ``false`` is a stray word, which kumactl ignores in silence and we refuse);
``--`` ends the flags.  Nothing is judged here but names: texts are read by ``sources``, so that
violations of every source are told at once.

argparse would cost 11 ms of a process that lives 20.
"""

from __future__ import annotations

from kuma_net.errors import Violation
from kuma_net.record import Record
from kuma_net.tproxy.options import BY_FLAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND_LINE = "command line"
EBPF_FLAG = "--ebpf-"


class Flag(Record):
    """A flag of a command that is no option of the configuration.

    Without ``metavar`` it is a switch.  ``short`` is a one-letter form, ``-v``.
    """

    name: str
    help: str
    metavar: str = ""
    short: str = ""
    repeatable: bool = False


CONFIG = Flag(
    "--config",
    "Read a configuration document, YAML or JSON; - is the standard input. Later ones win.",
    "FILE",
    repeatable=True,
)
ANNOTATIONS = Flag(
    "--annotations",
    "Read pod annotations: the file that the downward API writes, or YAML, or JSON.",
    "FILE",
    repeatable=True,
)
HELP = Flag("--help", "Show this text.", short="-h")
SOURCE_FLAGS = (CONFIG, ANNOTATIONS)
"""Flags that name further sources; every command that takes options takes them too."""


class Arguments(Record):
    """A parsed command line.

    ``options`` are (flag, text) of the configuration, ``extras`` of the command, both in the
    order given; ``violations`` are names and words that were not understood.
    """

    options: tuple[tuple[str, str], ...] = ()
    extras: tuple[tuple[str, str], ...] = ()
    help: bool = False
    violations: tuple[Violation, ...] = ()

    def every(self, name: str) -> tuple[str, ...]:
        """Return the texts of all uses of a command's flag, in order."""
        return tuple(text for flag, text in self.extras if flag == name)

    def last(self, name: str, default: str = "") -> str:
        """Return the text of the last use of a command's flag."""
        texts = self.every(name)
        return texts[-1] if texts else default

    def switched(self, name: str) -> bool:
        """Whether a switch was given and not taken back by ``=false``."""
        return self.last(name, "false").lower() in {"true", "1", "t"}


def parse_flags(argv: Sequence[str], extras: Sequence[Flag] = SOURCE_FLAGS) -> Arguments:
    """Parse ``argv`` (without the program's name) into texts by flag."""
    known = {flag.name: flag for flag in (*extras, HELP)}
    short = {flag.short: flag.name for flag in (*extras, HELP) if flag.short}
    options: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    violations: list[Violation] = []
    words = list(reversed(argv))
    while words:
        word = words.pop()
        name, equals, text = word.partition("=")
        name = short.get(name, name)
        if name.startswith(EBPF_FLAG):
            _refuse_ebpf(name, violations)
            if not equals and name != "--ebpf-enabled":
                _value(words, known)
            continue
        if word == "--":
            violations += [_stray(rest) for rest in reversed(words)]
            break
        takes_value = _takes_value(name, known)
        if takes_value is None:
            violations.append(_strange(word, words, known))
            continue
        if not equals:
            text = "true"
            if takes_value:
                found = _value(words, known)
                if found is None:
                    violations.append(Violation(name, "", COMMAND_LINE, "needs a value"))
                    continue
                text = found
        (others if name in known else options).append((name, text))
    asked = any(name == HELP.name for name, _ in others)
    return Arguments(tuple(options), tuple(others), asked, tuple(violations))


def _takes_value(name: str, extras: dict[str, Flag]) -> bool | None:
    """Whether a flag is followed by a value; None for what is no flag of ours."""
    if option := BY_FLAG.get(name):
        return option.kind != "bool"
    if flag := extras.get(name):
        return bool(flag.metavar)
    if not name.startswith("-"):
        return None
    from kuma_net.tproxy.legacy import FLAGS as LEGACY_FLAGS

    legacy = LEGACY_FLAGS.get(name)
    return legacy.takes_value if legacy else None


def _value(words: list[str], extras: dict[str, Flag]) -> str | None:
    """Take the next word (the last of ``words``), unless there is none or it is a flag itself."""
    if not words or _takes_value(words[-1].partition("=")[0], extras) is not None:
        return None
    return words.pop()


def _refuse_ebpf(name: str, violations: list[Violation]) -> None:
    """Refuse the six eBPF flags in one sentence, however many are given."""
    from kuma_net.tproxy.legacy import NO_EBPF

    if not any(violation.path.startswith(EBPF_FLAG) for violation in violations):
        violations.append(Violation(name, "", COMMAND_LINE, NO_EBPF))


def _stray(word: str) -> Violation:
    """Return what to say about a word that is neither a flag nor a flag's value."""
    right = "a switch is turned off by --name=false, other values follow their flag"
    return Violation(word, "", COMMAND_LINE, "not understood", right)


def _strange(word: str, words: list[str], extras: dict[str, Flag]) -> Violation:
    """Return what to say about a word that nobody knows.

    The value that belongs to the flag that was meant is taken from ``words``: it is no second
    mistake.
    """
    name, equals, _ = word.partition("=")
    if not name.startswith("-"):
        return _stray(word)
    from kuma_net.tproxy.legacy import FLAGS as LEGACY_FLAGS
    from kuma_net.tproxy.spelling import nearest

    meant = nearest(name, (*BY_FLAG, *extras, *LEGACY_FLAGS))
    if not equals and _takes_value(meant, extras):
        _value(words, extras)
    right = f"did you mean {meant}?" if meant else ""
    return Violation(name, "", COMMAND_LINE, "unknown flag", right)


def document_paths(arguments: Arguments, config: Flag = CONFIG) -> tuple[str, ...]:
    """Return the configuration documents to read, in order; ``config`` is the flag for them.

    A comma divides several in one ``--config``.  ``--config-file`` counts too, unless it names
    the file in which kumactl itself remembers control planes (``legacy`` tells the story).
    """
    paths = [path for text in arguments.every(config.name) for path in text.split(",")]
    for flag, text in arguments.options:
        own = text.endswith((".kumactl", ".kumactl/config"))
        if flag == "--config-file" and not own:
            paths.append(text)
    return tuple(path.strip() for path in paths if path.strip())
