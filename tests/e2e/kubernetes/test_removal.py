"""Removing the DaemonSet leaves a node as if it had never been there, and one that works."""

from __future__ import annotations

from e2e.kubernetes.deployment import PLUGIN, remove
from e2e.kubernetes.node import CONFIGURATION, NETWORK, PLUGINS, Node
from e2e.kubernetes.pods import plain_pod


def test_a_node_works_without_us_after_the_removal(node: Node, world: list[str]) -> None:
    assert PLUGIN in node.read(CONFIGURATION)

    remove(node)

    assert node.read(CONFIGURATION) == NETWORK
    assert node.run(("ls", "-A", "/etc/cni/net.d")).stdout.split() == ["10-node.conflist"]
    assert node.run(("ls", "-A", "/run/kuma-net")).stdout.split() == []
    assert "kuma-net" not in node.run(("ls", "/var/lib/cni")).stdout.split()
    assert sorted(node.run(("ls", "-A", "/opt/cni/bin")).stdout.split()) == sorted(PLUGINS)
    node.apply(plain_pod("after", ["app", "app", "8080", "--", f"tcp://{world[0]}:80"]))
    node.await_ready("after")
    assert node.answers("after") == {
        f"tcp://{world[0]}:80": f"world from {node.addresses('after')[0]}"
    }
