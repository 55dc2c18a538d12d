"""containerd and runc by way of CRI, as a kubelet drives them, with our plugin in the chain.

The pods are real sandboxes: their annotations reach the plugin by the runtime alone.  There is no
kubeconfig on this node, so whatever asked for an API server would fail; and the plugin is the
bundle, which is what ships.
"""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from kuma_cni.cri.grpc import GrpcError
from lab import cri, witness
from lab.agent import Agent, CallError
from lab.archive import write_image
from lab.building import MissingProgram
from lab.case import PLAIN
from lab.cgroup import hierarchy
from lab.containerd import SOCKET, shims_here
from lab.cri import ContainerSpec, PodSpec
from lab.host import fork_here
from lab.injected import ANNOTATIONS, DOCUMENT, INJECTED, documented
from lab.kubelet import NETWORK, Kubelet
from lab.networks import KUBECONFIG, LOG_FILE, OURS, STATE_DIR, bridge, conflist
from lab.pods import ALONE, CASES, PodCase
from lab.processes import descendants, eventually, running
from lab.servers import Door

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return write_image(tmp_path_factory.mktemp("image") / "busybox.tar")
    except MissingProgram as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def kubelet(archive: Path) -> Iterator[Kubelet]:
    try:
        kubelet = Kubelet(archive)
    except MissingProgram as missing:
        pytest.skip(str(missing))
    yield kubelet
    kubelet.stop()


# --- what is captured ----------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_pods_packets_go_where_its_annotations_say(kubelet: Kubelet, case: PodCase) -> None:
    sandbox = kubelet.run(case.pod)
    try:
        with kubelet.inside(sandbox) as inside:
            inside.check(case.rows)
            assert bool(inside.rules()) == case.captured
    finally:
        kubelet.remove(sandbox)


def test_no_kubeconfig_was_there_to_be_read(kubelet: Kubelet) -> None:
    assert not kubelet.node.call(os.path.exists, KUBECONFIG)


def test_without_the_capability_the_same_pod_needs_the_api_server_and_fails(
    kubelet: Kubelet,
) -> None:
    mute = {key: value for key, value in OURS.items() if key != "capabilities"}
    kubelet.use(conflist(bridge(), mute))
    try:
        with pytest.raises(CallError, match="kubeconfig"):
            kubelet.run(PodSpec("asking", INJECTED))
    finally:
        kubelet.use(NETWORK)


def test_an_init_container_of_the_excluded_user_reaches_the_world_before_the_sidecar_runs(
    kubelet: Kubelet,
) -> None:
    ports = {"traffic.kuma.io/exclude-outbound-ports-for-uids": "tcp:80:1234;udp:53:1234"}
    pod = PodSpec("recipe", INJECTED | ports)
    sandbox = kubelet.run(pod)
    try:
        fetch = ("/bin/nc", "-w", "3", "192.0.2.9", "80")
        kubelet.node.listen([Door("tcp", 80)])
        allowed = kubelet.run_container(sandbox, pod, ContainerSpec("allowed", fetch, 1234))
        assert json.loads(allowed.output)[:2] == ["remote", 80]
        # Anybody else meets the sidecar, and there is none yet.
        other = kubelet.run_container(sandbox, pod, ContainerSpec("other", fetch, 1000))
        assert other.status != 0
        assert "Connection refused" in other.output
    finally:
        kubelet.remove(sandbox)


def test_pods_made_at_once_are_each_captured_as_its_own_annotations_say(kubelet: Kubelet) -> None:
    ports = range(25001, 25006)
    pods = [PodSpec(f"crowd-{port}", documented(OUTBOUND % port)) for port in ports]
    alone = PodSpec("crowd-alone", ALONE)
    made = kubelet.node.call(run_all_here, (*pods, alone))
    for port, sandbox in zip(ports, made, strict=False):
        with kubelet.inside(sandbox) as inside:
            inside.check(f"workload tcp world:80 -> {port}")
    with kubelet.inside(made[-1]) as inside:
        assert inside.rules() == ""
    for sandbox in made:
        kubelet.remove(sandbox)


