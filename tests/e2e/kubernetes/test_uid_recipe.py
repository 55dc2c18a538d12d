"""The recipe for init containers that need the network before the sidecar listens, under CNI.

A user of the pod's own, named by annotations, reaches port 443 and name servers directly; every
other user, and this one at every other port, is captured though nobody listens yet.
"""

from __future__ import annotations

import pytest

from e2e.kubernetes.node import Node
from e2e.kubernetes.pods import SINGLE, container, mesh_pod
from lab.processes import eventually

INIT, OTHER = 1234, 1235
WORDS = {
    "a-list-for-each-protocol": {
        "traffic.kuma.io/exclude-outbound-tcp-ports-for-uids": f"443:{INIT}",
        "traffic.kuma.io/exclude-outbound-udp-ports-for-uids": f"53:{INIT}",
    },
    "one-list": {
        "traffic.kuma.io/exclude-outbound-ports-for-uids": f"tcp:443:{INIT};udp:53:{INIT}",
    },
}


@pytest.mark.parametrize("words", WORDS)
def test_the_user_of_the_annotations_reaches_out_before_the_sidecar_is_there(
    node: Node, world: list[str], words: str
) -> None:
    targets = [
        f"{proto}://{address}:{port}"
        for address in world
        for proto, port in (("tcp", 443), ("udp", 53), ("tcp", 80))
    ]
    early = [container(f"early-{uid}", ["probe", *targets], uid) for uid in (INIT, OTHER)]
    name = f"recipe-{words}"
    node.apply(mesh_pod(name, ["probe"], SINGLE | WORDS[words], early))
    assert eventually(lambda: node.get("pod", name)["status"]["phase"] == "Succeeded", 45.0)
    own = [address.strip("[]") for address in node.addresses(name)]
    direct = [answer for here in own for answer in (*[f"world from {here}"] * 2, "refused")]
    assert list(node.answers(name, f"early-{INIT}").values()) == direct
    captured = node.answers(name, f"early-{OTHER}")
    for target in targets:
        # A captured datagram is answered by nobody; whether that is told is the kernel's affair.
        nobody = {"refused", "timeout"} if target.startswith("udp") else {"refused"}
        assert captured[target] in nobody, captured
