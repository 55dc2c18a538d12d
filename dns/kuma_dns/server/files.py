"""Notices that files change, by inotify where that works and by looking where it does not.

A node has only so many instances of inotify for each user, and a folder may not be ours to read
(see ``kuma_net.host.inotify``).  Then the files are looked at each second: a stat(2) for each.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from kuma_net.host.inotify import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kuma_net.serving.loop import Loop, Timer

LOOK: Final = 1.0
"""Seconds between looks at files whose changes cannot be noticed."""


class Files:
    """Some files; ``looking`` says that inotify does not see all of them."""

    def __init__(
        self,
        paths: Sequence[str],
        loop: Loop,
        on_change: Callable[[], None],
        watch: Callable[[Sequence[str]], Watch] = Watch,
    ) -> None:
        """Call ``on_change`` whenever one of them may have changed."""
        self._paths = tuple(paths)
        self._loop = loop
        self._on_change = on_change
        self._watch: Watch | None = None
        self._timer: Timer | None = None
        self._seen: list[tuple[int, ...]] = []
        try:
            self._watch = watch(self._paths)
        except OSError:
            self.looking = True
        else:
            loop.on_readable(self._watch.fileno(), self._hear)
            self.looking = not self._watch.complete
        if self.looking:
            self._seen = self._looks()
            self._timer = loop.at(loop.now() + LOOK, self._look)

    def close(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._loop.forget(self._watch.fileno())
            self._watch.close()

    def _hear(self) -> None:
        if self._watch is not None and self._watch.changed():
            self._on_change()

    def _look(self) -> None:
        looks = self._looks()
        if looks != self._seen:
            self._seen = looks
            self._on_change()
        self._timer = self._loop.at(self._loop.now() + LOOK, self._look)

    def _looks(self) -> list[tuple[int, ...]]:
        """Return what tells one state of each file from another."""
        return [_signature(path) for path in self._paths]


def _signature(path: str) -> tuple[int, ...]:
    try:
        status = os.stat(path)  # noqa: PTH116 - lean
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
