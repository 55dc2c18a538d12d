"""What servers keep resident."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from measuring import Figure, table

if TYPE_CHECKING:
    from dns_rounds import Up


class Memory(NamedTuple):
    """Resident memory in MiB (/proc/PID/smaps): all of it, and the mapped table's part."""

    whole: float
    table: float

    @property
    def own(self) -> float:
        """What the process has without the table."""
        return self.whole - self.table


def memory(pid: int) -> Memory:
    """Add up the ``Rss`` of all mappings; the table is mapped from a memfd (memfd_create(2))."""
    whole = table = 0
    shared = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            shared = "/memfd:" in line
        elif line.startswith("Rss:"):
            size = int(line.split()[1])
            whole += size
            table += size if shared else 0
    return Memory(whole / 1024, table / 1024)


Memories = dict[str, Memory]
"""By server."""


def memories(servers: Sequence[Up]) -> Memories:
    """Look at all servers."""
    return {server.name: memory(pid) for server, pid in servers}


def memory_figure(what: str, got: float, most: float) -> Figure:
    """Return a figure in MiB."""
    return f"{what}, MiB", f"<= {most:g}", f"{got:.1f}", got <= most


def memory_table(count: int, stages: dict[str, Memories]) -> str:
    """Return the table of memory: whole, and the table's part of it where there is one."""
    names = list(next(iter(stages.values())))
    rows = [[name, *(shown(found[name]) for found in stages.values())] for name in names]
    return table((f"resident MiB with {count:,} names", *stages), rows)


def shown(got: Memory) -> str:
    """Return one cell."""
    return f"{got.whole:.1f}" + (f" (table {got.table:.1f})" if got.table else "")
