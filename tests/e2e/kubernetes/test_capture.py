"""A mesh pod's traffic is captured as its annotations say; a pod outside the mesh is left alone."""

from __future__ import annotations

import pytest

from e2e.kubernetes.deployment import INIT_IMAGE
from e2e.kubernetes.node import Node
from e2e.kubernetes.pods import (
    APPLICATION,
    EXCLUDED_INBOUND,
    EXCLUDED_OUTBOUND,
    GENERATIONS,
    mesh_pod,
    plain_pod,
)

SERVED = ("app", str(APPLICATION), str(EXCLUDED_INBOUND))


def targets(world: list[str]) -> list[str]:
    """Return what a pod asks of the pod ``world``, in the order of ``captured``."""
    return [
        f"{proto}://{address}:{port}"
        for address in world
        for proto, port in (
            ("tcp", 80),
            ("tcp", EXCLUDED_OUTBOUND),
            ("udp", 53),
            ("udp", 443),
        )
    ]


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_mesh_pods_traffic_is_captured_as_its_annotations_say(
    node: Node, world: list[str], generation: str
) -> None:
    name = f"mesh-{generation}"
    command = ["app", *SERVED, "--", *targets(world)]
    node.apply(mesh_pod(name, command, GENERATIONS[generation], validated_by=INIT_IMAGE))
    node.await_ready(name)
    own = node.addresses(name)

    # What it asked as its very first act.
    expected: dict[str, str] = {}
    for there, here in zip(world, own, strict=True):
        expected |= {
            f"tcp://{there}:80": f"sidecar outbound to {there}:80",
            f"tcp://{there}:{EXCLUDED_OUTBOUND}": f"world from {here.strip('[]')}",
            f"udp://{there}:53": "sidecar dns",
            f"udp://{there}:443": f"world from {here.strip('[]')}",
        }
    assert node.answers(name) == expected

    # What it is asked.
    for here in own:
        assert node.probe(f"tcp://{here}:{APPLICATION}", f"tcp://{here}:{EXCLUDED_INBOUND}") == [
            f"sidecar inbound to {here}:{APPLICATION}",
            f"app from {node.gateway(here)}",
        ]


def test_a_pod_outside_the_mesh_is_left_alone(node: Node, world: list[str]) -> None:
    node.apply(plain_pod("outside", ["app", "app", str(APPLICATION), "--", *targets(world)]))
    node.await_ready("outside")
    own = [address.strip("[]") for address in node.addresses("outside")]
    answers = list(node.answers("outside").values())
    assert answers == [f"world from {here}" for here in own for _ in range(4)]
    assert node.probe(f"tcp://{own[0]}:{APPLICATION}") == [f"app from {node.gateway(own[0])}"]


def test_an_injected_pod_of_an_excluded_namespace_is_left_alone(
    node: Node, world: list[str]
) -> None:
    pod = mesh_pod("excluded", ["app", *SERVED, "--", f"tcp://{world[0]}:80"])
    pod["metadata"]["namespace"] = "kube-system"
    node.apply(pod)
    node.await_ready("excluded", "kube-system")
    assert [line.split()[2:4] for line in node.logs("excluded", "app", "kube-system")[:1]] == [
        ["world", "from"]
    ]
