"""A machine for a whole Kubernetes node: a host of the lab with processes and folders of its own.

A node starts dozens of processes that leave their parents on purpose (a container's shim outlives
containerd) and writes where every node does: ``/etc/cni/net.d``, ``/opt/cni/bin``, ``/var/lib``.
So this host has, beyond network, ``/run`` and ``/etc``, its own ``/var/log``, ``/var/lib`` and
``/opt``, in memory; of the latter two it sees what the real ones hold, through links, but cannot
write it.

Three processes stand behind it.  The first waits outside for process 1 and dies with the tests
(``lab.enclosed``), process 1 reaps, the third one answers calls.  There is a control group in each
hierarchy of the machine: a kubelet asks for more of them than other runtimes.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from lab.cgroup import Cgroup
from lab.enclosed import Enclosed, enter_numbers
from lab.host import settle
from lab.system import MS_BIND, MS_RDONLY, MS_REC, MS_REMOUNT, mount

MS_SHARED = 1 << 20
"""include/uapi/linux/mount.h."""
OWN = ("/var/lib", "/opt")
"""Folders that a node writes to, besides /run, /etc and /var/log."""
CGROUPS = Path("/sys/fs/cgroup")


class Machine(Enclosed):
    """A host of the lab whose processes, folders and control groups end with it."""

    def __init__(self, name: str) -> None:
        """Make the namespaces and furnish them; raises CallError, MissingProgram."""
        cgroup = Cgroup(*_hierarchies())
        for group in cgroup.paths:
            _make_fit(group)
        self.cgroup = f"/{cgroup.name}"
        super().__init__(name, cgroup, partial(_settle, cgroup))

    def start(self, name: str, argv: tuple[str, ...], path: str = "") -> None:
        """Start a program that stays, its words in ``/var/log/NAME.log``; ``path`` goes first."""
        self.call(_start, name, argv, path)

    def end(self, name: str) -> None:
        """End a program that was started and wait for it."""
        self.call(_end, name)

    def ended(self) -> dict[str, str]:
        """Return the programs that ended by themselves, with the last they said."""
        return self.call(_ended)


def _settle(cgroup: Cgroup) -> None:
    """Become process 1; another process furnishes the machine and returns."""
    settle()
    cgroup.leave_the_root()  # and who sees the group gone knows that all processes are
    enter_numbers()
    working = os.fork()
    if working:
        _reap(working)
    _furnish()


def _reap(working: int) -> NoReturn:
    """Be process 1: take every orphan that ends, until the process that answers calls does."""
    try:
        while os.wait()[0] != working:
            pass
    finally:
        os._exit(0)


def _furnish() -> None:
    for name in OWN:
        _own(name)
    _put_memory("/var/log")
    # What is mounted later must be seen by containers that ask for it (HostToContainer).
    mount("none", "/", "none", MS_REC | MS_SHARED)


def _own(name: str) -> None:
    """Put a folder in memory over a real one, with links to what that holds."""
    real = Path("/run/lab" + name)
    real.mkdir(parents=True)
    mount(name, str(real), "none", MS_BIND | MS_REC)
    mount("none", str(real), "none", MS_REMOUNT | MS_BIND | MS_RDONLY)
    _put_memory(name)
    for one in real.iterdir():
        Path(name, one.name).symlink_to(one)


def _put_memory(name: str) -> None:
    mount("lab", name, "tmpfs", options="mode=0755,size=4g")


# --- its control groups --------------------------------------------------------------------------


def _hierarchies() -> list[Path]:
    """Return where hierarchies are mounted, for a kubelet to find: version 1, 2 or both.

    That of cpusets comes last: no process may enter a new group of it, and we enter the first.
    """
    found = [
        hierarchy
        for hierarchy in (CGROUPS, *CGROUPS.iterdir())
        if (hierarchy / "cgroup.procs").exists() and not hierarchy.is_symlink()
    ]
    return sorted(found, key=lambda hierarchy: "cpuset" in hierarchy.name)


def _make_fit(group: Path) -> None:
    """Let a control group be entered and have groups below it."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        # Version 1 begins with none; no process may enter then (cpuset(7)).
        if (group / file).exists() and not (group / file).read_text(encoding="ascii").strip():
            (group / file).write_bytes((group.parent / file).read_bytes())
    if group.parent == CGROUPS and (CGROUPS / "cgroup.controllers").exists():
        _hand_down(CGROUPS)


def _hand_down(hierarchy: Path) -> None:
    """Let groups below the root of version 2 have all controllers that there are."""
    for controller in (hierarchy / "cgroup.controllers").read_text(encoding="ascii").split():
        with suppress(OSError):
            (hierarchy / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


# --- in the machine ------------------------------------------------------------------------------


_programs: dict[str, subprocess.Popen[bytes]] = {}


def _start(name: str, argv: tuple[str, ...], path: str) -> None:
    environ = {"PATH": f"{path}:/usr/sbin:/usr/bin:/sbin:/bin".lstrip(":"), "HOME": "/run"}
    with Path(f"/var/log/{name}.log").open("ab") as log:
        _programs[name] = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, cwd="/"
        )


def _end(name: str) -> None:
    program = _programs.pop(name)
    program.kill()
    program.wait()


def _ended() -> dict[str, str]:
    return {
        name: Path(f"/var/log/{name}.log").read_text(encoding="utf-8", errors="replace")[-2000:]
        for name, program in _programs.items()
        if program.poll() is not None
    }
