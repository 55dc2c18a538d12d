"""Scenarios: who is asked what, who says what, and what the client gets in the end.

``tests/golden/dns`` holds them, one story a file; ``lab.scenario`` tells how they are written.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.scenario import read_scenario
from lab.stage import Stage

FOLDER = Path(__file__).parents[3] / "golden/dns"
SCENARIOS = sorted(FOLDER.glob("*.scenario"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_plays_as_it_is_written(path: Path) -> None:
    Stage(read_scenario(path)).play()


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario_says_what_it_shows(path: Path) -> None:
    assert len(read_scenario(path).shows.split()) > 5


def test_there_are_enough_of_them() -> None:
    assert len(SCENARIOS) >= 60
