"""A node with containerd, driven as a kubelet drives it; our plugin is in its network's list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import cri
from lab.bundle import launcher
from lab.containerd import SOCKET, Containerd
from lab.inside import Inside
from lab.networks import OURS, PORTMAP, WITNESS, bridge, conflist
from lab.node import Node
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.cri import ContainerSpec, Outcome, PodSpec

HOSTILE = {
    "PYTHONHOME": "/nonexistent",
    "PYTHONPATH": "/nonexistent",
    "PYTHONSTARTUP": "/nonexistent",
    "LANG": "xx_XX",
}
"""What a node's containerd may have in its environment, which plugins inherit."""


NETWORK_FILE = "10-lab.conflist"
NETWORK = conflist(bridge(), PORTMAP, OURS, WITNESS)


class Kubelet:
    """Makes and removes pods on a node of its own, by containerd."""

    def __init__(self, archive: Path, networks: Mapping[str, str] | None = None) -> None:
        """Start it; raises MissingProgram.

        ``networks`` are the files that it finds, by name; without them our plugin is there.
        """
        self.node = Node("node", {"kuma-cni": launcher()} if networks is None else {})
        try:
            self.containerd = Containerd(self.node, HOSTILE)
            for name, text in (networks or {NETWORK_FILE: NETWORK}).items():
                self.node.write_network(name, text)
            self.containerd.start()
            self.containerd.load(archive)
        except BaseException:
            self.node.stop()
            raise

    def run(self, pod: PodSpec) -> str:
        """Make a pod; return its sandbox's id."""
        return self.node.call(cri.run_pod_here, SOCKET, pod)

    def run_container(self, sandbox: str, pod: PodSpec, container: ContainerSpec) -> Outcome:
        """Run a container in a pod to its end."""
        return self.node.call(cri.run_container_here, SOCKET, sandbox, pod, container)

    def stop(self) -> None:
        """End the node with all that runs there."""
        self.node.stop()

    def use(self, network: str) -> None:
        """Have containerd use another network; it watches the folder."""
        self.node.write_network(NETWORK_FILE, network)
        assert eventually(lambda: network in self.node.call(cri.network_lists_here, SOCKET))

    def inside(self, sandbox: str) -> Inside:
        """Enter a pod's network."""
        return Inside(self.node, self.node.call(cri.network_here, SOCKET, sandbox).netns)

    def remove(self, sandbox: str) -> None:
        """Remove a pod as a kubelet does: it stops it, again, and removes it."""
        self.node.call(cri.stop_pod_here, SOCKET, sandbox)
        self.node.call(cri.stop_pod_here, SOCKET, sandbox)
        self.node.call(cri.remove_pod_here, SOCKET, sandbox)
