"""What all tests share: markers by folder, the golden switch, hypothesis' patience."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.host import Host
    from lab.topology import Lab

TESTS = Path(__file__).parent

# A coverage tracer and a busy machine make single examples slow; slowness is bench/'s business.
settings.register_profile("kuma-net", deadline=None)
settings.load_profile("kuma-net")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``: write the golden files anew instead of comparing them."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Build an application's host, a remote and a guest, in namespaces that end with the test."""
    from lab.topology import Lab  # its library takes a while to import

    with Lab() as built:
        yield built


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a machine that is quiet, counters and all: one link with addresses, which is down."""
    from lab.topology import quiet_host  # as above

    made = quiet_host()
    yield made
    made.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder; kernel and end-to-end tests cannot run without root."""
    no_root = pytest.mark.skip(reason="needs root (namespaces, rules)")
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in {"kernel", "cni", "dns", "e2e"}:
            item.add_marker(folder)
            if os.geteuid() != 0:
                item.add_marker(no_root)
