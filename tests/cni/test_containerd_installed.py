"""A node's life with the installer: containerd, the installer and the plugin, all from the bundle.

The node begins with a primary network alone, and a pod of the mesh that was there too early.  The
installer puts the plugin there while containerd runs; it is killed, comes back, and takes all away
again.  No API server is anywhere near.
"""

from __future__ import annotations

import json
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
from lab.injected import INJECTED, single
from lab.kubelet import Kubelet
from lab.networks import bridge, conflist
from lab.node import BIN_DIR, CONF_DIR
from lab.pods import ALONE, UNTOUCHED
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIST = {"10-lab.conflist": conflist(bridge())}
SINGLE_PLUGIN = {"10-lab.conf": json.dumps({"cniVersion": "1.0.0", "name": "lab"} | bridge())}
OWN = "00-kuma-cni.conflist"
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

    def __init__(self, archive: Path, primary: Mapping[str, str], own: str) -> None:
        """Make it with a primary network; ``own``: our list's file; raises MissingProgram."""
        self.kubelet = Kubelet(archive, primary)
        self.node = self.kubelet.node
        self.primary = primary
        self.environ = ENVIRON | {"KUMA_CNI_OWN_CONF_NAME": own}
        self._pid = 0
        self.node.call(os.symlink, str(launcher()), INSTALLER)

    def start(self) -> None:
        """Start the installer and wait until containerd has our plugin in its network."""
        self._pid = self.node.call(start_here, self.environ)
        assert eventually(self.is_in_use), self.node.read(LOG)

    def kill(self) -> None:
        """End the installer without warning."""
        self.node.call(os.kill, self._pid, signal.SIGKILL)
        self.node.call(os.waitpid, self._pid, 0)

    def networks(self) -> dict[str, str]:
        """Return the network configurations that are there."""
        names = self.node.run(["ls", CONF_DIR]).stdout.split()
        return {name: self.node.read(f"{CONF_DIR}/{name}") for name in names}

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


@pytest.fixture(
    params=[(LIST, ""), (LIST, OWN), (SINGLE_PLUGIN, "")],
    ids=["in its list", "in a list of our own", "in a list made of its only plugin"],
)
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installed]:
    try:
        installed = Installed(write_image(tmp_path / "busybox.tar"), *request.param)
    except MissingProgram as missing:
        pytest.skip(str(missing))
    yield installed
    installed.kubelet.stop()


def start_here(environ: dict[str, str]) -> int:
    """Start the installer; return its pid."""

    def run() -> None:
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execve(INSTALLER, (INSTALLER,), environ)  # noqa: S606 - no shell is wanted

    return fork_here(run)


def test_pods_are_captured_from_the_moment_the_installer_is_there_until_it_is_uninstalled(
    installed: Installed,
) -> None:
    kubelet, node = installed.kubelet, installed.node
    # As an injector annotates a pod whose rules no init container makes.
    early, alone = kubelet.run(PodSpec("early", single())), kubelet.run(PodSpec("alone", ALONE))
    installed.check(early, UNTOUCHED)
    installed.start()
    first = kubelet.run(PodSpec("first", INJECTED))
    installed.check(first, PLAIN)
    # The pod that was too early is mended in place.
    assert eventually(lambda: installed.captured(early)), node.read(LOG)
    # Neither pods nor the plugin need an installer that runs.
    installed.kill()
    second = kubelet.run(PodSpec("second", INJECTED))
    for sandbox in (early, first, second):
        installed.check(sandbox, PLAIN)
    # Nor does an upgrade, which is one ending and another beginning, leave anything out.
    installed.start()
    third = kubelet.run(PodSpec("third", INJECTED))
    installed.check(third, PLAIN)
    installed.kill()
    node.run((INSTALLER, "uninstall"), environ=installed.environ)
    assert installed.networks() == installed.primary
    assert eventually(lambda: not installed.is_in_use())
    assert "kuma" not in node.run(["ls", BIN_DIR]).stdout
    late = kubelet.run(PodSpec("late", INJECTED))
    installed.check(late, UNTOUCHED)
    installed.check(alone, UNTOUCHED)
    assert not installed.captured(alone)
    installed.check(third, PLAIN)
    for sandbox in (early, alone, first, second, third, late):
        kubelet.remove(sandbox)
    assert node.run(["ls", "/run/netns"]).stdout == ""
