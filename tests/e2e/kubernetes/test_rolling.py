"""The DaemonSet is rolled while pods come and go: none of the mesh ever runs without rules."""

from __future__ import annotations

from collections.abc import Iterator

from e2e.kubernetes.deployment import NEXT, await_rollout, upgrade, version
from e2e.kubernetes.node import Node
from e2e.kubernetes.pods import GENERATIONS, mesh_pod
from lab.images import CNI
from lab.processes import eventually

WAVES, AT_ONCE = 4, 5


def test_no_mesh_pod_runs_without_rules_while_the_daemonset_is_rolled(
    node: Node, world: list[str]
) -> None:
    target = f"tcp://{world[0]}:80"
    answers: dict[str, dict[str, str]] = {}
    versions = []
    for wave in range(WAVES):
        upgrade(node, (NEXT, CNI)[wave % 2])
        for names in coming_and_going(node, wave, target):
            answers |= {name: node.answers(name) for name in names}
        await_rollout(node)
        versions.append(version(node))
    # As its first act each pod asked the world, and met its sidecar.
    assert len(answers) == WAVES * AT_ONCE
    assert {tuple(said.items()) for said in answers.values()} == {
        ((target, f"sidecar outbound to {world[0]}:80"),)
    }
    assert versions[0] != versions[1]
    assert versions == versions[:2] * (WAVES // 2)


def coming_and_going(node: Node, wave: int, target: str) -> Iterator[list[str]]:
    """Start pods that ask once and end; yield their names when they have ended, delete them."""
    generations = list(GENERATIONS.values())
    names = [f"passing-{wave}-{number}" for number in range(AT_ONCE)]
    pods = [
        mesh_pod(name, ["probe", target], generations[number % len(generations)])
        for number, name in enumerate(names)
    ]
    node.apply(*pods)
    assert eventually(lambda: node.phases(names) == {"Succeeded"}, 45.0), node.phases(names)
    yield names
    node.kubectl("delete", "pods", *names, "--wait=false")
