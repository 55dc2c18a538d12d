"""All sources of names, together: what has changed, and when the table is made anew.

==============================  ==================================================================
at the start                    the first table is made as soon as every source has said something;
                                after 15 s (Kuma's own patience) of those that are there
a source changes                50 ms of quiet are waited for (1 s at most), then a table is made
a source cannot be read, or is  the former table stays; counted in ``reload_errors``, logged once
wrong in its shape, or is gone  until what is wrong changes
a source is right in its shape  names that cannot be used are left out, and told
the machine has no room         another attempt after 5 s
==============================  ==================================================================

Nothing is parsed here: that is done in the builder's child.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Protocol

from kuma_dns.server.builder import Builder, Report, Work
from kuma_dns.server.files import LOOK, Files
from kuma_dns.server.poll import Poll
from kuma_dns.server.reading import Material, Origin, make
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_dns.counts import Counts
    from kuma_dns.names.table import Table
    from kuma_dns.names.zones import Zones
    from kuma_net.serving.loop import Loop, Timer

SOCKET_PREFIX: Final = "unix:"
PATIENCE: Final = 15.0
"""Seconds that the first table waits for sources that are not there yet (Kuma's own figure)."""
QUIET: Final = 0.05
LONGEST_QUIET: Final = 1.0
"""Seconds without a change that a new table waits for, and how long at most."""
PAUSE: Final = 5.0
"""Seconds until another attempt when the machine was the trouble."""


class Voice(Protocol):
    """The part of a log that is used here."""

    def info(self, event: str, **fields: object) -> None:
        """Say what is worth knowing."""

    def warning(self, event: str, **fields: object) -> None:
        """Say what somebody may want to mend."""

    def error(self, event: str, **fields: object) -> None:
        """Say what somebody must mend."""


class Plan(Record):
    """Where names come from: ``names`` are files or ``unix:SOCKET``, ``records`` NAME=IP.

    ``ttl`` is for when no source tells one; ``patience`` how many seconds the first table waits
    for sources that are not there yet.
    """

    names: tuple[str, ...]
    hosts: tuple[str, ...]
    records: tuple[str, ...]
    zones: Zones
    ttl: int
    patience: float = PATIENCE


class Sources:
    """Calls ``on_table`` with the first table and with every later one that differs.

    ``report`` is what came of the last attempt, ``served`` of the last that gave a table;
    ``on_end`` is called after every attempt.
    """

    def __init__(
        self,
        plan: Plan,
        loop: Loop,
        on_table: Callable[[Table], None],
        log: Voice,
        counts: Counts,
    ) -> None:
        """Keep everything; ``start`` begins."""
        self.report = self.served = Report()
        self.table: Table | None = None
        self.on_end: Callable[[], None] = lambda: None
        self._plan = plan
        self._loop = loop
        self._on_table = on_table
        self._log = log
        self._counts = counts
        paths = [path for path in plan.names if not path.startswith(SOCKET_PREFIX)]
        self._origins = [Origin(f"file {path}", path) for path in paths]
        self._origins += [Origin(f"hosts file {path}", path, hosts=True) for path in plan.hosts]
        self._polls = [
            Poll(path.removeprefix(SOCKET_PREFIX), loop, self._on_news)
            for path in plan.names
            if path.startswith(SOCKET_PREFIX)
        ]
        self._builder = Builder(loop, self._work, self._on_done)
        self._read: set[str] = set()
        self._began = 0.0
        self._files: Files | None = None
        self._timer: Timer | None = None
        self._first_change: float | None = None

    @property
    def waiting(self) -> tuple[str, ...]:
        """The sources that have not been there yet."""
        files = [one.source for one in self._origins if one.source not in self._read]
        return *files, *[_told(poll) for poll in self._polls if poll.descriptor < 0]

    def start(self) -> None:
        """Watch files and sockets, and make the first table."""
        self._began = self._loop.now()
        if self._origins:
            self._files = Files([one.path for one in self._origins], self._loop, self._changed)
            if self._files.looking:
                self._log.warning("files-not-watched", seconds=LOOK)
        for poll in self._polls:
            poll.start()
        self._begin()
        if self.waiting:
            reasons = [why for one in self._origins if (why := _why_not(one.path))]
            self._log.warning("names-waited-for", sources=self.waiting, why=reasons)

    def close(self) -> None:
        """Watch no longer; end what runs."""
        if self._timer is not None:
            self._timer.cancel()
        if self._files is not None:
            self._files.close()
        for poll in self._polls:
            poll.close()
        self._builder.close()

    def reload(self) -> None:
        """Make the table anew, changed or not (SIGHUP)."""
        self._begin()

    def _on_news(self, poll: Poll, new: bool) -> None:
        """Take a new document; or tell that there is none, or one again."""
        if new:
            self._changed()
        elif not poll.problem:
            self._log.info("poll-mended", source=_told(poll))
        elif not poll.excused:
            self._counts.reload_errors += 1
            self._log.error("poll-failed", source=_told(poll), why=poll.problem)

    def _changed(self) -> None:
        """Make a table when it has been quiet for a moment; the first one at once."""
        now = self._loop.now()
        if self._first_change is None:
            self._first_change = now
        quiet = QUIET if self.table is not None else 0.0
        self._after(min(quiet, max(0.0, self._first_change + LONGEST_QUIET - now)))

    def _after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.at(self._loop.now() + seconds, self._begin)

    def _begin(self) -> None:
        self._first_change = None
        for one in self._origins:
            if os.path.exists(one.path):  # noqa: PTH110 - lean
                self._read.add(one.source)
        if self.table is not None or not self.waiting:
            self._builder.request()
            return
        left = self._began + self._plan.patience - self._loop.now()
        if left > 0:
            self._after(left)
        elif self._work().descriptors or self._read or self._plan.records:
            self._builder.request()

    def _work(self) -> Work:
        """Return what is to be done now, with the sources that there are."""
        plan = self._plan
        origins = [one for one in self._origins if one.source in self._read]
        documents = [
            Origin(_told(poll), descriptor=poll.descriptor)
            for poll in self._polls
            if poll.descriptor >= 0
        ]
        material = Material((*origins, *documents), plan.records, plan.zones, plan.ttl)
        descriptors = tuple([one.descriptor for one in documents])
        return Work(lambda: make(material), descriptors, urgent=self.table is None)

    def _on_done(self, table: Table | None, report: Report) -> None:
        if table is None:
            self._failed(report)
        else:
            self._succeeded(table, report)
        self.on_end()

    def _succeeded(self, table: Table, report: Report) -> None:
        mended = bool(self.report.errors)
        self._tell_left_out(report)
        self.report = self.served = report
        self._counts.reloads += 1
        former, self.table = self.table, table
        if former is None or former.digest != table.digest:
            self._log.info("names", names=table.names, serial=table.serial)
            self._on_table(table)
        elif mended:
            self._log.info("reload-mended", names=table.names, serial=table.serial)

    def _tell_left_out(self, report: Report) -> None:
        """Log what is left out and was not before."""
        for problem in report.violations:
            if problem not in self.served.violations:
                self._log.warning("name-left-out", problem=problem)
        for problem in report.warnings:
            if problem not in self.served.warnings:
                self._log.warning("spelling-left-out", problem=problem)

    def _failed(self, report: Report) -> None:
        self._counts.reload_errors += 1
        if report.errors != self.report.errors:
            self._log.error("reload-failed", problems=list(report.errors))
        self.report = report
        if report.again:
            self._after(PAUSE)


def _why_not(path: str) -> str:
    """Return why a file is not there for us; empty if it is."""
    try:
        os.stat(path)  # noqa: PTH116 - lean
    except OSError as problem:
        return f"{path}: {problem.strerror}"
    return ""


def _told(poll: Poll) -> str:
    return f"socket {poll.path}"
