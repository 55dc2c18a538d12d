"""The way to an API server of the lab: who vouches for whom, our token, a pod that it knows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from kuma_cni.kubernetes.api import Api, ApiError
from kuma_cni.kubernetes.kubeconfig import Access, Credentials, Server, Trust
from lab.api_server import ApiServer
from lab.certificates import Authority
from lab.injected import INJECTED

if TYPE_CHECKING:
    from pathlib import Path

    from lab.api_server import Act

TOKEN = "t.o-k_e.n"  # noqa: S105 - nobody's
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "web",
        "namespace": "demo",
        "uid": "6a1f",
        "annotations": INJECTED,
    },
    "spec": {
        "initContainers": [{"name": "kuma-validation"}, {"name": "kuma-sidecar"}],
        "containers": [{"name": "app"}],
    },
}
ASKED = "/api/v1/namespaces/demo/pods/web"


class Trusted:
    """An authority, and a server's and a client's certificate by it."""

    def __init__(self, folder: Path) -> None:
        """Make them."""
        self.authority = Authority(folder)
        self.server = self.authority.issue("api", "IP:127.0.0.1", "DNS:localhost")
        self.client = self.authority.issue("somebody")

    def serve(self, *script: Act, **options: Any) -> ApiServer:
        """Return a server with that certificate."""
        return ApiServer(*script, certificate=self.server, **options)

    def access(self, server: ApiServer, **credentials: str) -> Access:
        """Return the way to a server."""
        place = Server(server.url, "127.0.0.1", server.port)
        return Access(place, Trust(file=str(self.authority.file)), Credentials(**credentials))

    def api(self, server: ApiServer, **bounds: float) -> Api:
        """Return a client that knows the authority and has a token."""
        return Api(self.access(server, token=TOKEN), **bounds)


def refused(api: Api, *, within: float = 2.0) -> ApiError:
    """Return how a question for a pod fails, and see that it is soon enough."""
    began = time.monotonic()
    with pytest.raises(ApiError) as caught:
        api.pod("demo", "web")
    assert time.monotonic() - began < within
    return caught.value
