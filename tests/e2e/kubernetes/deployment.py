"""What an operator does with our manifests, and what is on the node then."""

from __future__ import annotations

import json
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.kubernetes.images import LAUNCHER, write_next_version
from lab.images import CNI, INIT, cni_image, init_image
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from e2e.kubernetes.node import Node

DEPLOY = Path(__file__).parents[3] / "deploy"
BASE = DEPLOY / "base"
OVERLAYS = sorted(path.parent for path in DEPLOY.glob("overlays/*/kustomization.yaml"))
NAMESPACE = "--namespace=kube-system"
DAEMON_SET = "daemonset/kuma-cni-node"
INIT_IMAGE = INIT
"""The image of the init container, which is the validation's with CNI."""
PLUGIN = "kuma-cni"
NEXT = CNI.partition(":")[0] + ":next"


def load_images(node: Node, folder: Path) -> None:
    """Import our two images, and the plugin's as its next version will be."""
    node.load(init_image())
    node.load(cni_image())
    archive = folder / "next.tar"
    write_next_version(archive, NEXT, cni_image())
    node.load(archive)


def upgrade(node: Node, image: str) -> None:
    """Begin a rollout of another version."""
    node.kubectl("set", "image", DAEMON_SET, NAMESPACE, f"install-cni={image}")


def version(node: Node) -> str:
    """Return which version of the plugin pods are started with: a digest of the launcher."""
    return node.run(("sha256sum", f"/{LAUNCHER}")).stdout.split()[0]


def deploy(node: Node, manifests: str = str(BASE)) -> None:
    """Deploy manifests and wait until the plugin is in place; nothing happens if it is."""
    node.kubectl("apply", f"--kustomize={manifests}")
    await_rollout(node)


def await_rollout(node: Node) -> None:
    """Wait until the DaemonSet is as it is meant to be."""
    words = ("rollout", "status", DAEMON_SET, NAMESPACE, "--timeout=45s")
    if node.kubectl(*words, check=False).status:
        events = node.kubectl("describe", "pods", NAMESPACE, "--selector=app=kuma-cni")
        said = node.logs("kuma-cni-node-*", "install-cni", "kube-system")
        raise AssertionError(f"{events.stdout[-3000:]}\n" + "\n".join(said[-30:]))


def compose(node: Node, settings: Mapping[str, str], components: Sequence[str] = ()) -> str:
    """Write a kustomization as an operator does: settings, components; return where."""
    folder = "/run/composed"
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "kube-system",
        "resources": [relpath(BASE, folder)],
        "components": [relpath(DEPLOY / "components" / one, folder) for one in components],
        "configMapGenerator": [
            {
                "name": "kuma-cni",
                "behavior": "merge",
                "literals": [f"{name}={text}" for name, text in settings.items()],
            }
        ],
    }
    node.run(("mkdir", "-p", folder))
    node.write(f"{folder}/kustomization.yaml", json.dumps(kustomization))
    return folder


def remove(node: Node, manifests: str = str(BASE)) -> None:
    """Remove everything in the documented way (docs/kubernetes.md)."""
    if not is_deployed(node):
        return
    node.kubectl("set", "env", DAEMON_SET, NAMESPACE, "KUMA_CNI_REMOVE_ON_EXIT=true")
    await_rollout(node)
    node.kubectl("delete", f"--kustomize={manifests}", "--timeout=45s")
    if not eventually(lambda: not installers(node), 40.0):
        raise AssertionError("the installer's pods do not end")


def is_deployed(node: Node) -> bool:
    """Whether the DaemonSet is there."""
    return node.kubectl("get", DAEMON_SET, NAMESPACE, check=False).status == 0


def installers(node: Node) -> list[str]:
    """Return the names of the installer's pods."""
    pods = node.get("pods", NAMESPACE, "--selector=app=kuma-cni")["items"]
    return [pod["metadata"]["name"] for pod in pods]
