"""Reads the words behind a command: flags, their values, and what stands beside them.

The manners are those of ``kuma_net.tproxy.flags``, which knows kumactl's flags and their history:
``--x=y`` and ``--x y`` give a value, a switch stands alone or takes ``=false``, ``--`` ends the
flags, and whatever is not understood is told together with everything else that is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_dns.cli.commands import HELP
from kuma_net.errors import Violation
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuma_dns.cli.commands import Command

_SHORT: Final = {"-h": HELP.flag}
_ON: Final = frozenset({"true", "1", "t", "yes"})


class Words(Record):
    """What stood behind a command.

    ``flags`` are (flag, text) in the order given; ``beside`` the words that belong to no flag;
    ``violations`` what was not understood.
    """

    flags: tuple[tuple[str, str], ...] = ()
    beside: tuple[str, ...] = ()
    violations: tuple[Violation, ...] = ()

    def last(self, flag: str, default: str = "") -> str:
        """Return the text of the last use of a flag."""
        texts = [text for name, text in self.flags if name == flag]
        return texts[-1] if texts else default

    def has(self, *flags: str) -> bool:
        """Whether one of these flags was given."""
        return any(name in flags for name, _ in self.flags)

    def switched(self, flag: str) -> bool:
        """Whether a switch was given and not taken back by ``=false``."""
        return self.last(flag, "false").lower() in _ON


def read_words(words: Sequence[str], command: Command) -> Words:
    """Read the words behind a command."""
    reading = _Reading(command)
    left = list(reversed(words))
    while left:
        word = left.pop()
        if word == "--":
            reading.beside += reversed(left)
            break
        if word.startswith("-") and word != "-":
            reading.flag(word, left)
        else:
            reading.beside.append(word)
    reading.count_beside()
    return Words(tuple(reading.flags), tuple(reading.beside), tuple(reading.violations))


class _Reading:
    """What was read so far."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.valued = dict.fromkeys(command.options, True)
        self.valued |= {one.flag: bool(one.metavar) for one in (*command.switches, HELP)}
        self.flags: list[tuple[str, str]] = []
        self.beside: list[str] = []
        self.violations: list[Violation] = []

    def flag(self, word: str, left: list[str]) -> None:
        """Take a flag, and its value from the words that are left (the next one is the last)."""
        name, equals, text = word.partition("=")
        name = _SHORT.get(name, name)
        if name not in self.valued:
            self._strange(name, bool(equals), left)
            return
        if not equals:
            text = "true"
            if self.valued[name]:
                if not left or left[-1].partition("=")[0] in self.valued:
                    self._wrong(name, "", "needs a value")
                    return
                text = left.pop()
        self.flags.append((name, text))

    def _strange(self, name: str, given: bool, left: list[str]) -> None:
        from kuma_dns.settings.options import BY_FLAG
        from kuma_net.tproxy.spelling import nearest

        if name in BY_FLAG:
            self._wrong(name, "", f"has no effect on {self.command.name}", "leave it out")
            meant = name
        else:
            meant = nearest(name, self.valued)
            right = f"did you mean {meant}?" if meant else f"kuma-dns {self.command.name} --help"
            self._wrong(name, "", "unknown flag", right)
        # The value of the flag that was meant is no second mistake.
        takes_value = self.valued.get(meant, meant == name)
        if takes_value and not given and left and not left[-1].startswith("-"):
            left.pop()

    def count_beside(self) -> None:
        """See that as many words stand beside the flags as the command takes."""
        words = self.command.words
        if not words:
            for word in self.beside:
                self._wrong(word, "", "not understood", "values follow their flag")
        elif not self.beside and words[0] != "[" and not self._asks_help():
            self._wrong(words, "", "is missing", f"write a {words.lower()}")
        elif "..." not in words:
            for word in self.beside[1:]:
                self._wrong(word, "", "not understood", f"only one {words} is taken")

    def _asks_help(self) -> bool:
        return any(name == HELP.flag for name, _ in self.flags)

    def _wrong(self, name: str, value: str, wrong: str, right: str = "") -> None:
        self.violations.append(Violation(name, value, "", wrong, right))
