"""A node's life with the installer: containerd, the installer and the plugin, all from the bundle.

The node begins with a primary network alone, and a pod of the mesh that was there too early.  The
installer puts the plugin there while containerd runs; it is killed, comes back, and takes all away
again.  No API server is anywhere near.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import cri
from lab.archive import write_image
from lab.building import MissingProgram
from lab.bundle import launcher
from lab.case import PLAIN
from lab.containerd import SOCKET
from lab.cri import PodSpec
from lab.host import fork_here
from lab.kubelet import NETWORK_FILE, Kubelet
from lab.networks import bridge, conflist
from lab.node import BIN_DIR, CONF_DIR
from lab.pods import ALONE, MESH, SINGLE, UNTOUCHED
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIMARY = conflist(bridge())
INSTALLER = "/run/kuma-cni-install"
LOG = "/run/installer.log"
ENVIRON = {
    "MOUNTED_CNI_NET_DIR": CONF_DIR,
    "KUMA_CNI_MOUNTED_BIN_DIRS": BIN_DIR,
    "KUMA_CNI_GRACE": "0.01",
    "KUMA_CNI_HTTP": "off",
    "CONTAINER_RUNTIME_ENDPOINT": f"unix://{SOCKET}",
}


class Installed:
    """A node with containerd, on which an installer can be started."""

    def __init__(self, archive: Path) -> None:
        """Make it, with a primary network alone; raises MissingProgram."""
        self.kubelet = Kubelet(archive, PRIMARY)
        self.node = self.kubelet.node
        self._pid = 0
        self.node.call(os.symlink, str(launcher()), INSTALLER)

    def start(self) -> None:
        """Start the installer and wait until containerd has our plugin in its network."""
        self._pid = self.node.call(start_here)
        assert eventually(self.is_in_use), self.node.read(LOG)

    def kill(self) -> None:
        """End the installer without warning."""
        self.node.call(os.kill, self._pid, signal.SIGKILL)
        self.node.call(os.waitpid, self._pid, 0)

    def is_in_use(self) -> bool:
        """Whether containerd has our plugin in its network."""
        lists = self.node.call(cri.network_lists_here, SOCKET)
        return any("kuma-cni" in text for text in lists)

    def check(self, sandbox: str, rows: str) -> None:
        """Send a pod's packets."""
        with self.kubelet.inside(sandbox) as inside:
            inside.check(rows)

    def captured(self, sandbox: str) -> bool:
        """Whether a pod has rules."""
        with self.kubelet.inside(sandbox) as inside:
            return inside.rules() != ""


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    try:
        installed = Installed(write_image(tmp_path / "busybox.tar"))
    except MissingProgram as missing:
        pytest.skip(str(missing))
    yield installed
    installed.kubelet.stop()


def start_here() -> int:
    """Start the installer; return its pid."""

    def run() -> None:
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execve(INSTALLER, (INSTALLER,), ENVIRON)  # noqa: S606 - no shell is wanted

    return fork_here(run)


def test_pods_are_captured_from_the_moment_the_installer_is_there_until_it_is_uninstalled(
    installed: Installed,
) -> None:
    kubelet, node = installed.kubelet, installed.node
    # As an injector annotates a pod whose rules no init container makes.
    early, alone = kubelet.run(PodSpec("early", SINGLE)), kubelet.run(PodSpec("alone", ALONE))
    installed.check(early, UNTOUCHED)
    installed.start()
    first = kubelet.run(PodSpec("first", MESH))
    installed.check(first, PLAIN)
    # The pod that was too early is mended in place.
    assert eventually(lambda: installed.captured(early)), node.read(LOG)
    # Neither pods nor the plugin need an installer that runs.
    installed.kill()
    second = kubelet.run(PodSpec("second", MESH))
    for sandbox in (early, first, second):
        installed.check(sandbox, PLAIN)
    # Nor does an upgrade, which is one ending and another beginning, leave anything out.
    installed.start()
    third = kubelet.run(PodSpec("third", MESH))
    installed.check(third, PLAIN)
    installed.kill()
    node.run((INSTALLER, "uninstall"), environ=ENVIRON)
    assert node.read(f"{CONF_DIR}/{NETWORK_FILE}") == PRIMARY
    assert eventually(lambda: not installed.is_in_use())
    assert node.run(["ls", CONF_DIR]).stdout.split() == [NETWORK_FILE]
    assert "kuma" not in node.run(["ls", BIN_DIR]).stdout
    late = kubelet.run(PodSpec("late", MESH))
    installed.check(late, UNTOUCHED)
    installed.check(alone, UNTOUCHED)
    assert not installed.captured(alone)
    installed.check(third, PLAIN)
    for sandbox in (early, alone, first, second, third, late):
        kubelet.remove(sandbox)
    assert node.run(["ls", "/run/netns"]).stdout == ""
