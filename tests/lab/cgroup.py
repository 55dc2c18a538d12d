"""A cgroup of one's own that is certain to go, with whatever the runtimes make below it.

Container runtimes make a cgroup for each container.  Unlike everything else in the lab those are
no part of any namespace: they stay in the machine's hierarchy until somebody removes them.  So a
machine of the lab that runs containers lives in a cgroup of its own, in a cgroup namespace rooted
there; and a process beside the test, a janitor, removes the whole tree when the test is killed.

What surprised us: version 2 of the hierarchy can be mounted where version 1 has all controllers
(hybrid systems).  runc, crun and podman believe a file system of type cgroup2 at /sys/fs/cgroup
and ask no further, so one layout does for every kind of machine; limits cannot be set where there
is no controller, which is why the lab's runtimes are told to set none.
"""

from __future__ import annotations

import itertools
import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from lab.building import MissingProgram
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_numbers = itertools.count(1)


class Cgroup:
    """A cgroup below the root of hierarchies, and the janitor that removes it.

    ``paths`` has it in each; the first is where processes join.
    """

    def __init__(self, *hierarchies: Path) -> None:
        """Make it, empty, by default in that of version 2 alone; raises MissingProgram."""
        self.name = f"kuma-net-lab-{os.getpid()}-{next(_numbers)}"
        self.paths = [one / self.name for one in hierarchies or (hierarchy(),)]
        # The janitor comes first, lest a kill between the two leave a cgroup behind.
        self._janitor = _fork_janitor(self.paths)
        try:
            for path in self.paths:
                path.mkdir()
        except OSError as error:
            self.remove()
            raise MissingProgram(f"cannot make a cgroup: {error}") from error

    def join(self) -> None:
        """Move this process, with the children it will have, into the cgroup."""
        (self.paths[0] / "cgroup.procs").write_text("0", encoding="ascii")

    def leave_the_root(self) -> None:
        """Move to a leaf: a cgroup with processes cannot hand controllers down (cgroups(7))."""
        leaf = self.paths[0] / "lab"
        leaf.mkdir()
        (leaf / "cgroup.procs").write_text("0", encoding="ascii")

    def remove(self) -> None:
        """Remove the tree, whose processes have been killed, and dismiss the janitor."""
        if self._janitor:
            _remove_trees(self.paths)
            self._dismiss()

    def _dismiss(self) -> None:
        os.kill(self._janitor, signal.SIGKILL)
        os.waitpid(self._janitor, 0)
        self._janitor = 0


def hierarchy() -> Path:
    """Return where version 2 of the hierarchy is mounted; raises MissingProgram."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        # proc_pid_mountinfo(5): a lone hyphen ends the optional fields.
        left, _, right = line.partition(" - ")
        if right.startswith("cgroup2 "):
            return Path(left.split()[4])
    raise MissingProgram("no cgroup2 file system is mounted on this machine")


def _remove_trees(paths: Iterable[Path]) -> None:
    """Remove cgroups and all below; raises TimeoutError if a process stays in one of them."""
    for path in paths:
        _remove_tree(path)


def _remove_tree(path: Path) -> None:
    def gone() -> bool:
        for folder in _bottom_up(path):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False  # EBUSY: what was killed has not ended yet
        return True

    if not eventually(gone, 10.0):
        raise TimeoutError(f"processes stay in {path}")


def _bottom_up(path: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(path, topdown=False):
        yield Path(folder)


def _fork_janitor(paths: Iterable[Path]) -> int:
    """Fork a process that removes the cgroup when this one has ended, be it by SIGKILL."""
    parent = os.getpid()
    employer = os.pidfd_open(parent)
    pid = os.fork()
    if pid:
        os.close(employer)
        return pid
    try:
        _wait_and_remove(employer, paths)
    finally:
        os._exit(0)


def _wait_and_remove(employer: int, paths: Iterable[Path]) -> None:
    """Be the janitor, in a session of its own: an interrupt at the terminal is not for it."""
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nowhere = os.open("/dev/null", os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    # Whoever waits for the end of a pipe of the test's must not wait for us.
    os.dup2(employer, 3)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    select.select([3], [], [])
    _remove_trees(paths)
