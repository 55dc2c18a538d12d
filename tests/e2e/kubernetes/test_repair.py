"""A mesh pod that was there before the plugin gets its rules in place, without a restart."""

from __future__ import annotations

from typing import Any

from e2e.kubernetes.deployment import INIT_IMAGE, compose, deploy, remove
from e2e.kubernetes.node import Node
from e2e.kubernetes.pods import mesh_pod
from lab.processes import eventually


def test_a_pod_from_before_the_plugin_is_repaired_in_place(bare: Node, world: list[str]) -> None:
    remove(bare)
    target = f"tcp://{world[0]}:80"
    bare.apply(mesh_pod("early", ["app", "app", "8080", "--", target]))
    bare.await_ready("early")
    own = bare.addresses("early")
    assert bare.answers("early") == {target: f"world from {own[0]}"}
    before = containers(bare, "early")

    deploy(bare)
    captured = [f"sidecar outbound to {address}:80" for address in world]
    targets = [f"tcp://{address}:80" for address in world]
    assert eventually(lambda: bare.probe_from("early", *targets) == captured, 40.0)
    inbound = [f"sidecar inbound to {here}:8080" for here in own]
    assert bare.probe(*(f"tcp://{here}:8080" for here in own)) == inbound
    assert containers(bare, "early") == before


def test_a_pod_that_fails_its_validation_for_want_of_rules_comes_up_by_itself(
    bare: Node, world: list[str]
) -> None:
    remove(bare)
    target = f"tcp://{world[0]}:80"
    command = ["app", "app", "8080", "--", target]
    pod = mesh_pod("invalid", command, validated_by=INIT_IMAGE)
    pod["spec"]["restartPolicy"] = "Always"
    bare.apply(pod)
    assert eventually(lambda: failures(bare, "invalid") > 0, 40.0)

    deploy(bare)
    bare.await_ready("invalid")
    assert bare.answers("invalid") == {target: f"sidecar outbound to {world[0]}:80"}


def test_where_the_runtime_does_not_tell_of_pods_the_api_server_does(
    bare: Node, world: list[str]
) -> None:
    remove(bare)
    target = f"tcp://{world[0]}:80"
    bare.apply(mesh_pod("unlisted", ["app", "app", "8080", "--"]))
    bare.await_ready("unlisted")
    nowhere = {"CONTAINER_RUNTIME_ENDPOINT": "/run/nowhere.sock"}
    composed = compose(bare, nowhere, ["repair-by-api"])
    deploy(bare, composed)
    try:
        captured = [f"sidecar outbound to {world[0]}:80"]
        assert eventually(lambda: bare.probe_from("unlisted", target) == captured, 40.0)
    finally:
        remove(bare, composed)


def containers(node: Node, pod: str) -> list[tuple[Any, ...]]:
    """Return what changes when a container of a pod starts anew."""
    status = node.get("pod", pod)["status"]
    found = [*status["initContainerStatuses"], *status["containerStatuses"]]
    return [(one["name"], one["containerID"], one["restartCount"], one["state"]) for one in found]


def failures(node: Node, pod: str) -> int:
    """Return how often the pod's first init container failed."""
    status = node.get("pod", pod)["status"]
    return int(status.get("initContainerStatuses", [{}])[0].get("restartCount", 0))
