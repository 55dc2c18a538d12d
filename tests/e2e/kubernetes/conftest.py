"""One node for all tests of this folder: it takes seconds to start, and each has its own pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.kubernetes.deployment import deploy, load_images
from e2e.kubernetes.node import Node, lacking
from e2e.kubernetes.pods import plain_pod

if TYPE_CHECKING:
    from collections.abc import Iterator

WORLD = ("80", "443", "53", "3306")
"""Ports of the server outside the mesh."""


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Boot a node without our plugin, with the pod ``world`` to talk to."""
    if reason := lacking():
        pytest.skip(reason)
    node = Node()
    try:
        node.boot()
        load_images(node, tmp_path_factory.mktemp("images"))
        node.apply(plain_pod("world", ["serve", "world", *WORLD]))
        yield node
    finally:
        node.stop()


@pytest.fixture
def node(bare: Node) -> Node:
    """Return the node with our plugin deployed as shipped."""
    deploy(bare)
    return bare


@pytest.fixture
def world(bare: Node) -> list[str]:
    """Return the addresses of the pod ``world``, IPv4 and IPv6, in URLs' manner."""
    return bare.addresses("world")
