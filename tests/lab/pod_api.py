"""An API server that knows pods and nothing else, without TLS: what the plugin may ask for."""

from __future__ import annotations

import json
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

from lab.host import fork_here

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = 6443
PODS = "/api/v1/namespaces/{namespace}/pods/{name}"
CLUSTER = {"name": "lab", "cluster": {"server": f"http://127.0.0.1:{PORT}"}}
CONTEXT = {"name": "lab", "context": {"cluster": "lab", "user": "lab"}}
KUBECONFIG_TEXT = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [CLUSTER],
        "contexts": [CONTEXT],
        "users": [{"name": "lab", "user": {}}],
        "current-context": "lab",
    }
)


def mesh_pod(namespace: str, name: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    """Return a pod with a sidecar, as far as anybody asks."""
    metadata = {"namespace": namespace, "name": name, "annotations": dict(annotations)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "app"}, {"name": "kuma-sidecar"}]},
    }


def serve_here(*pods: dict[str, Any]) -> int:
    """Serve pods in a child; it listens when this returns its pid."""
    known = {PODS.format(**pod["metadata"]): pod for pod in pods}
    server = HTTPServer(("127.0.0.1", PORT), partial(_Answer, known))
    pid = fork_here(server.serve_forever)
    server.server_close()
    return pid


class _Answer(BaseHTTPRequestHandler):
    def __init__(self, known: Mapping[str, Any], *args: Any) -> None:
        self._known = known
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer with the pod, or as the API server does for one that is not there."""
        pod = self._known.get(self.path)
        body = json.dumps(pod or {"kind": "Status", "reason": "NotFound", "code": 404}).encode()
        self.send_response(200 if pod else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
