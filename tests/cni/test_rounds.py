"""Pods that began without our plugin get their rules in place: real sandboxes, real packets.

The node's network has no plugin of ours, as a node has none before the installer came.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from kuma_cni.cri.grpc import NOT_FOUND
from kuma_cni.cri.runtime import Network, Runtime, Sandbox
from kuma_cni.repair.settings import RepairSettings
from kuma_cni.spec.netconf import Netconf
from lab import cri
from lab.agent import CallError
from lab.archive import write_image
from lab.building import MissingProgram
from lab.case import PLAIN
from lab.containerd import SOCKET, Containerd
from lab.cri import PodSpec
from lab.injected import BY_PLUGIN, DOCUMENT, INJECTED, documented
from lab.inside import Inside
from lab.networks import bridge, conflist
from lab.node import Node
from lab.pods import ALONE, CASES
from lab.repairing import MESH, Told, rounds_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.pods import PodCase

NETCONF = Netconf(exclude_namespaces=("kube-system",), own_namespace="kuma-system")
SETTINGS = RepairSettings(netconf=NETCONF, interval=0.05)
BEFORE = """
    workload     tcp world:80       -> direct
    remote       tcp self:8080      -> direct
"""
REPAIRED = {"was": "missing"}


class Cluster:
    """A node with containerd, and the repair beside it."""

    def __init__(self, node: Node) -> None:
        """Take a node on which containerd serves."""
        self.node = node
        self.pods: dict[str, str] = {}

    def run(self, pod: PodSpec) -> str:
        """Make a pod; return its sandbox's id."""
        self.pods[pod.name] = sandbox = self.node.call(cri.run_pod_here, SOCKET, pod)
        return sandbox

    def inside(self, sandbox: str) -> Inside:
        """Enter a pod's network."""
        return Inside(self.node, self.node.call(cri.network_here, SOCKET, sandbox).netns)

    def repair(self, rounds: int = 1, settings: RepairSettings = SETTINGS) -> Told:
        """Make some rounds."""
        return self.node.call(rounds_here, settings, rounds)

    def remove_all(self) -> None:
        """Remove the pods of a test."""
        for sandbox in self.pods.values():
            self.node.call(cri.remove_pod_here, SOCKET, sandbox)
        self.pods.clear()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    try:
        archive = write_image(tmp_path_factory.mktemp("image") / "busybox.tar")
        made = Node("node", {})
    except MissingProgram as missing:
        pytest.skip(str(missing))
    try:
        containerd = Containerd(made)
        made.write_network("10-lab.conflist", conflist(bridge()))
        containerd.start()
        containerd.load(archive)
    except MissingProgram as missing:
        made.stop()
        pytest.skip(str(missing))
    yield made
    made.stop()


@pytest.fixture
def cluster(node: Node) -> Iterator[Cluster]:
    made = Cluster(node)
    yield made
    made.remove_all()


# --- what the runtime tells ---------------------------------------------------------------------


def ask_here(method: str, *args: str) -> Any:
    runtime = Runtime(SOCKET)
    try:
        return getattr(runtime, method)(*args)
    finally:
        runtime.close()


def test_the_runtime_tells_sandboxes_as_they_were_made_and_only_those_that_run(
    cluster: Cluster,
) -> None:
    spec = PodSpec("web", MESH, dns_servers=("192.0.2.53",))
    sandbox, stopped = cluster.run(spec), cluster.run(PodSpec("stopped"))
    cluster.node.call(cri.stop_pod_here, SOCKET, stopped)
    (told,) = cluster.node.call(ask_here, "sandboxes")
    assert told == Sandbox(sandbox, "web", "demo", "uid-of-web", dict(spec.annotations))
    network = cluster.node.call(ask_here, "network", sandbox)
    assert isinstance(network, Network)
    assert network.dns_servers == ("192.0.2.53",)
    by_path, by_process = [
        cluster.node.call(os.stat, path).st_ino
        for path in (network.netns, f"/proc/{network.pid}/ns/net")
    ]
    assert by_path == by_process
    assert cluster.node.call(ask_here, "network", stopped) == Network()


def test_the_runtime_tells_pods_on_the_nodes_network_and_pods_it_does_not_know(
    cluster: Cluster,
) -> None:
    sandbox = cluster.run(PodSpec("host", INJECTED, host_network=True))
    assert cluster.node.call(ask_here, "network", sandbox) == Network(of_node=True)
    with pytest.raises(CallError, match=r"not found \(NOT_FOUND\)"):
        cluster.node.call(ask_here, "network", "f" * 64)
    assert NOT_FOUND == 5


# --- pods without rules -------------------------------------------------------------------------


def marked(case: PodCase) -> PodSpec:
    """Return a case's pod as the injector writes it where the plugin makes the rules."""
    mesh = "kuma.io/sidecar-injected" in case.pod.annotations
    return case.pod.replace(annotations={**case.pod.annotations, **BY_PLUGIN}) if mesh else case.pod


def test_every_pod_gets_what_its_annotations_say_without_a_restart(cluster: Cluster) -> None:
    sandboxes = [cluster.run(marked(case)) for case in CASES]
    with cluster.inside(sandboxes[0]) as inside:
        inside.check(BEFORE)
        assert inside.rules() == ""
    told = cluster.repair()
    captured = sum(case.captured for case in CASES)
    assert told.names() == ["repaired"] * captured
    assert told.counts["installed"] == told.counts["pods"] == captured
    assert told.counts["lacking"] == told.counts["mended"] == told.counts["failures"] == 0
    for case, sandbox in zip(CASES, sandboxes, strict=True):
        with cluster.inside(sandbox) as inside:
            inside.check(case.rows)
            assert bool(inside.rules()) == case.captured
    assert cluster.repair(2).events == ()


