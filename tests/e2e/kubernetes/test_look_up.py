"""Where the runtime sends no annotations, the API server is asked, with the rights we ship."""

from __future__ import annotations

import json

from e2e.kubernetes.deployment import BASE, compose, deploy, remove
from e2e.kubernetes.node import Node
from e2e.kubernetes.pods import mesh_pod, plain_pod

RECORDS = "/var/lib/cni/kuma-net"
"""A record for each pod that was looked up, and for no other."""


def test_a_pod_is_looked_up_where_its_annotations_are_not_sent(
    bare: Node, world: list[str]
) -> None:
    remove(bare)
    entry = json.loads((BASE / "network.json").read_text())
    entry["capabilities"] = {"io.kubernetes.cri.pod-annotations": False, "dns": False}
    composed = compose(bare, {"CNI_NETWORK_CONFIG": json.dumps(entry)})
    deploy(bare, composed)
    try:
        command = ["app", "app", "8080", "--", f"tcp://{world[0]}:80"]
        bare.apply(mesh_pod("looked-up", command), plain_pod("passed-by", command))
        bare.await_ready("looked-up")
        bare.await_ready("passed-by")
        assert list(bare.answers("looked-up").values()) == [f"sidecar outbound to {world[0]}:80"]
        own = bare.addresses("passed-by")[0]
        assert list(bare.answers("passed-by").values()) == [f"world from {own}"]
        assert len(bare.run(("ls", RECORDS)).stdout.split()) == 1
    finally:
        remove(bare, composed)
