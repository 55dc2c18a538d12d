"""podman with its CNI backend, our plugin in its network's list.

podman names a container by K8S_POD_NAME and knows neither namespaces nor annotations.  So what it
starts by itself is none of the mesh; whoever wants a container captured says the pod's namespace
in podman's own CNI_ARGS, and the plugin looks the pod up.
"""

from __future__ import annotations

import fcntl
import os
import signal
from typing import TYPE_CHECKING

import pytest

from lab.archive import write_image
from lab.building import MissingProgram
from lab.bundle import launcher
from lab.case import PLAIN
from lab.host import SIDECAR, WORKLOAD
from lab.injected import INJECTED
from lab.inside import Inside
from lab.networks import KUBECONFIG, LOG_FILE, OURS, PORTMAP, STATE_DIR, WITNESS, bridge, conflist
from lab.node import Node
from lab.pod_api import KUBECONFIG_TEXT, mesh_pod, serve_here
from lab.podman import Podman
from lab.pods import UNTOUCHED
from lab.servers import Door, decode

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_THE_MESH = {"CNI_ARGS": "K8S_POD_NAMESPACE=demo"}
EXCLUDED = {"CNI_ARGS": "K8S_POD_NAMESPACE=kube-system"}
NS_GET_USERNS = 0xB701
"""include/uapi/linux/nsfs.h: _IO(0xb7, 0x1)."""


class Machine:
    """A node with podman and our plugin in its network."""

    def __init__(self, node: Node) -> None:
        """Furnish it; raises MissingProgram."""
        self.node = node
        node.write_network("10-lab.conflist", conflist(bridge(), PORTMAP, OURS, WITNESS))
        self.podman = Podman(node)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    try:
        archive = write_image(tmp_path_factory.mktemp("image") / "busybox.tar")
        node = Node("node", {"kuma-cni": launcher()})
    except MissingProgram as missing:
        pytest.skip(str(missing))
    try:
        machine = Machine(node)
        machine.podman.load(archive)
        yield machine
    except MissingProgram as missing:
        pytest.skip(str(missing))
    finally:
        node.stop()


def test_a_container_is_given_a_network_and_nothing_of_ours(machine: Machine) -> None:
    node, podman = machine.node, machine.podman
    netns = podman.start("passing", "lab")
    with Inside(node, netns) as inside:
        inside.check(UNTOUCHED)
        assert inside.rules() == ""
    podman.remove("passing")
    added, deleted = node.calls()[-2:]
    assert (added["verb"], deleted["verb"]) == ("ADD", "DEL")
    assert added["CNI_ARGS"] == "IgnoreUnknown=1;K8S_POD_NAME=passing"
    assert "runtimeConfig" not in added["network"]
    assert deleted["CNI_NETNS"] == netns
    for path in (LOG_FILE, STATE_DIR, netns):
        assert not node.call(os.path.exists, path)


def test_a_container_in_an_excluded_namespace_needs_no_api_server(machine: Machine) -> None:
    netns = machine.podman.start("excluded", "lab", environ=EXCLUDED)
    with Inside(machine.node, netns) as inside:
        inside.check(UNTOUCHED)
    machine.podman.remove("excluded")


def test_a_container_that_may_be_of_the_mesh_is_not_started_while_nobody_can_say(
    machine: Machine,
) -> None:
    with pytest.raises(AssertionError, match="kubeconfig"):
        machine.podman.start("unknown", "lab", environ=OF_THE_MESH)
    machine.podman.run("rm", "--force", "--ignore", "unknown")
    assert machine.node.run(["ls", "/run/netns"]).stdout == ""


def test_a_container_of_the_mesh_is_captured_as_the_api_server_says_and_released_without_it(
    machine: Machine,
) -> None:
    node, podman = machine.node, machine.podman
    node.write(KUBECONFIG, KUBECONFIG_TEXT)
    annotations = INJECTED | {"traffic.kuma.io/exclude-outbound-ports": "3306"}
    server = node.call(serve_here, mesh_pod("demo", "meshed", annotations))
    netns = podman.start("meshed", "lab", environ=OF_THE_MESH)
    node.call(end_here, server)
    with Inside(node, netns) as inside:
        inside.check(PLAIN + "workload tcp world:3306 -> direct")
    kept = node.run(["ls", f"{STATE_DIR}/lab"]).stdout.split()
    assert len(kept) == 1
    podman.remove("meshed")
    assert node.run(["ls", f"{STATE_DIR}/lab"]).stdout == ""
    assert not node.call(os.path.exists, netns)


def test_what_podman_was_told_survives_between_its_commands(machine: Machine) -> None:
    node, podman = machine.node, machine.podman
    netns = podman.start("staying", "lab")
    # Nothing of podman runs now but conmon, which knows no network.
    names = node.run(["ps", "-eo", "comm="]).stdout.split()
    assert "podman" not in names
    assert "conmon" in names
    podman.run("stop", "--time", "0", "staying")
    podman.run("start", "staying")
    key = ("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", "staying")
    later = podman.run(*key).stdout.strip()
    assert later != netns
    with Inside(node, later) as inside:
        inside.check(UNTOUCHED)
    podman.remove("staying")
    assert [call["verb"] for call in node.calls()][-4:] == ["ADD", "DEL", "ADD", "DEL"]


def end_here(pid: int) -> None:
    """Kill a child and wait for its end: its port is free then."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def owner_here(netns: str) -> int:
    """Return the inode of the user namespace that owns a network namespace (ioctl_ns(2))."""
    there = os.open(netns, os.O_RDONLY)
    try:
        owner = fcntl.ioctl(there, NS_GET_USERNS)
        try:
            return os.fstat(owner).st_ino
        finally:
            os.close(owner)
    finally:
        os.close(there)


@pytest.fixture
def served(machine: Machine) -> Iterator[Machine]:
    """Have an API server know two pods of the mesh."""
    machine.node.write(KUBECONFIG, KUBECONFIG_TEXT)
    pods = [mesh_pod("demo", name, INJECTED) for name in ("mapped", "unmapped")]
    server = machine.node.call(serve_here, *pods)
    yield machine
    machine.node.call(end_here, server)


def test_users_of_a_container_with_users_of_its_own_are_told_apart_as_it_knows_them(
    served: Machine,
) -> None:
    node, podman = served.node, served.podman
    # Shared memory of its own would still be in use when podman 4.3 wants to remove it.
    users = ("--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536", "--ipc", "none")
    netns = podman.start("mapped", "lab", *users, environ=OF_THE_MESH)
    assert node.call(owner_here, netns) != node.call(os.stat, "/proc/self/ns/user").st_ino
    node.listen([Door("tcp", 80)])
    fetch = ("mapped", "/bin/nc", "-w", "3", "192.0.2.9", "80")
    sidecar = podman.run("exec", "--user", str(SIDECAR), *fetch)
    assert decode(sidecar.stdout.encode()).host == "remote"
    # The sidecar is not there, so whatever is captured meets nobody.
    workload = podman.run("exec", "--user", str(WORKLOAD), *fetch, check=False)
    assert "Connection refused" in workload.stderr
    podman.remove("mapped")
    assert not node.call(os.path.exists, netns)


def test_a_container_whose_users_do_not_include_the_sidecar_is_refused(served: Machine) -> None:
    node, podman = served.node, served.podman
    users = ("--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000")
    with pytest.raises(AssertionError, match="5678"):
        podman.start("unmapped", "lab", *users, environ=OF_THE_MESH)
    podman.run("rm", "--force", "--ignore", "unmapped")
    assert node.run(["ls", "/run/netns"]).stdout == ""