OUTBOUND = '{"redirect":{"outbound":{"port":%d}}}'


def run_all_here(pods: tuple[PodSpec, ...]) -> list[str]:
    """Ask for many pods at the same time; return their sandboxes."""
    with ThreadPoolExecutor(len(pods)) as asking:
        return list(asking.map(partial(cri.run_pod_here, SOCKET), pods))


# --- what is left alone --------------------------------------------------------------------------


def test_a_pod_on_the_nodes_network_never_reaches_any_plugin(kubelet: Kubelet) -> None:
    before = len(kubelet.node.calls())
    sandbox = kubelet.run(PodSpec("host-network", INJECTED, host_network=True))
    try:
        assert kubelet.node.call(cri.network_here, SOCKET, sandbox).of_node
        assert len(kubelet.node.calls()) == before
        assert "kuma" not in kubelet.node.rules()
    finally:
        kubelet.remove(sandbox)


# --- what is left behind -------------------------------------------------------------------------


def test_a_removed_pod_was_deleted_more_than_once_and_leaves_nothing(kubelet: Kubelet) -> None:
    sandbox = kubelet.run(PodSpec("short", INJECTED))
    netns = kubelet.node.call(cri.network_here, SOCKET, sandbox).netns
    kubelet.remove(sandbox)
    added, deleted, *again = kubelet.node.calls(sandbox)
    assert [added["verb"], deleted["verb"]] == ["ADD", "DEL"]
    for call in (added, deleted):
        assert call["CNI_NETNS"] == netns
        assert "prevResult" in call["network"]
    # containerd 1.6 deletes twice more: by then it knows neither the namespace nor the result.
    assert again
    for call in again:
        assert (call["verb"], call["CNI_NETNS"]) == ("DEL", "")
        assert "prevResult" not in call["network"]
    for call in (added, deleted, *again):
        told = call["network"]["runtimeConfig"]
        assert told[ANNOTATIONS] == INJECTED
    assert not kubelet.node.call(os.path.exists, netns)
    assert not kubelet.node.call(os.path.exists, STATE_DIR)
    assert "kuma" not in kubelet.node.rules()


def test_the_log_has_one_line_for_each_thing_done_and_none_for_pods_left_alone(
    kubelet: Kubelet,
) -> None:
    captured = kubelet.run(PodSpec("told", INJECTED))
    alone = kubelet.run(PodSpec("untold", ALONE))
    for sandbox in (captured, alone):
        kubelet.remove(sandbox)
    lines = [json.loads(line) for line in kubelet.node.read(LOG_FILE).splitlines()]
    told = [(line["verb"], line["event"]) for line in lines if line.get("pod") == "told"]
    assert told == [("ADD", "captured"), ("DEL", "released")]
    assert [line for line in lines if line.get("pod") == "untold"] == []


def test_containerd_complains_of_no_plugin(kubelet: Kubelet) -> None:
    sandbox = kubelet.run(PodSpec("quiet", INJECTED))
    said = len(kubelet.containerd.log())
    kubelet.remove(sandbox)
    lines = kubelet.containerd.log()[said:].splitlines()
    assert [line for line in lines if "level=error" in line and "kuma" in line] == []


# --- restarts and accidents ----------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_of_containerd_loses_nothing(kubelet: Kubelet, number: int) -> None:
    sandbox = kubelet.run(PodSpec("staying", INJECTED))
    with kubelet.inside(sandbox) as inside:
        rules = inside.rules()
        kubelet.containerd.stop(number)
        inside.check(PLAIN)
        kubelet.containerd.start()
        inside.check(PLAIN)
        assert inside.rules() == rules
    later = kubelet.run(PodSpec("later", INJECTED))
    with kubelet.inside(later) as inside:
        inside.check(PLAIN)
    for one in (sandbox, later):
        kubelet.remove(one)
        added, *deleted = [call["verb"] for call in kubelet.node.calls(one)]
        assert (added, set(deleted)) == ("ADD", {"DEL"})
    assert eventually(lambda: kubelet.node.call(shims_here) == [])


