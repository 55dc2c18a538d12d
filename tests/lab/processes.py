"""What runs on this machine, for tests that nothing is left behind."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def children(pid: int) -> list[int]:
    """Return the children of a process; none of one that has ended."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(word) for word in listed.split()]


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children, and so on."""
    found = children(pid)
    return found + [below for child in found for below in descendants(child)]


def running(pids: Iterable[int]) -> list[int]:
    """Return those of the processes that still run; one that only waits to be reaped does not."""
    return [pid for pid in pids if _state(pid) not in {"", "Z", "X"}]


def _state(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.rpartition(")")[2].split()[0]


def network_of(pid: int) -> str:
    """Return the name of a process's network namespace, ``net:[4026531840]``."""
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def networks_in_use() -> set[str]:
    """Return the network namespaces that any process lives in."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found.add(network_of(int(folder.name)))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
    return found


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Return whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
