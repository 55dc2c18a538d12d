"""Where the repair learns of pods: a runtime that says what a test wants, or an API server.

The pods' namespaces are real ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kuma_cni.repair.settings import RepairSettings
from kuma_cni.spec.netconf import Netconf
from lab.api_server import ApiServer, answer, refuse
from lab.certificates import Authority
from lab.cri_server import Told, runtime, telling
from lab.host import Host
from lab.repairing import MESH, rounds_here, settings
from lab.rows import rules_here

if TYPE_CHECKING:
    from pathlib import Path

    from lab.api_server import Act

UID = "0b6f2d1e-6a2b-4c77-9d6e-1f2a3b4c5d6e"
HASH = "9f86d081884c7d659a2feaa0c55ad015"


# --- by the runtime -----------------------------------------------------------------------------


def test_a_namespace_is_found_under_a_prefix_where_only_a_part_of_the_node_is_seen(
    pod: Host, tmp_path: Path
) -> None:
    folder = tmp_path / "host/run/netns"
    folder.mkdir(parents=True)
    (folder / "cni-1").symlink_to(pod.netns)
    told = Told("a", "web", MESH, ("/var/run/netns/cni-1",))
    with runtime(tmp_path / "host/run/r.sock", telling(told)):
        seen = rounds_here(settings("unix:///var/run/r.sock", host=str(tmp_path / "host")))
    assert seen.names() == ["repaired"]
    assert "kuma" in pod.call(rules_here)


def test_a_pod_that_goes_while_it_is_looked_at_is_no_failure(pod: Host, tmp_path: Path) -> None:
    stale = tmp_path / "stale"
    stale.write_text("", encoding="ascii")  # as a namespace's file is when its mount is gone
    gone = Told("a", "gone", MESH, (str(stale),))
    sooner = Told("b", "sooner", MESH)
    there = Told("c", "there", MESH, (pod.netns,))
    with runtime(tmp_path / "s", telling(gone, sooner, there)) as path:
        seen = rounds_here(settings(path))
    assert [fields["pod"] for _, _, fields in seen.events] == ["demo/there"]
    assert seen.counts["failures"] == 0


def test_a_pod_that_stays_and_whose_namespace_is_none_is_a_failure(tmp_path: Path) -> None:
    stale = tmp_path / "stale"
    stale.write_text("", encoding="ascii")
    with runtime(tmp_path / "s", telling(Told("a", "odd", MESH, (str(stale),) * 9))) as path:
        ((name, fields),) = rounds_here(settings(path)).of("demo/odd")
    assert name == "cannot repair"
    assert "not a network namespace" in fields["error"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/proc/self/ns/net", "runs in"),
        ("/etc/passwd/net", "Not a directory"),
        ("/run/netns/nowhere", "mount the node's /run/netns"),
    ],
)
def test_a_namespace_that_is_our_own_or_cannot_be_looked_at_is_a_failure(
    tmp_path: Path, path: str, said: str
) -> None:
    with runtime(tmp_path / "s", telling(Told("a", "odd", MESH, (path,) * 9))) as socket:
        ((name, fields),) = rounds_here(settings(socket)).of("demo/odd")
    assert name == "cannot repair"
    assert said in fields["error"]


# --- by the API server --------------------------------------------------------------------------


class Cluster:
    """An API server, a kubeconfig for it, and a node's /proc with pods in it."""

    def __init__(self, folder: Path) -> None:
        """Make the certificates and folders."""
        self._folder = folder
        authority = Authority(folder)
        self._certificate = authority.issue("api", "IP:127.0.0.1")
        self._ca = authority.file
        self.host = folder / "host"
        self.process(1, "0::/init.scope", "/proc/self/ns/net")

    def process(self, pid: int, group: str, network: str) -> None:
        """Let a process run on the node."""
        folder = self.host / "proc" / str(pid)
        (folder / "ns").mkdir(parents=True)
        (folder / "cgroup").write_text(f"12:memory:/\n{group}\n", encoding="ascii")
        (folder / "ns/net").symlink_to(network)

    def serve(self, *script: Act) -> ApiServer:
        """Return the server."""
        return ApiServer(*script, certificate=self._certificate)

    def settings(self, server: ApiServer) -> RepairSettings:
        """Return how to reach it; there is no runtime's socket."""
        path = self._folder / "kubeconfig"
        path.write_text(
            f"current-context: x\n"
            f"contexts: [{{name: x, context: {{cluster: c}}}}]\n"
            f"clusters: [{{name: c, cluster: {{server: '{server.url}',"
            f" certificate-authority: '{self._ca}'}}}}]\n",
            encoding="ascii",
        )
        netconf = Netconf(kubeconfig=str(path), exclude_namespaces=("kube-system",))
        return settings(host=str(self.host), node="node-1", netconf=netconf)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def listed(*pods: dict[str, Any]) -> Act:
    return answer({"kind": "PodList", "metadata": {}, "items": list(pods)})


