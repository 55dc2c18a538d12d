"""A machine of the lab whose processes have numbers of their own, and cgroups: all end with it.

Process numbers of its own are what ends everything: runtimes detach their children on purpose
(containerd's shims, podman's conmon), and the kernel kills all of a process namespace when its
first process ends.  The agent's process waits outside for that first one; it dies with the test,
and the first one with it.
"""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from lab.host import Host
from lab.processes import children
from lab.system import CLONE_NEWPID, mount, unshare, wish_death_of_orphan

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.cgroup import Cgroup

ENDS_WITHIN = 10.0


class Enclosed(Host):
    """A host of which no process and no cgroup is left when it has been stopped."""

    def __init__(self, name: str, cgroup: Cgroup, prepare: Callable[[], None]) -> None:
        """Make it; ``prepare`` makes the namespaces and calls ``enter_numbers``."""
        self._cgroup = cgroup
        try:
            super().__init__(name, prepare)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it with all its processes; afterwards nothing is left of it."""
        super().stop()
        self._cgroup.remove()

    def kill(self) -> None:
        """End it at once; the first process ends when all others have (pid_namespaces(7))."""
        firsts = [os.pidfd_open(pid) for pid in children(self.pid)] if self._alive else []
        super().kill()
        for first in firsts:
            select.select([first], [], [], ENDS_WITHIN)
            os.close(first)


def enter_numbers(flags: int = 0) -> None:
    """Make a process namespace, and others by ``flags``; return in its first process."""
    unshare(CLONE_NEWPID | flags)
    told, tell = os.pipe()
    first = os.fork()
    if first:
        os.close(told)
        # Our parent's signal ends us, ours ends the first process, the kernel all the others.
        os.write(tell, b"!")
        os.close(tell)
        os.waitpid(first, 0)
        os._exit(0)
    os.close(tell)
    wish_death_of_orphan(told)
    mount("proc", "/proc", "proc")
