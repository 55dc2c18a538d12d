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

from kuma_dns.server.builder import Builder, Report
from kuma_dns.server.reading import Material, Origin, make
from kuma_net.host.inotify import Watch
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_dns.counts import Counts
    from kuma_dns.names.table import Table
    from kuma_dns.names.zones import Zones
    from kuma_dns.server.builder import Work
    from kuma_dns.server.loop import Loop, Timer

SOCKET_PREFIX: Final = "unix:"
PATIENCE: Final = 15.0
"""Seconds that the first table waits for sources that are not there yet (Kuma's own figure)."""
QUIET: Final = 0.05
LONGEST_QUIET: Final = 1.0
"""Seconds without a change that a new table waits for, and how long at most."""
PAUSE: Final = 5.0
"""Seconds until another attempt when the machine was the trouble."""
LOOK: Final = 1.0
"""Seconds between looks at files where changes cannot be noticed."""


class Voice(Protocol):
    """The part of a log that is used here."""

    def info(self, event: str, **fields: object) -> None:
        """Say what is worth knowing."""

    def warning(self, event: str, **fields: object) -> None:
        """Say what somebody may want to mend."""

    def error(self, event: str, **fields: object) -> None:
        """Say what somebody must mend."""


class Plan(Record):
    """Where names come from: ``names`` are files or ``unix:SOCKET``, ``records`` NAME=IP."""

    names: tuple[str, ...]
    hosts: tuple[str, ...]
    records: tuple[str, ...]
    zones: Zones
    ttl: int


class Sources:
    """Calls ``on_table`` with the first table and with every later one that differs.

    ``report`` is what came of the last attempt, ``served`` of the last that gave a table.
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
        self._plan = plan
        self._loop = loop
        self._on_table = on_table
        self._log = log
        self._counts = counts
        self._files = [Origin(f"file {path}", path) for path in plan.names]
        self._files += [Origin(f"hosts file {path}", path, hosts=True) for path in plan.hosts]
        self._builder = Builder(loop, self._work, self._on_done)
        self._seen: set[str] = set()
        self._began = 0.0
        self._watch: Watch | None = None
        self._timer: Timer | None = None
        self._first_change: float | None = None

    @property
    def waiting(self) -> tuple[str, ...]:
        """The sources that have not been there yet."""
        return tuple([file.source for file in self._files if file.source not in self._seen])

    def start(self) -> None:
        """Watch the files and make the first table."""
        self._began = self._loop.now()
        if self._files:
            self._watch = Watch([file.path for file in self._files])
            self._loop.on_readable(self._watch.fileno(), self._on_files)
        self._begin()

    def close(self) -> None:
        """Watch no longer; end what runs."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._loop.forget(self._watch.fileno())
            self._watch.close()
            self._watch = None
        self._builder.close()

    def reload(self) -> None:
        """Make the table anew, changed or not (SIGHUP)."""
        self._begin()

    def _on_files(self) -> None:
        if self._watch is not None and self._watch.changed():
            self._changed()

    def _changed(self) -> None:
        """Make a table when it has been quiet for a moment."""
        now = self._loop.now()
        if self._first_change is None:
            self._first_change = now
        self._after(min(QUIET, max(0.0, self._first_change + LONGEST_QUIET - now)))

    def _after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.at(self._loop.now() + seconds, self._begin)

    def _begin(self) -> None:
        self._first_change = None
        for file in self._files:
            if os.path.exists(file.path):  # noqa: PTH110 - lean
                self._seen.add(file.source)
        if self.table is None and self.waiting:
            left = self._began + PATIENCE - self._loop.now()
            if left > 0 or not (self._seen or self._plan.records):
                self._after(left if left > 0 else PATIENCE)
                return
        self._builder.request()

    def _work(self) -> Work:
        origins = tuple([file for file in self._files if file.source in self._seen])
        material = Material(origins, self._plan.records, self._plan.zones, self._plan.ttl)
        return lambda: make(material)

    def _on_done(self, table: Table | None, report: Report) -> None:
        if table is None:
            self._failed(report)
            return
        known, mended = self.served, bool(self.report.errors)
        self.report = self.served = report
        self._counts.reloads += 1
        for violation in report.violations:
            if violation not in known.violations:
                self._log.warning("name_left_out", problem=violation)
        for warning in report.warnings:
            if warning not in known.warnings:
                self._log.warning("spelling_left_out", problem=warning)
        former, self.table = self.table, table
        if former is None or former.digest != table.digest:
            self._log.info("names", names=table.names, serial=table.serial)
            self._on_table(table)
        elif mended:
            self._log.info("reload_mended")

    def _failed(self, report: Report) -> None:
        self._counts.reload_errors += 1
        if report.errors != self.report.errors:
            self._log.error("reload_failed", problems=list(report.errors))
        self.report = report
        if report.again:
            self._after(PAUSE)
