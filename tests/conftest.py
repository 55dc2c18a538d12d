"""What all tests share: markers by folder, the golden switch, hypothesis' patience."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder; kernel and end-to-end tests cannot run without root."""
    no_root = pytest.mark.skip(reason="needs root (namespaces, rules)")
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in {"kernel", "e2e"}:
            item.add_marker(folder)
            if os.geteuid() != 0:
                item.add_marker(no_root)
