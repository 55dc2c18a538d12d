"""Changes: once a burst, and every so often where nothing is reported."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from kuma_cni.installer.watch import Changes
from kuma_net.host.inotify import Watch
from kuma_net.serving.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


class Heard:
    """Counts calls, on a loop of its own."""

    def __init__(self, make_watch: Callable[[Sequence[str]], Watch] = Watch) -> None:
        """Begin with none."""
        self.calls = 0
        self.problems: list[Exception] = []
        self.loop = Loop(self.problems.append, awake=0.0)
        self.changes = Changes(self.loop, self._call, make_watch)

    def _call(self) -> None:
        self.calls += 1

    def within(self, seconds: float) -> int:
        """Go round the loop for some seconds; return how often it was called meanwhile."""
        before, until = self.calls, self.loop.now() + seconds
        while self.loop.now() < until:
            self.loop.turn(0.01)
        return self.calls - before


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    yield made
    made.changes.close()
    made.loop.close()
    assert made.problems == []


def test_a_burst_is_one_call(heard: Heard, tmp_path: Path) -> None:
    heard.changes.watch([f"{tmp_path}/"], 60.0, 60.0)
    for number in range(20):
        (tmp_path / str(number)).write_text("")
    assert heard.within(0.2) == 1


def test_a_burst_that_does_not_end_is_looked_into_all_the_same(
    heard: Heard, tmp_path: Path
) -> None:
    heard.changes.watch([f"{tmp_path}/"], 60.0, 60.0)
    until = heard.loop.now() + 0.8
    while heard.loop.now() < until:
        (tmp_path / "file").write_text("")
        heard.loop.turn(0.005)
    assert heard.calls >= 1


def test_what_can_be_watched_is_looked_at_every_so_often_too(heard: Heard, tmp_path: Path) -> None:
    heard.changes.watch([f"{tmp_path}/"], 60.0, 0.02)
    assert heard.within(0.3) > 3


def test_where_no_instances_are_left_everything_is_looked_at_every_so_often(
    tmp_path: Path,
) -> None:
    def none_left(_: Sequence[str]) -> Watch:
        raise OSError(errno.EMFILE, "Too many open files")

    heard = Heard(none_left)
    heard.changes.watch([f"{tmp_path}/"], 0.02, 60.0)
    assert heard.within(0.3) > 3
    heard.changes.close()
    heard.loop.close()
    assert heard.problems == []


def test_after_closing_nobody_is_called(heard: Heard, tmp_path: Path) -> None:
    heard.changes.watch([f"{tmp_path}/"], 0.01, 0.01)
    (tmp_path / "file").write_text("")
    heard.changes.close()
    assert heard.within(0.1) == 0
