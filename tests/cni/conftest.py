"""What several modules of this folder need; another scope or kind of it stands in the module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.building import MissingProgram
from lab.cni import Caller
from lab.host import Host
from lab.node import Node
from lab.programs import BIN

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pod() -> Iterator[Host]:
    """Make a network namespace that stands for a pod's."""
    made = Host("pod")
    yield made
    made.stop()


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    """Make a machine that calls plugins, and pods for it."""
    made = Caller()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Make a node without a runtime, with the reference plugins and ours."""
    try:
        made = Node("node", {"kuma-cni": BIN / "kuma-cni"})
    except MissingProgram as missing:
        pytest.skip(str(missing))
    yield made
    made.stop()