def test_containerd_killed_while_it_makes_a_pod_makes_it_when_asked_again(
    kubelet: Kubelet,
) -> None:
    node, pod = kubelet.node, PodSpec("interrupted", INJECTED)
    before = len(node.calls())
    node.write(str(witness.GATE), "")
    asking = node.call(ask_here, pod)
    # Our plugin has done its work, the one behind it waits.
    assert eventually(lambda: len(node.calls()) > before)
    kubelet.containerd.stop(signal.SIGKILL)
    node.call(os.unlink, str(witness.GATE))
    node.call(os.waitpid, asking, 0)
    kubelet.containerd.start()
    # The kubelet finds a sandbox that is not ready, removes it and makes another.
    kubelet.remove(node.calls()[-1]["CNI_CONTAINERID"])
    sandbox = kubelet.run(pod)
    with kubelet.inside(sandbox) as inside:
        inside.check(PLAIN)
    kubelet.remove(sandbox)
    assert eventually(lambda: node.call(shims_here) == [])
    assert node.run(["ls", "/run/netns"]).stdout == ""


def ask_here(pod: PodSpec) -> int:
    """Ask for a pod in a process of its own, whatever becomes of it; return its pid."""

    def ask() -> None:
        try:
            cri.run_pod_here(SOCKET, pod)
        except GrpcError:
            os._exit(1)

    return fork_here(ask)


USERS = "traffic.kuma.io/exclude-outbound-ports-for-uids"
WRONG = {
    "text of an attacker": ({USERS: "tcp:80:root; drop table"}, USERS),
    # The runtime sends the pod's name servers, if it has any; the node's are never taken instead.
    "name servers that nobody named": (
        {DOCUMENT: '{"redirect":{"dns":{"enabled":true,"captureAll":false}}}'},
        "the runtime sent none",
    ),
}


@pytest.mark.parametrize(("annotations", "reason"), WRONG.values(), ids=WRONG)
def test_a_pod_whose_annotations_cannot_be_done_fails_with_the_reason_and_leaves_nothing(
    kubelet: Kubelet, annotations: dict[str, str], reason: str
) -> None:
    with pytest.raises(CallError, match=reason):
        kubelet.run(PodSpec("wrong", INJECTED | annotations))
    assert eventually(lambda: kubelet.node.call(shims_here) == [])
    assert kubelet.node.run(["ls", "/run/netns"]).stdout == ""
    sandbox = kubelet.run(PodSpec("wrong", INJECTED))
    with kubelet.inside(sandbox) as inside:
        inside.check(PLAIN)
    kubelet.remove(sandbox)


def test_a_killed_test_takes_node_containerd_pods_and_cgroups_with_it(archive: Path) -> None:
    builder = Agent("builder", lambda: None)
    try:
        below = builder.call(build_here, archive)
    except CallError as error:
        if error.kind == MissingProgram.__name__:
            pytest.skip(error.message)
        raise
    made = [path for path in hierarchy().iterdir() if f"-{builder.pid}-" in path.name]
    assert len(made) == 1
    assert len(below) > 4  # node, its first process, containerd, a shim, a pod's process
    os.kill(builder.pid, signal.SIGKILL)
    assert eventually(lambda: not running(below))
    assert eventually(lambda: not made[0].exists())
    assert "lab-run" not in Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    builder.stop()


_kept: list[Kubelet] = []


def build_here(archive: Path) -> list[int]:
    """Build a node with a pod that nobody takes down; return its process and all below it."""
    _kept.append(Kubelet(archive))
    _kept[0].run(PodSpec("abandoned", INJECTED))
    pid = _kept[0].node.pid
    return [pid, *descendants(pid)]
