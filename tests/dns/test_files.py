"""Files that change, where inotify works and where it does not."""

from __future__ import annotations

import errno
import time
from typing import TYPE_CHECKING, NoReturn

import pytest

from kuma_dns.server.files import Files
from kuma_net.host.inotify import Watch
from kuma_net.serving.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


def no_instance(_: Sequence[str]) -> NoReturn:
    """Stand for a user whose instances of inotify are all in use."""
    raise OSError(errno.EMFILE, "Too many open files")


def half_blind(paths: Sequence[str]) -> Watch:
    """Watch as somebody who may not read the folder: nothing comes, and that is known."""
    watch = Watch([])
    watch.paths = tuple(paths)
    watch.complete = False
    return watch


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop(lambda problem: pytest.fail(str(problem)))
    yield made
    made.close()


def until(loop: Loop, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        loop.turn(0.05)


@pytest.mark.parametrize("watch", [Watch, no_instance, half_blind])
def test_changes_are_noticed_in_any_case(
    loop: Loop, tmp_path: Path, watch: Callable[[Sequence[str]], Watch]
) -> None:
    path = tmp_path / "names.json"
    changes: list[int] = []
    files = Files([str(path)], loop, lambda: changes.append(1), watch)
    assert files.looking == (watch is not Watch)
    for deed in (lambda: path.write_text("1"), lambda: path.write_text("22"), path.unlink):
        changes.clear()
        deed()
        until(loop, lambda: bool(changes))
    files.close()
    changes.clear()
    path.write_text("3")
    loop.turn(0.05)
    assert changes == []


def test_what_is_looked_at_and_has_not_changed_is_no_change(loop: Loop, tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text("1")
    changes: list[float] = []
    files = Files([str(path)], loop, lambda: changes.append(loop.now()), no_instance)
    end = loop.now() + 1.2
    until(loop, lambda: loop.now() > end)
    assert changes == []
    files.close()
