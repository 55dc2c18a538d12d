"""The nearest known name, for the sentence "did you mean ...?"."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


MOST = 20
"""Unknown names of one source for which a known one is looked for: who has more misspelt nothing,
and a pod's annotations have room for tens of thousands, at some milliseconds each."""


def distance(one: str, other: str) -> int:
    """Return how many letters must be added, dropped or changed (Levenshtein's distance)."""
    row = list(range(len(other) + 1))
    for count, letter in enumerate(one, 1):
        diagonal, row[0] = row[0], count
        for column, second in enumerate(other, 1):
            cost = min(row[column] + 1, row[column - 1] + 1, diagonal + (letter != second))
            diagonal, row[column] = row[column], cost
    return row[-1]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that looks most like ``name``, or empty when none does.

    The case does not matter; at most a third of the letters may differ.
    """
    wanted = name.lower()[:100]
    limit = max(2, len(wanted) // 3)
    best = ""
    for candidate in known:
        apart = distance(wanted, candidate.lower())
        if apart <= limit:
            best, limit = candidate, apart - 1
    return best


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean X?``, or empty when nothing known looks like ``name``."""
    found = nearest(name, known)
    return f"did you mean {found}?" if found else ""
