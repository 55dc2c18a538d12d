"""What lies on which shelf: modules that are loaded together lie together.

A shelf is one file with the code of several modules, loaded whole when the first of them is
imported (``start``).  ``runs.json`` has, for every kind of run that counts, the modules it loads
in the order in which their imports end (``record`` writes it).  Modules that are loaded by the
same kinds of run share a shelf: so a run loads no module that it does not need, and opens few
files.  In that order a module comes after those that it needs at once.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

RUNS = Path(__file__).with_name("runs.json")


def read_runs() -> dict[str, list[str]]:
    """Return the kinds of run and the modules that each loads, in order."""
    runs: dict[str, list[str]] = json.loads(RUNS.read_text(encoding="utf-8"))
    return runs


def shelves(runs: Mapping[str, Sequence[str]], there: Container[str]) -> dict[str, list[str]]:
    """Return the names of shelves and what lies on each, in order; of modules that are there."""
    users: dict[str, list[str]] = {}
    for run, names in sorted(runs.items()):
        for name in names:
            users.setdefault(name, []).append(run)
    found: dict[str, list[str]] = {}
    for run in sorted(runs):
        for name in runs[run]:
            if users[name][0] == run and name in there:
                found.setdefault("+".join(users[name]), []).append(name)
    return found
