"""Where container runtimes put their sockets, also on a node that is mounted under a prefix."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

USUAL: Final = (
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
    "/run/cri-dockerd.sock",
)
"""kubeadm's three (constants.go, DefaultCRISocket...), and those of distributions that move it."""
SCHEME: Final = "unix://"


def socket_path(endpoint: str = "", host: str = "") -> str | None:
    """Return the path of the runtime's socket; None: there is none at the usual places.

    ``endpoint`` is an operator's word (CONTAINER_RUNTIME_ENDPOINT, a path or ``unix://PATH``): it
    is not looked for elsewhere, nor is it asked whether it is there.  ``host`` is the folder under
    which the node's root, or the parts of it that are needed, are mounted.
    """
    if endpoint:
        return on_node(endpoint.removeprefix(SCHEME), host)
    for usual in USUAL:
        path = on_node(usual, host)
        if _is_socket(path):
            return path
    return None


def on_node(path: str, host: str) -> str:
    """Return a path of the node as this process sees it.

    ``/var/run`` is a link to ``/run`` on every node of today; where only ``/run/...`` is mounted,
    it is not there.
    """
    if not host:
        return path
    if path.startswith("/var/run/"):
        path = path.removeprefix("/var")
    return host.rstrip("/") + path


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False
