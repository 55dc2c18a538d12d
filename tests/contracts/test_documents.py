"""The documents keep up with the code: decisions, dependencies, links."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from contracts.tree import ROOT, files, shown

DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
PAGES = [path for path in files() if path.suffix == ".md"]

# The packages of this field that a reader looks for, used or not.
EXPECTED = (
    "click",
    "dnslib",
    "nsenter",
    "pyroute2",
    "pytest",
    "python-iptables",
    "scapy",
)


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text()
    assert [path.name for path in DECISIONS if f"({path.name})" not in index] == []


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_what_was_decided_why_and_what_follows(path: Path) -> None:
    text = path.read_text()
    assert text.startswith(f"# {int(path.name[:4])}. ")
    for heading in ("## Decision", "## Why", "## What follows"):
        assert heading in text


def named_in_pyproject() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra in project["project"]["optional-dependencies"].values():
        wanted += extra
    return {re.split(r"[<>=;~ ]", text)[0] for text in wanted}


def test_every_dependency_has_its_line() -> None:
    table = (ROOT / "docs/dependencies.md").read_text()
    lines = {found.lower() for found in re.findall(r"^\| \[?`?([\w-]+)", table, re.MULTILINE)}
    wanted = {name.lower() for name in (*named_in_pyproject(), *EXPECTED)}
    assert sorted(wanted - lines) == []


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_between_the_pages_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []
