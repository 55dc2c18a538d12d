"""A machine of the lab that runs containers: a host in which container runtimes feel at home.

::

    node   cni0 10.77.0.1 fd77::1  (bridge)  ---  eth0 10.77.0.2 fd77::2   a pod
           lo   answers for "world", "office", ...                        (as many as one likes)

It is a ``Host`` (own network, /run and /etc) with more of its own: process numbers and a cgroup
(``lab.enclosed``), /var, /opt and /dev/shm.  So a runtime finds the paths it is built with
(/opt/cni/bin, /etc/cni/net.d, /var/lib/cni), writes them, and the machine's stay as they are.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyroute2 import IPRoute

from lab import witness
from lab.building import MissingProgram
from lab.cgroup import Cgroup
from lab.enclosed import Enclosed, enter_numbers
from lab.host import settle, write_here
from lab.rows import rules_here
from lab.servers import Door, open_doors
from lab.system import CLONE_NEWCGROUP, mount
from lab.topology import ANSWERED, answer_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PLUGINS = Path("/usr/lib/cni")
"""Where Debian's package containernetworking-plugins has them."""
BIN_DIR, CONF_DIR = "/opt/cni/bin", "/etc/cni/net.d"
"""The paths that runtimes are built with."""
KEPT_BY_RUNTIMES = ("/opt/cni", "/var/lib/cni", "/var/lib/containers", "/var/log/kuma-net")
"""What the machine's own runtimes and plugins may have left; a node of the lab begins empty."""


class Node(Enclosed):
    """A machine that runs containers; ``programs`` are links in its plugin folder.

    Raises MissingProgram where there are no reference plugins, or no cgroups to be written.
    """

    def __init__(self, name: str, programs: Mapping[str, Path]) -> None:
        """Make it; the reference plugins are there, beside ``programs``."""
        if not PLUGINS.is_dir():
            raise MissingProgram(
                "there are no reference plugins (package containernetworking-plugins)"
            )
        self._doors: set[Door] = set()
        cgroup = Cgroup()
        super().__init__(name, cgroup, partial(_settle, cgroup))
        try:
            self.call(_furnish, {name: str(path) for name, path in programs.items()})
        except BaseException:
            self.stop()
            raise

    def listen(self, doors: Iterable[Door]) -> None:
        """Serve the doors that are not served yet."""
        missing = [door for door in doors if door not in self._doors]
        self._doors.update(missing)
        if missing:
            self.call(open_doors, "remote", missing)

    def write_network(self, name: str, text: str) -> None:
        """Write a network configuration into the folder that runtimes read."""
        self.write(f"{CONF_DIR}/{name}", text)

    def outside(self, path: str) -> Path:
        """Return a path of that machine's file system as the test's process reaches it.

        Links to its folder are followed first, over there: an absolute one would lead to the
        machine's.
        """
        folder, _, name = path.rpartition("/")
        return Path(f"/proc/{self.pid}/root{self.call(os.path.realpath, folder)}", name)

    def rules(self) -> str:
        """Return every rule of its own network, without counters."""
        return self.call(rules_here)

    def calls(self, container: str = "") -> list[dict[str, Any]]:
        """Return what the plugin ``witness`` was asked, of all containers or of one."""
        if not self.call(os.path.exists, str(witness.CALLS)):
            return []
        calls = [json.loads(line) for line in self.read(str(witness.CALLS)).splitlines()]
        return [call for call in calls if container in {"", call["CNI_CONTAINERID"]}]


def _settle(cgroup: Cgroup) -> None:
    """Enter the namespaces; return in the first process of the new process namespace."""
    settle()
    cgroup.join()
    enter_numbers(CLONE_NEWCGROUP)
    cgroup.leave_the_root()
    mount("lab-cgroup", "/sys/fs/cgroup", "cgroup2")


def _furnish(programs: dict[str, str]) -> None:
    """Give the machine folders of its own, plugins, and addresses to answer for."""
    for name in ("var", "opt"):
        _overlay(Path("/", name))
    for path in KEPT_BY_RUNTIMES:
        shutil.rmtree(path, ignore_errors=True)
    mount("lab-shm", "/dev/shm", "tmpfs", options="mode=1777,size=64m")
    for folder in ("cni", "containers", "containerd"):
        link = Path("/etc", folder)
        link.unlink(missing_ok=True)
        link.mkdir()
    for path in (BIN_DIR, CONF_DIR, "/run/tmp"):
        Path(path).mkdir(parents=True, exist_ok=True)
    for plugin in PLUGINS.iterdir():
        Path(BIN_DIR, plugin.name).symlink_to(plugin)
    for name, path in programs.items():
        Path(BIN_DIR, name).symlink_to(path)
    own = Path(BIN_DIR, "witness")
    own.write_text(f"#!{sys.executable} -IS\n{Path(witness.__file__).read_text()}")
    own.chmod(0o755)
    with IPRoute() as routes:
        routes.link("set", index=1, state="up")
        answer_for(routes, ANSWERED)
    # A local route is enough to send from an IPv4 address, not from an IPv6 one.
    write_here("/proc/sys/net/ipv6/ip_nonlocal_bind", "1")


def _overlay(folder: Path) -> None:
    """Lay a writable layer in memory over a folder of the machine."""
    layers = Path("/run/lab/layers", folder.name)
    upper, work = layers / "upper", layers / "work"
    for layer in (upper, work):
        layer.mkdir(parents=True)
    options = f"lowerdir={folder},upperdir={upper},workdir={work}"
    mount("lab", str(folder), "overlay", options=options)
