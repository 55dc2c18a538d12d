"""What is said of options that a source may not set.

Where whoever speaks is not whoever owns the machine (a pod, to its node), most of what could be
said is harmless and the rest is not: the path of a program, for one, that root would then run.
Such words are not read at all, so that they can do nothing; but they are told of, unless they
ask for what holds anyway, as the documents of Kuma's injector do.
"""

from __future__ import annotations

from kuma_net.errors import Violation
from kuma_net.tproxy.grammar import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kuma_net.tproxy.option import Given, Option

LONGEST_SHOWN = 60
"""Letters of a value in a note: what fits a line."""


def disregarded(given: Given, option: Option, holds: str) -> str:
    """Return the note for a value that is not read, where ``holds`` is in force; empty for none."""
    said = given.value
    if said is None or (not said and not holds):
        return ""
    text = str(said).lower() if isinstance(said, bool) else str(said)
    if isinstance(said, str | int) and _same(option, text, holds):
        return ""
    shown = text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."
    wrong = f"without effect here, it is {holds}" if holds else "without effect here"
    return str(Violation(given.path, shown, given.source, wrong))


def _same(option: Option, said: str, holds: str) -> bool:
    """Whether two texts mean the same to an option; text that means nothing does not."""
    read = KINDS[option.kind].read
    bad: list[Any] = []
    return bool(read([said], bad) == read([holds], bad) and not bad)
