"""containerd and runc on a node of the lab: started, stopped, killed and started again.

Its configuration is the one of a node but for what the lab lacks: no limits (there may be no
controller), no OOM scores below the test's own, and its state in memory.  The programs come with
Debian's packages ``containerd`` and ``runc``, installed or unpacked into a folder of their own.
"""

from __future__ import annotations

import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kuma_cni.cri.grpc import GrpcError
from lab.archive import IMAGE
from lab.building import MissingProgram
from lab.cri import network_ready_here
from lab.host import fork_here, run_here
from lab.node import BIN_DIR, CONF_DIR
from lab.processes import eventually
from lab.programs import BIN, SERVERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.host import Ended
    from lab.node import Node

SOCKET = "/run/containerd/containerd.sock"
LOG = "/run/containerd.log"
CONFIG = f"""
version = 2
root = "/run/containerd/root"
state = "/run/containerd/state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
restrict_oom_score_adj = true
disable_cgroup = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{BIN_DIR}"
conf_dir = "{CONF_DIR}"
"""
PROGRAMS = ("containerd", "ctr", "containerd-shim-runc-v2", "runc")
PLACES = (*map(str, SERVERS), str(BIN.with_name("debian") / "usr/bin"), "/usr/bin", "/bin")
"""Where they are, the unpacked ones first; the first folder's find their libraries."""


class Containerd:
    """containerd on a node; starts when told to."""

    def __init__(self, node: Node, environ: Mapping[str, str] | None = None) -> None:
        """Write its configuration; ``environ`` is inherited by the plugins, as everywhere.

        Raises MissingProgram.
        """
        self.programs = find_programs()
        self._node = node
        self._environ = dict(environ or {})
        self._pid = 0
        node.write("/etc/containerd/config.toml", CONFIG)

    def start(self) -> None:
        """Start it and wait until it serves."""
        words = (self.programs["containerd"], "-c", "/etc/containerd/config.toml")
        self._pid = self._node.call(_start_here, words, self._environ)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it (SIGKILL: without warning) and wait for its end; containers live on."""
        self._node.call(_end_here, self._pid, number)

    def load(self, archive: Path) -> None:
        """Load an image for pods (the namespace ``k8s.io``) and for ``ctr``'s own containers."""
        for namespace in ("k8s.io", "default"):
            self.ctr("-n", namespace, "images", "import", str(archive))

    def ctr(self, *words: str, check: bool = True) -> Ended:
        """Run containerd's own client."""
        argv = (self.programs["ctr"], "-a", SOCKET, *words)
        return self._node.run(argv, check=check, environ={"TMPDIR": "/run/tmp"})

    def log(self) -> str:
        """Return all that it said since it first started."""
        return self._node.read(LOG)


def find_programs() -> dict[str, str]:
    """Return where each program is; raises MissingProgram."""
    path = os.pathsep.join(PLACES)
    found = {name: shutil.which(name, path=path) for name in PROGRAMS}
    if missing := [name for name, place in found.items() if place is None]:
        raise MissingProgram(
            f"not on this machine: {', '.join(missing)} (packages containerd, runc)"
        )
    return {name: place for name, place in found.items() if place}


def _start_here(words: tuple[str, ...], environ: dict[str, str]) -> int:
    Path(SOCKET).unlink(missing_ok=True)
    pid = fork_here(partial(_exec, words, environ))

    def serves() -> bool:
        if os.waitpid(pid, os.WNOHANG)[0]:
            raise ChildProcessError(f"containerd ended: {_end_of_log()}")
        try:
            network_ready_here(SOCKET)
        except GrpcError:
            return False
        return True

    if not eventually(serves, 30.0):
        raise TimeoutError(f"containerd does not serve: {_end_of_log()}")
    return pid


def _exec(words: tuple[str, ...], environ: dict[str, str]) -> None:
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    own = {"PATH": os.pathsep.join((*PLACES[1:], "/sbin")), "TMPDIR": "/run/tmp"}
    os.execve(words[0], words, own | environ)  # noqa: S606 - no shell is wanted


def _end_of_log() -> str:
    return Path(LOG).read_text(encoding="utf-8")[-2000:]


def _end_here(pid: int, number: int) -> None:
    os.kill(pid, number)
    if not eventually(lambda: bool(os.waitpid(pid, os.WNOHANG)[0])):
        raise TimeoutError(f"process {pid} does not end: {_end_of_log()}")


def shims_here() -> list[str]:
    """Return the command lines of the shims that run: one for each pod."""
    ended = run_here(("ps", "-eo", "stat=,args="), "", {})
    lines = [line.split(None, 1) for line in ended.stdout.splitlines()]
    return [words[1] for words in lines if "containerd-shim" in words[1] and words[0][0] != "Z"]
