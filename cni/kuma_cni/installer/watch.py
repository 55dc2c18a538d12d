"""Noticing that anything of ours, or that ours depends on, may have changed.

Events come in bursts (a file is created, written, closed, renamed), so what is to be done about
them waits until a moment has passed without further ones.  Where the kernel does not report changes
(no inotify instances left, a folder that is not there yet on another file system), everything is
looked at every so often instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_net.host.inotify import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kuma_net.serving.loop import Loop, Timer

QUIET: Final = 0.02
"""Seconds without an event after which a burst is over."""
LONGEST_BURST: Final = 0.5
"""Seconds after which a burst that does not end is looked into all the same."""


class Changes:
    """Calls when some files or folders may have changed, and every so often."""

    def __init__(
        self,
        loop: Loop,
        on_change: Callable[[], None],
        make_watch: Callable[[Sequence[str]], Watch] = Watch,
    ) -> None:
        """Call ``on_change``, once a burst."""
        self._loop = loop
        self._make_watch = make_watch
        self._on_change = on_change
        self._watch: Watch | None = None
        self._burst: Timer | None = None
        self._burst_began = 0.0
        self._next: Timer | None = None

    def watch(self, paths: Sequence[str], blind: float, sighted: float) -> None:
        """Watch these paths from now on; one that ends with ``/`` is all that is in a folder.

        Look every ``blind`` seconds where the kernel reports nothing, else every ``sighted``.
        """
        self._close_watch()
        try:
            self._watch = self._make_watch(paths)
        except OSError:
            self._watch = None
        else:
            self._loop.on_readable(self._watch.fileno(), self._hear)
        self._pause = sighted if self._watch is not None and self._watch.complete else blind
        if self._next is not None:
            self._next.cancel()
        self._next = self._loop.at(self._loop.now() + self._pause, self._look)

    def _hear(self) -> None:
        if self._watch is None or not self._watch.changed():
            return
        now = self._loop.now()
        if self._burst is None:
            self._burst_began = now
        else:
            self._burst.cancel()
        when = min(now + QUIET, self._burst_began + LONGEST_BURST)
        self._burst = self._loop.at(when, self._after_burst)

    def _after_burst(self) -> None:
        self._burst = None
        self._on_change()

    def _look(self) -> None:
        self._next = self._loop.at(self._loop.now() + self._pause, self._look)
        self._on_change()

    def close(self) -> None:
        """Watch no longer."""
        self._close_watch()
        for timer in (self._burst, self._next):
            if timer is not None:
                timer.cancel()

    def _close_watch(self) -> None:
        if self._watch is not None:
            self._loop.forget(self._watch.fileno())
            self._watch.close()
            self._watch = None
