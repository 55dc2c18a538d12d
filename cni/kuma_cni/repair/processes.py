"""A pod's processes, by the names of their control groups.

The kubelet gives each pod a group that bears the pod's UID: ``.../pod<uid>/...``, or with systemd
``...-pod<uid, with _ for ->.slice/...`` (pkg/kubelet/cm/pod_container_manager_linux.go).  The UID
of a static pod is there the hash of its file, which the API server knows as the annotation
``kubernetes.io/config.hash``.  Of a pod's processes the first one counts: it is the pause process,
whose network is the pod's, while later ones may have made networks of their own.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

CONFIG_HASH: Final = "kubernetes.io/config.hash"
_POD: Final = re.compile(
    r"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?(?:/|$)",
    re.MULTILINE,
)
_READ: Final = 1 << 14


def pod_processes(proc: str) -> Mapping[str, int]:
    """Return a process of each pod that runs, by the UID in its group's name; raises OSError."""
    found: dict[str, int] = {}
    for pid in sorted(int(entry.name) for entry in os.scandir(proc) if entry.name.isdigit()):
        try:
            with open(f"{proc}/{pid}/cgroup", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - text
                groups = file.read(_READ)
        except OSError:  # it has ended
            continue
        match = _POD.search(groups)
        if match:
            found.setdefault(match[1].replace("_", "-"), pid)
    return found


def process_of(
    processes: Mapping[str, int], uid: str, annotations: Mapping[str, str]
) -> int | None:
    """Return the process of a pod among those that ``pod_processes`` found; None for no such pod.

    Whoever may make a pod may write the annotation of a static one: it counts only where no group
    bears the pod's own UID, and another pod's UID, which has dashes, is not taken for a hash.
    """
    if uid in processes:
        return processes[uid]
    static = annotations.get(CONFIG_HASH, "")
    return None if "-" in static else processes.get(static)