def manifest(name: str, uid: str = UID, **changes: Any) -> dict[str, Any]:
    """Return a running mesh pod as the API writes it."""
    metadata = {"name": name, "namespace": "demo", "uid": uid, "annotations": MESH}
    spec = {"containers": [{"name": "app"}, {"name": "kuma-sidecar"}]}
    return {
        "metadata": metadata | changes.get("metadata", {}),
        "spec": spec | changes.get("spec", {}),
        "status": {"phase": "Running"} | changes.get("status", {}),
    }


SYSTEMD = UID.replace("-", "_")
GROUPS = [
    f"0::/kubepods/burstable/pod{UID}/0123456789abcdef",
    f"0::/kubepods.slice/kubepods-besteffort-pod{SYSTEMD}.slice/cri-containerd-0123.scope",
    f"0::/../../kubepods/pod{UID}/0123",
]


@pytest.mark.parametrize("group", GROUPS)
def test_without_a_runtime_the_api_server_tells_pods_and_proc_their_namespaces(
    cluster: Cluster, pod: Host, group: str
) -> None:
    cluster.process(77, group, pod.netns)
    cluster.process(78, group, "/proc/self/ns/net")  # a later one: not the pod's own network
    with cluster.serve(listed(manifest("web"))) as server:
        told = rounds_here(cluster.settings(server))
        assert "spec.nodeName%3Dnode-1" in server.asked[0].path
    assert told.names() == ["repaired"]
    assert told.of("demo/web")[0][1]["was"] == "missing"
    assert "kuma" in pod.call(rules_here)


def test_a_static_pod_is_found_by_the_hash_of_its_file(cluster: Cluster, pod: Host) -> None:
    cluster.process(77, f"0::/kubepods/burstable/pod{HASH}/0123", pod.netns)
    annotations = MESH | {"kubernetes.io/config.hash": HASH}
    with cluster.serve(listed(manifest("web", metadata={"annotations": annotations}))) as server:
        assert rounds_here(cluster.settings(server)).names() == ["repaired"]


@pytest.mark.parametrize(
    "changes",
    [
        {"spec": {"hostNetwork": True}},
        {"spec": {"initContainers": [{"name": "kuma-init"}]}},
        {"spec": {"containers": [{"name": "app"}]}},
        {"metadata": {"annotations": {"kuma.io/sidecar-injected": "true"}}},
        {"metadata": {"annotations": None}},
        {"metadata": {"namespace": "kube-system"}},
        {"metadata": {"uid": None}},
        {"metadata": {"uid": "another"}},
        {"status": {"phase": "Succeeded"}},
    ],
    ids=str,
)
def test_pods_of_the_api_server_that_are_none_of_ours_are_left_alone(
    cluster: Cluster, pod: Host, changes: dict[str, Any]
) -> None:
    cluster.process(77, f"0::/kubepods/pod{UID}/0123", pod.netns)
    with cluster.serve(listed(manifest("web", **changes), {"metadata": None})) as server:
        told = rounds_here(cluster.settings(server))
    assert (told.events, told.counts["rounds_done"]) == ((), 1)
    assert pod.call(rules_here) == ""


def test_a_pods_process_in_the_nodes_network_is_left_alone(cluster: Cluster) -> None:
    cluster.process(77, f"0::/kubepods/pod{UID}/0123", "/proc/self/ns/net")
    with cluster.serve(listed(manifest("web"))) as server:
        told = rounds_here(cluster.settings(server))
    assert (told.events, told.counts["rounds_done"]) == ((), 1)


def test_when_nobody_knows_the_pods_every_reason_is_told(cluster: Cluster) -> None:
    with cluster.serve(refuse(403, "pods is forbidden")) as server:
        ((_, event, fields),) = rounds_here(cluster.settings(server)).events
    assert event == "cannot look for pods"
    assert "no container runtime's socket is at its usual places" in fields["error"]
    assert "pods is forbidden" in fields["error"]


def test_a_sandbox_without_annotations_is_looked_up(
    cluster: Cluster, pod: Host, tmp_path: Path
) -> None:
    told = Told("a", "web", {}, (pod.netns,))
    foreign = Told("b", "foreign", {}, (pod.netns,))
    one = manifest("web", metadata={"namespace": "demo"})
    other = manifest("foreign", metadata={"annotations": {}})
    with (
        cluster.serve(answer(one), answer(other)) as server,
        runtime(tmp_path / "s", telling(told, foreign)) as path,
    ):
        known = cluster.settings(server).replace(endpoint=path, host="")
        seen = rounds_here(known)
        assert [asked.path.rpartition("/")[2] for asked in server.asked] == ["web", "foreign"]
    assert seen.names() == ["repaired"]
    with runtime(tmp_path / "t", telling(told)) as path:
        assert rounds_here(settings(path)).counts["pods"] == 0, "there is nobody to look it up"
