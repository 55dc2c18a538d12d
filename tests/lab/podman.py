"""podman with its CNI backend on a node of the lab.

podman has no daemon: every command is a process of its own, and a container is looked after by
conmon.  So what "a restart of the runtime" means here is that nothing of podman runs between two
commands.  The backend is still built into Debian 12's podman 4.3 and gone in podman 5.

What surprised us: limits must be switched off one by one (a hierarchy without controllers has no
``pids.max``), and ulimits set, or runc wants to raise them beyond what a container may.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from lab.archive import IMAGE
from lab.building import MissingProgram
from lab.node import BIN_DIR, CONF_DIR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.host import Ended
    from lab.node import Node

CONTAINERS = f"""
[containers]
pids_limit = 0
default_ulimits = ["nofile=1024:4096", "nproc=4096:8192"]
[network]
network_backend = "cni"
cni_plugin_dirs = ["{BIN_DIR}"]
network_config_dir = "{CONF_DIR}"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
"""
STORAGE = """
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/run/containers/images"
"""
POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'
"""Nobody signs the lab's images."""
PROGRAMS = ("podman", "conmon", "runc")


class Podman:
    """podman on a node."""

    def __init__(self, node: Node) -> None:
        """Write its configuration; raises MissingProgram."""
        path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/libexec/podman"))
        if missing := [name for name in PROGRAMS if shutil.which(name, path=path) is None]:
            raise MissingProgram(
                f"not on this machine: {', '.join(missing)} (packages podman, runc)"
            )
        self._node = node
        node.write("/etc/containers/containers.conf", CONTAINERS)
        node.write("/etc/containers/storage.conf", STORAGE)
        node.write("/etc/containers/policy.json", POLICY)
        told = self.run("info", "--format", "{{.Host.NetworkBackend}}", check=False)
        if told.stdout.strip() != "cni":
            raise MissingProgram(f"this podman has no CNI backend: {told.stdout}{told.stderr}")

    def load(self, archive: Path) -> None:
        """Load an image."""
        self.run("load", "--quiet", "--input", str(archive))

    def start(
        self, name: str, network: str, *options: str, environ: Mapping[str, str] | None = None
    ) -> str:
        """Start a container in a network; return its network namespace's file.

        ``environ`` is podman's own: pairs in its CNI_ARGS are handed on to plugins.
        """
        words = ("--detach", "--name", name, "--network", network, *options)
        self.run("run", *words, IMAGE, environ=environ)
        key = ("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", name)
        return self.run(*key).stdout.strip()

    def remove(self, name: str) -> None:
        """End and remove a container."""
        self.run("rm", "--force", "--time", "0", name)

    def run(
        self, *words: str, environ: Mapping[str, str] | None = None, check: bool = True
    ) -> Ended:
        """Run a command of podman."""
        return self._node.run(("podman", *words), environ=environ, check=check)
