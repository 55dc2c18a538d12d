"""Coming back: at once, then ever more seldom; peace; what was done meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kuma_cni.installer.counts import Counts
from kuma_cni.installer.keeper import LONGEST_DELAY, PEACE, Keeper
from kuma_cni.installer.place import Place
from kuma_cni.installer.settings import load
from kuma_net.serving.log import Log
from kuma_net.serving.loop import Loop
from kuma_net.serving.sample import Sample
from lab.installer import LIST, Node

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CALICO = "10-calico.conflist"


class Kept:
    """A keeper whose loop has a clock of the test's."""

    def __init__(self, node: Node) -> None:
        """Install on a node."""
        self.node = node
        self.clock = 1000.0
        self.counts = Counts()
        self.problems: list[Exception] = []
        self.loop = Loop(self.problems.append, awake=0.0)
        self.loop.now = lambda: self.clock
        self.sink = os.open(os.devnull, os.O_WRONLY)
        log = Log("info", Sample(1000, 1), descriptor=self.sink)
        self.keeper = Keeper(
            Place(load(node.environ), str(node.image)), self.loop, log, self.counts
        )

    def undo(self) -> None:
        """Be the agent who writes her file anew."""
        self.node.put({CALICO: LIST})
        self.keeper.look()

    def after(self, seconds: float) -> bool:
        """Let time pass; return whether we are in place then."""
        self.clock += seconds
        self.loop.turn(0.0)
        return self.node.has_ours()

    def close(self) -> None:
        """End, and tell what went wrong."""
        self.keeper.close()
        self.loop.close()
        os.close(self.sink)
        assert self.problems == []


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    node = Node(tmp_path)
    node.put({CALICO: LIST})
    made = Kept(node)
    made.keeper.start()
    yield made
    made.close()


def test_each_time_it_waits_twice_as_long(kept: Kept) -> None:
    assert kept.node.has_ours()
    kept.undo()
    assert kept.node.has_ours()  # the first time at once
    for delay in (1.0, 2.0, 4.0, 8.0):
        kept.undo()
        assert not kept.after(delay * 0.9)
        assert kept.keeper.reasons != ()
        assert kept.after(delay * 0.2)
        assert kept.keeper.reasons == ()
    assert kept.counts.undone == {"calico": 5}


def test_it_never_waits_longer_than_some_minutes(kept: Kept) -> None:
    for number in range(12):
        kept.undo()
        assert kept.after(2.0**number)
    kept.undo()
    assert not kept.after(LONGEST_DELAY * 0.9)
    assert kept.after(LONGEST_DELAY * 0.2)


def test_peace_makes_everything_forgotten(kept: Kept) -> None:
    for _ in range(5):
        kept.undo()
        kept.after(60.0)
    kept.clock += PEACE + 1
    kept.undo()
    assert kept.node.has_ours()


def test_looking_often_while_it_waits_is_no_new_quarrel(kept: Kept) -> None:
    kept.undo()
    kept.undo()
    for _ in range(5):
        kept.keeper.look()
    assert kept.counts.undone == {"calico": 2}
    assert kept.after(1.1)


def test_who_takes_the_whole_file_away_is_not_accused_of_a_quarrel(kept: Kept) -> None:
    (kept.node.net / CALICO).unlink()
    kept.keeper.look()
    assert kept.keeper.reasons == ("no other plugin's configuration is there yet",)
    kept.node.put({CALICO: LIST})
    kept.keeper.look()
    assert kept.node.has_ours()
    assert kept.counts.undone == {}


def test_what_a_successor_wrote_is_left_to_her(kept: Kept) -> None:
    theirs = (kept.node.net / CALICO).read_bytes().replace(b'"info"', b'"debug"')
    kept.node.put({CALICO: theirs})
    kept.keeper.look()
    assert kept.node.files()[CALICO] == theirs
    assert kept.keeper.reasons == ()


def test_a_bad_file_before_ours_is_counted(kept: Kept) -> None:
    kept.node.put({"00-bad.conf": b"{"})
    kept.keeper.look()
    assert kept.counts.bad_files == 1
    assert kept.keeper.reasons == ()  # CRI-O passes it over


def test_trouble_is_told_once_and_tried_again_ever_more_seldom(kept: Kept) -> None:
    aside = kept.node.net.with_name("aside")
    kept.node.net.rename(aside)
    for _ in range(4):
        kept.keeper.look()
    assert kept.counts.installs["failed"] == 4
    assert "No such file or directory" in kept.keeper.reasons[0]
    aside.rename(kept.node.net)
    assert kept.after(10.0)
    assert kept.keeper.reasons == ()
