"""containerd and runc by way of CRI, as a kubelet drives them, with our plugin in the chain.

The pods are real sandboxes: their annotations reach the plugin by the runtime alone.  There is no
kubeconfig on this node, so whatever asked for an API server would fail; and the plugin is the
bundle, which is what ships.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from kuma_cni.cri.grpc import GrpcError
from lab import cri, witness
from lab.agent import Agent, CallError
from lab.archive import BusyboxMissing, write_image
from lab.bundle import launcher
from lab.case import PLAIN
from lab.cgroup import CgroupsMissing, hierarchy
from lab.containerd import SOCKET, Containerd, shims_here
from lab.cri import ContainerSpec, PodSpec
from lab.host import fork_here
from lab.inside import Inside
from lab.networks import KUBECONFIG, LOG_FILE, OURS, PORTMAP, STATE_DIR, WITNESS, bridge, conflist
from lab.node import Node, NoRuntime
from lab.pods import ALONE, CASES, MESH, PodCase
from lab.processes import descendants, eventually, running
from lab.servers import Door

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTILE = {
    "PYTHONHOME": "/nonexistent",
    "PYTHONPATH": "/nonexistent",
    "PYTHONSTARTUP": "/nonexistent",
    "LANG": "xx_XX",
}
"""What a node's containerd may have in its environment, which plugins inherit."""


NETWORK_FILE = "10-lab.conflist"
NETWORK = conflist(bridge(), PORTMAP, OURS, WITNESS)


class Cluster:
    """A node with containerd, as a kubelet sees it."""

    def __init__(self, archive: Path) -> None:
        """Start it, with our plugin in a list; raises NoRuntime, CgroupsMissing."""
        self.node = Node("node", {"kuma-cni": launcher()})
        try:
            self.containerd = Containerd(self.node, HOSTILE)
            self.node.write_network(NETWORK_FILE, NETWORK)
            self.containerd.start()
            self.containerd.load(archive)
        except BaseException:
            self.node.stop()
            raise

    def run(self, pod: PodSpec) -> str:
        """Make a pod; return its sandbox's id."""
        return self.node.call(cri.run_pod_here, SOCKET, pod)

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


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return write_image(tmp_path_factory.mktemp("image") / "busybox.tar")
    except BusyboxMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def cluster(archive: Path) -> Iterator[Cluster]:
    try:
        cluster = Cluster(archive)
    except (NoRuntime, CgroupsMissing) as missing:
        pytest.skip(str(missing))
    yield cluster
    cluster.node.stop()


# --- what is captured ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_pods_packets_go_where_its_annotations_say(cluster: Cluster, case: PodCase) -> None:
    sandbox = cluster.run(case.pod)
    try:
        with cluster.inside(sandbox) as inside:
            inside.check(case.rows)
            assert bool(inside.rules()) == case.captured
    finally:
        cluster.remove(sandbox)


def test_no_kubeconfig_was_there_to_be_read(cluster: Cluster) -> None:
    assert not cluster.node.call(os.path.exists, KUBECONFIG)


def test_without_the_capability_the_same_pod_needs_the_api_server_and_fails(
    cluster: Cluster,
) -> None:
    mute = {key: value for key, value in OURS.items() if key != "capabilities"}
    cluster.use(conflist(bridge(), mute))
    try:
        with pytest.raises(CallError, match="kubeconfig"):
            cluster.run(PodSpec("asking", MESH))
    finally:
        cluster.use(NETWORK)


def test_an_init_container_of_the_excluded_user_reaches_the_world_before_the_sidecar_runs(
    cluster: Cluster,
) -> None:
    ports = {"traffic.kuma.io/exclude-outbound-ports-for-uids": "tcp:80:1234;udp:53:1234"}
    pod = PodSpec("recipe", MESH | ports)
    sandbox = cluster.run(pod)
    try:
        fetch = ("/bin/nc", "-w", "3", "192.0.2.9", "80")
        cluster.node.listen([Door("tcp", 80)])
        allowed = run(cluster, sandbox, pod, ContainerSpec("allowed", fetch, 1234))
        assert json.loads(allowed.output)[:2] == ["remote", 80]
        # Anybody else meets the sidecar, and there is none yet.
        other = run(cluster, sandbox, pod, ContainerSpec("other", fetch, 1000))
        assert other.status != 0
        assert "Connection refused" in other.output
    finally:
        cluster.remove(sandbox)


def run(cluster: Cluster, sandbox: str, pod: PodSpec, container: ContainerSpec) -> cri.Outcome:
    """Run a container to its end."""
    return cluster.node.call(cri.run_container_here, SOCKET, sandbox, pod, container)


# --- what is left alone --------------------------------------------------------------------------


def test_a_pod_on_the_nodes_network_never_reaches_any_plugin(cluster: Cluster) -> None:
    before = len(cluster.node.calls())
    sandbox = cluster.run(PodSpec("host-network", MESH, host_network=True))
    try:
        assert cluster.node.call(cri.network_here, SOCKET, sandbox).of_node
        assert len(cluster.node.calls()) == before
        assert "kuma" not in cluster.node.run(["nft", "list", "ruleset"]).stdout
    finally:
        cluster.remove(sandbox)


# --- what is left behind -------------------------------------------------------------------------


