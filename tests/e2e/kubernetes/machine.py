"""A machine for a whole Kubernetes node: a host of the lab with processes and folders of its own.

A node starts dozens of processes that leave their parents on purpose (a container's shim outlives
containerd) and writes where every node does: ``/etc/cni/net.d``, ``/opt/cni/bin``, ``/var/lib``.
So this host has, beyond network, ``/run`` and ``/etc``, its own ``/var/log``, ``/var/lib`` and
``/opt``, in memory; of the latter two it sees what the real ones hold, through links, but cannot
write it.  And it has a PID namespace: what ends with process 1 ends for certain.

Three processes stand behind it.  The janitor is the one that the tests forked; it waits for the
signal that the kernel sends when they end, however they do, then kills process 1, waits until the
namespace is empty and removes the control groups, the only thing a namespace does not take along.
Process 1 reaps.  The third one answers calls.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from lab.host import Host, settle
from lab.processes import eventually
from lab.system import (
    CLONE_NEWNS,
    CLONE_NEWPID,
    MS_BIND,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    mount,
    unshare,
    wish_death,
)

MS_SHARED = 1 << 20
"""include/uapi/linux/mount.h."""
OWN = ("/var/lib", "/opt")
"""Folders that a node writes to, besides /run, /etc and /var/log."""
CGROUPS = Path("/sys/fs/cgroup")


class Machine(Host):
    """A host of the lab whose processes, folders and control groups end with it."""

    def __init__(self, name: str) -> None:
        """Make the namespaces and furnish them; raises CallError."""
        super().__init__(name, _settle)
        self.cgroup = _cgroup(self.pid)
        self.call(_make_groups, self.cgroup)

    def kill(self) -> None:
        """End the machine; when this returns no process and no control group of it is left."""
        if self._alive:
            self._alive = False
            os.kill(self.pid, signal.SIGTERM)
            os.waitpid(self.pid, 0)
            self._pipe.close()

    def start(self, name: str, argv: tuple[str, ...], path: str = "") -> None:
        """Start a program that stays, its words in ``/var/log/NAME.log``; ``path`` goes first."""
        self.call(_start, name, argv, path)

    def end(self, name: str) -> None:
        """End a program that was started and wait for it."""
        self.call(_end, name)

    def ended(self) -> dict[str, str]:
        """Return the programs that ended by themselves, with the last they said."""
        return self.call(_ended)


def _cgroup(janitor: int) -> str:
    return f"/kuma-net-{janitor}"


def _settle() -> None:
    """Become janitor and process 1; the third process furnishes the machine and returns."""
    waited = {signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    parent = os.getppid()
    wish_death(signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)
    unshare(CLONE_NEWNS | CLONE_NEWPID)
    first = os.fork()
    if first:
        _keep_clean(first, waited)
    wish_death(signal.SIGKILL)
    mount("none", "/", "none", MS_REC | MS_PRIVATE)
    mount("proc", "/proc", "proc")
    working = os.fork()
    if working:
        _reap(working)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, waited)
    _furnish()


def _keep_clean(first: int, waited: set[signal.Signals]) -> NoReturn:
    """Be the janitor: wait for the end of process 1 or of the tests, then clean up."""
    try:
        if signal.sigwait(waited) == signal.SIGTERM:
            os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)
        for hierarchy in (CGROUPS, *CGROUPS.iterdir()):
            _remove(Path(f"{hierarchy}{_cgroup(os.getpid())}"))
    finally:
        os._exit(0)


def _remove(group: Path) -> None:
    """Remove a control group with those below it, once the last process of each has ended."""
    below = [path for path in group.iterdir() if path.is_dir()] if group.is_dir() else []
    for path in below:
        _remove(path)
    eventually(lambda: _is_gone(group), 5.0)


def _is_gone(group: Path) -> bool:
    try:
        group.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _reap(working: int) -> NoReturn:
    """Be process 1: take every orphan that ends, until the process that answers calls does."""
    try:
        while os.wait()[0] != working:
            pass
    finally:
        os._exit(0)


def _furnish() -> None:
    settle()
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


# --- in the machine ------------------------------------------------------------------------------


def _make_groups(name: str) -> None:
    """Make a control group in each hierarchy, for a kubelet to find: version 1, 2 or both."""
    for hierarchy in (CGROUPS, *CGROUPS.iterdir()):
        if not (hierarchy / "cgroup.procs").exists() or hierarchy.is_symlink():
            continue
        group = Path(f"{hierarchy}{name}")
        group.mkdir()
        for file in ("cpuset.cpus", "cpuset.mems"):
            # Version 1 begins with none; no process may enter then (cpuset(7)).
            if (group / file).exists() and not (group / file).read_text(encoding="ascii").strip():
                (group / file).write_bytes((hierarchy / file).read_bytes())
    if (CGROUPS / "cgroup.controllers").exists():
        _hand_down(CGROUPS)


def _hand_down(hierarchy: Path) -> None:
    """Let groups below the root of version 2 have all controllers that there are."""
    for controller in (hierarchy / "cgroup.controllers").read_text(encoding="ascii").split():
        with suppress(OSError):
            (hierarchy / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


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
