"""With the API server stopped, mesh pods start and are captured all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from e2e.kubernetes.node import STATIC, Node
from e2e.kubernetes.pods import WHOLE, mesh_pod
from lab.processes import eventually


@pytest.fixture
def lasting(node: Node, world: list[str]) -> str:
    """Start a mesh pod that is started again when its sandbox dies; return its name."""
    pod = mesh_pod("lasting", ["app", "app", "8080", "--", f"tcp://{world[0]}:80"])
    pod["spec"]["restartPolicy"] = "Always"
    node.apply(pod)
    node.await_ready("lasting")
    return "lasting"


@pytest.fixture
def alone(node: Node, lasting: str) -> Iterator[Node]:
    """Stop the API server for the time of a test."""
    node.stop_api_server()
    try:
        yield node
    finally:
        node.start_api_server()


def test_a_static_pod_is_captured(alone: Node, world: list[str]) -> None:
    target = f"tcp://{world[0]}:80"
    pod = mesh_pod("static", ["app", "app", "8080", "--", target], WHOLE)
    alone.write(f"{STATIC}/static.json", json.dumps(pod))
    name = f"static-{alone.name}"
    assert eventually(lambda: alone.answers(name) != {}, 30.0)
    assert alone.answers(name) == {target: f"sidecar outbound to {world[0]}:80"}
    alone.run(("rm", f"{STATIC}/static.json"))


def test_a_sandbox_that_the_kubelet_makes_again_is_captured_again(
    alone: Node, lasting: str, world: list[str]
) -> None:
    before = alone.logs(lasting, "app")
    alone.kill_sandbox(lasting)
    assert eventually(lambda: len(alone.logs(lasting, "app")) == 2 * len(before), 40.0)
    answer = f"tcp://{world[0]}:80 -> sidecar outbound to {world[0]}:80"
    assert alone.logs(lasting, "app") == [answer, "serving"] * 2
