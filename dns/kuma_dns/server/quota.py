"""Whether our processor time is rationed (cgroups(7)): then none of it is spent on waiting awake.

A container with a limit of half a core is stopped for the rest of each 100 ms once it has used its
share.  Whatever the loop spends on staying awake it would lose ten times over in being stopped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
_FILES: Final = ("cpu.max", "cpu/cpu.cfs_quota_us")
"""Of cgroups version 2 and 1: a quota in microseconds comes first; ``max`` or -1 is none."""
_NONE: Final = frozenset(("max", "-1", ""))


def is_rationed(root: Path = ROOT) -> bool:
    """Whether this container has a limit on processor time; False where none can be read."""
    for name in _FILES:
        try:
            words = (root / name).read_text(encoding="ascii").split()
        except (OSError, UnicodeDecodeError):
            continue
        return words[:1] != [] and words[0] not in _NONE
    return False