def test_a_repaired_pod_is_told_by_name_and_sandbox(cluster: Cluster) -> None:
    sandbox = cluster.run(PodSpec("web", MESH))
    (event,) = cluster.repair().events
    fields = {"pod": "demo/web", "sandbox": sandbox[:12], "was": "missing"}
    assert event == ("warning", "repaired", fields)


@pytest.mark.parametrize(
    "pod",
    [
        PodSpec("outside", ALONE),
        PodSpec("not-injected", BY_PLUGIN),
        PodSpec("initialised", INJECTED),
        PodSpec("initialised-3", documented("redirect: {}")),
        PodSpec("system", MESH, namespace="kube-system"),
        PodSpec("ours", MESH, namespace="kuma-system"),
        PodSpec("host", MESH, host_network=True),
        PodSpec("bare"),
    ],
    ids=lambda pod: pod.name,
)
def test_a_pod_that_is_none_of_ours_is_left_alone(cluster: Cluster, pod: PodSpec) -> None:
    sandbox = cluster.run(pod)
    told = cluster.repair()
    assert (told.events, told.counts["pods"]) == ((), 0)
    if not pod.host_network:
        with cluster.inside(sandbox) as inside:
            assert inside.rules() == ""
    assert "kuma" not in cluster.node.run(["nft", "list", "ruleset"]).stdout


def test_the_mark_of_a_whole_document_counts_as_well(cluster: Cluster) -> None:
    sandbox = cluster.run(PodSpec("marked", documented("cniMode: true\n")))
    assert cluster.repair().names() == ["repaired"]
    with cluster.inside(sandbox) as inside:
        inside.check(PLAIN)


# --- pods with other rules ----------------------------------------------------------------------


def test_rules_that_somebody_changed_are_mended_and_the_change_is_told(cluster: Cluster) -> None:
    sandbox = cluster.run(PodSpec("web", MESH))
    cluster.repair()
    with cluster.inside(sandbox) as inside:
        right = inside.rules()
        inside.call(nft_here, f"insert rule {chain_of(right, 'hook output')} tcp dport 80 accept")
        with pytest.raises(AssertionError, match="astray"):
            inside.check("workload tcp world:80 -> outbound")
        ((name, fields),) = cluster.repair().of("demo/web")
        assert (name, fields["was"]) == ("repaired", "different")
        assert "none of ours" in fields["details"]
        assert inside.rules() == right
        inside.check(PLAIN)


def test_rules_of_which_one_is_gone_are_mended(cluster: Cluster) -> None:
    sandbox = cluster.run(PodSpec("web", MESH))
    cluster.repair()
    with cluster.inside(sandbox) as inside:
        right = inside.rules()
        inside.call(nft_here, f"flush chain {chain_of(right, 'hook output')}")
        told = cluster.repair()
        assert told.counts["mended"] == 1
        assert "missing" in told.of("demo/web")[0][1]["details"]
        assert inside.rules() == right


def chain_of(listing: str, words: str) -> str:
    """Return family, table and name of the first chain whose listing has these words."""
    table = chain = ""
    for line in listing.splitlines():
        if line.startswith("table"):
            table = " ".join(line.split()[1:3])
        elif line.lstrip().startswith("chain"):
            chain = line.split()[1]
        elif words in line:
            return f"{table} {chain}"
    raise AssertionError(f"no chain has {words}")


def nft_here(command: str) -> None:
    from lab.host import run_here

    ended = run_here(("nft", command), "", {})
    assert ended.status == 0, ended.stderr


# --- pods that cannot be helped -----------------------------------------------------------------

WRONG = {"traffic.kuma.io/exclude-outbound-ports": "eighty"}


def test_a_pod_that_cannot_be_helped_keeps_nobody_waiting_and_is_put_off(cluster: Cluster) -> None:
    cluster.run(PodSpec("a-wrong", MESH | WRONG))
    cluster.run(PodSpec("b-right", MESH))
    cluster.run(PodSpec("c-dns", MESH | {DOCUMENT: '{"redirect":{"dns":{"enabled":true}}}'}))
    told = cluster.repair(6, SETTINGS.replace(interval=0.2))
    assert told.of("demo/b-right") == [
        ("repaired", {"pod": "demo/b-right", "sandbox": cluster.pods["b-right"][:12], **REPAIRED})
    ]
    wrong = told.of("demo/a-wrong")
    assert {name for name, _ in wrong} == {"cannot repair"}
    assert "eighty" in wrong[0][1]["error"]
    assert len(wrong) < 6, "it was not put off"
    assert "DNS servers" in told.of("demo/c-dns")[0][1]["error"]
    assert (told.counts["pods"], told.counts["lacking"]) == (3, 2)


def test_a_pod_made_anew_is_not_put_off_for_its_forerunner(cluster: Cluster) -> None:
    cluster.run(PodSpec("web", MESH | WRONG))
    assert cluster.repair().names() == ["cannot repair"]
    cluster.remove_all()
    cluster.run(PodSpec("web", MESH))
    assert cluster.repair().names() == ["repaired"]


def test_the_service_itself_stays_in_its_own_namespace(cluster: Cluster) -> None:
    cluster.run(PodSpec("web", MESH))
    before = cluster.node.call(os.readlink, "/proc/thread-self/ns/net")
    files = cluster.node.call(os.listdir, "/proc/self/fd")
    assert cluster.repair(2).names() == ["repaired"]
    assert cluster.node.call(os.readlink, "/proc/thread-self/ns/net") == before
    assert cluster.node.call(os.listdir, "/proc/self/fd") == files