def test_a_removed_pod_was_deleted_three_times_and_leaves_nothing(cluster: Cluster) -> None:
    sandbox = cluster.run(PodSpec("short", MESH))
    netns = cluster.node.call(cri.network_here, SOCKET, sandbox).netns
    cluster.remove(sandbox)
    calls = cluster.node.calls(sandbox)
    assert [call["verb"] for call in calls] == ["ADD", "DEL", "DEL", "DEL"]
    assert [call["CNI_NETNS"] for call in calls] == [netns, netns, "", ""]
    assert ["prevResult" in call["network"] for call in calls] == [True, True, False, False]
    annotations = [
        call["network"]["runtimeConfig"]["io.kubernetes.cri.pod-annotations"] for call in calls
    ]
    assert annotations == [dict(MESH)] * 4
    assert not cluster.node.call(os.path.exists, netns)
    assert not cluster.node.call(os.path.exists, STATE_DIR)
    assert cluster.node.run(["nft", "list", "tables"]).stdout.count("kuma") == 0


def test_the_log_has_one_line_for_each_thing_done_and_none_for_pods_left_alone(
    cluster: Cluster,
) -> None:
    captured = cluster.run(PodSpec("told", MESH))
    alone = cluster.run(PodSpec("untold", ALONE))
    for sandbox in (captured, alone):
        cluster.remove(sandbox)
    lines = [json.loads(line) for line in cluster.node.read(LOG_FILE).splitlines()]
    told = [(line["verb"], line["event"]) for line in lines if line.get("pod") == "told"]
    assert told == [("ADD", "captured"), ("DEL", "released")]
    assert [line for line in lines if line.get("pod") == "untold"] == []


def test_containerd_complains_of_no_plugin(cluster: Cluster) -> None:
    sandbox = cluster.run(PodSpec("quiet", MESH))
    said = len(cluster.containerd.log())
    cluster.remove(sandbox)
    lines = cluster.containerd.log()[said:].splitlines()
    assert [line for line in lines if "level=error" in line and "kuma" in line] == []


# --- restarts and accidents ----------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_of_containerd_loses_nothing(cluster: Cluster, number: int) -> None:
    sandbox = cluster.run(PodSpec("staying", MESH))
    with cluster.inside(sandbox) as inside:
        rules = inside.rules()
        cluster.containerd.stop(number)
        inside.check(PLAIN)
        cluster.containerd.start()
        inside.check(PLAIN)
        assert inside.rules() == rules
    later = cluster.run(PodSpec("later", MESH))
    with cluster.inside(later) as inside:
        inside.check(PLAIN)
    for one in (sandbox, later):
        cluster.remove(one)
        assert [call["verb"] for call in cluster.node.calls(one)] == ["ADD", "DEL", "DEL", "DEL"]
    assert cluster.node.call(shims_here) == []


def test_containerd_killed_while_it_makes_a_pod_makes_it_when_asked_again(
    cluster: Cluster,
) -> None:
    node, pod = cluster.node, PodSpec("interrupted", MESH)
    before = len(node.calls())
    node.write(str(witness.GATE), "")
    asking = node.call(ask_here, pod)
    # Our plugin has done its work, the one behind it waits.
    assert eventually(lambda: len(node.calls()) > before)
    cluster.containerd.stop(signal.SIGKILL)
    node.call(os.unlink, str(witness.GATE))
    node.call(os.waitpid, asking, 0)
    cluster.containerd.start()
    # The kubelet finds a sandbox that is not ready, removes it and makes another.
    cluster.remove(node.calls()[-1]["CNI_CONTAINERID"])
    sandbox = cluster.run(pod)
    with cluster.inside(sandbox) as inside:
        inside.check(PLAIN)
    cluster.remove(sandbox)
    assert node.call(shims_here) == []
    assert node.run(["ls", "/run/netns"]).stdout == ""


def ask_here(pod: PodSpec) -> int:
    """Ask for a pod in a process of its own, whatever becomes of it; return its pid."""

    def ask() -> None:
        try:
            cri.run_pod_here(SOCKET, pod)
        except GrpcError:
            os._exit(1)

    return fork_here(ask)


def test_a_pod_whose_annotations_cannot_be_done_fails_with_the_reason_and_leaves_nothing(
    cluster: Cluster,
) -> None:
    wrong = {"traffic.kuma.io/exclude-outbound-ports-for-uids": "tcp:80:root; drop table"}
    with pytest.raises(CallError, match="exclude-outbound-ports-for-uids"):
        cluster.run(PodSpec("wrong", MESH | wrong))
    assert eventually(lambda: cluster.node.call(shims_here) == [])
    assert cluster.node.run(["ls", "/run/netns"]).stdout == ""
    sandbox = cluster.run(PodSpec("wrong", MESH))
    with cluster.inside(sandbox) as inside:
        inside.check(PLAIN)
    cluster.remove(sandbox)


def test_a_killed_test_takes_node_containerd_pods_and_cgroups_with_it(archive: Path) -> None:
    builder = Agent("builder", lambda: None)
    try:
        below = builder.call(build_here, archive)
    except CallError as error:
        if error.kind in {"NoRuntime", "CgroupsMissing"}:
            pytest.skip(error.message)
        raise
    made = [path for path in hierarchy().iterdir() if f"-{builder.pid}-" in path.name]
    assert len(made) == 1
    assert len(below) > 4  # node, its first process, containerd, a shim, a pod's process
    os.kill(builder.pid, signal.SIGKILL)
    assert eventually(lambda: not running(below))
    assert eventually(lambda: not made[0].exists())
    builder.stop()


_kept: list[Cluster] = []


def build_here(archive: Path) -> list[int]:
    """Build a node with a pod that nobody takes down; return its process and all below it."""
    _kept.append(Cluster(archive))
    _kept[0].run(PodSpec("abandoned", MESH))
    pid = _kept[0].node.pid
    return [pid, *descendants(pid)]
