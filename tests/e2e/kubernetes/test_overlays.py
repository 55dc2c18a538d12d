"""Every manifest of ``deploy`` is one that a real API server takes, and says what it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from e2e.kubernetes.deployment import BASE, OVERLAYS
from e2e.kubernetes.node import Node
from lab.images import CNI

USUAL = ("/etc/cni/net.d", "/opt/cni/bin")
K3S = "/var/lib/rancher/k3s/agent/etc/cni/net.d"
PLACES = {
    "azure": (*USUAL, "10-azure.conflist"),
    "azure-overlay": (*USUAL, "15-azure-swift-overlay.conflist"),
    "base": (*USUAL, ""),
    "calico": (*USUAL, "10-calico.conflist"),
    "cilium": (*USUAL, "05-cilium.conflist"),
    "eks": (*USUAL, "10-aws.conflist"),
    "gke": (USUAL[0], "/home/kubernetes/bin", "10-gke-ptp.conflist"),
    "gke-calico": (USUAL[0], "/home/kubernetes/bin", "10-calico.conflist"),
    "k3d": (K3S, "/bin", "10-flannel.conflist"),
    "k3s": (K3S, "/var/lib/rancher/k3s/data/cni", "10-flannel.conflist"),
    "kind": (*USUAL, "10-kindnet.conflist"),
    "openshift": ("/etc/cni/multus/net.d", "/var/lib/cni/bin", "kuma-cni.conf"),
}
"""Folder of configurations, folder of plugins, file: what each is to lead to on a node."""

PODS_ALONE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


def test_every_overlay_is_spoken_of_here() -> None:
    assert sorted(PLACES) == sorted(["base", *(path.name for path in OVERLAYS)])


@pytest.mark.parametrize("overlay", [BASE, *OVERLAYS], ids=lambda path: path.name)
def test_an_overlay_applies_and_names_the_same_folders_everywhere(
    bare: Node, overlay: Path
) -> None:
    words = ("apply", "--dry-run=server", f"--kustomize={overlay}", "--output=json")
    objects = {one["kind"]: one for one in json.loads(bare.kubectl(*words).stdout)["items"]}
    assert set(objects) == {
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "DaemonSet",
    }
    said = objects["ConfigMap"]["data"]
    spec = objects["DaemonSet"]["spec"]["template"]["spec"]
    mounted = paths(spec)
    net, binaries, name = PLACES[overlay.name]
    assert (said["CNI_NET_DIR"], said["KUMA_CNI_BIN_DIR"], said["CNI_CONF_NAME"]) == (
        net,
        binaries,
        name,
    )
    assert (mounted["/host/etc/cni/net.d"], mounted["/host/opt/cni/bin"]) == (net, binaries)
    reference = spec["containers"][0]["envFrom"][0]["configMapRef"]["name"]
    assert reference == objects["ConfigMap"]["metadata"]["name"]
    assert json.loads(said["CNI_NETWORK_CONFIG"])["type"] == "kuma-cni"

    assert spec["containers"][0]["image"] == CNI

    # No network of pods is needed for the installer's own, nor much of the cluster or the node.
    assert spec["hostNetwork"]
    assert objects["ClusterRole"]["rules"][0] == PODS_ALONE
    rights = spec["containers"][0]["securityContext"]
    assert rights["capabilities"] == {"drop": ["ALL"], "add": ["SYS_ADMIN", "NET_ADMIN"]}
    assert rights["readOnlyRootFilesystem"]
    assert "privileged" not in rights


def paths(spec: dict[str, Any]) -> dict[str, str]:
    """Return which folder of the node is mounted at which path of the container."""
    volumes = {one["name"]: one["hostPath"]["path"] for one in spec["volumes"] if "hostPath" in one}
    mounts = spec["containers"][0]["volumeMounts"]
    return {one["mountPath"]: volumes[one["name"]] for one in mounts if one["name"] in volumes}
