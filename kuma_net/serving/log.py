"""The log: one line of JSON for each thing worth saying, on the standard error.

``{"time": "2026-03-01T12:00:00.000Z", "level": "info", "event": "listening", ...}``

A log must never be what stops the service.  So nothing here raises, and nothing waits: a line is
written only if the descriptor has room for it at once, otherwise it is dropped and counted, and
the next line that gets through says how many were (``"lost"``).  The descriptor is not made
non-blocking: it is shared with whoever started us, often a person's terminal.  Instead poll(2)
is asked, and no line is longer than 4096 bytes: where a pipe has any room at all, it has room
for that (PIPE_BUF, pipe(7)).

And a flood of one event must not drown the others: of each event the first few lines in a minute
are written, then one of many, which says how many were left out since the last (``"left_out"``).
"""

from __future__ import annotations

import json
import os
import select
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_net.serving.sample import Sample

LEVELS: Final = {"info": 20, "warning": 30, "error": 40}
STDERR: Final = 2
INTERVAL: Final = 60.0
"""Seconds after which an event is written from its first line on again."""
LONGEST_LINE: Final = 4096
LONGEST_FIELD: Final = 500
"""Characters of one text: what is behind is seldom what one looks for."""


class _Seen:
    """What is known of one event in the present interval."""

    __slots__ = ("began", "count", "left_out")

    def __init__(self, began: float) -> None:
        self.began = began
        self.count = 0
        self.left_out = 0


class Log:
    """Writes events; ``lost`` lines found no room."""

    def __init__(
        self,
        level: str,
        sample: Sample,
        *,
        descriptor: int = STDERR,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Write what is at least as grave as ``level`` (info, warning, error)."""
        self._level = LEVELS[level]
        self._sample = sample
        self._descriptor = descriptor
        self._monotonic = monotonic
        self._wall = wall
        self._seen: dict[str, _Seen] = {}
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self.lost = 0

    def info(self, event: str, **fields: object) -> None:
        """Write what a person may want to know."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write what somebody should look at."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write what keeps the service from doing its work."""
        self._write("error", event, fields)

    def problem(self, error: Exception) -> None:
        """Write an exception that nobody expected, and where it was raised."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = ""
        if trace is not None:
            file = trace.tb_frame.f_code.co_filename
            where = f"{'/'.join(file.split('/')[-3:])}:{trace.tb_lineno}"
        self.error("problem", error=f"{type(error).__name__}: {error}", where=where)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        if LEVELS[level] < self._level:
            return
        try:
            left_out = self._left_out(event)
            if left_out is None:
                return
            if left_out:
                fields["left_out"] = left_out
            if self.lost:
                fields["lost"] = self.lost
            self._put(self._line(level, event, fields))
        except Exception:  # noqa: BLE001 - whatever it is, the service goes on
            self.lost += 1

    def _left_out(self, event: str) -> int | None:
        """Return how many lines were left out before this one; None: leave it out as well."""
        now = self._monotonic()
        seen = self._seen.get(event)
        if seen is None:
            seen = self._seen[event] = _Seen(now)
        elif now - seen.began >= INTERVAL:
            seen.began = now
            seen.count = 0
        seen.count += 1
        beyond = seen.count - self._sample.first
        if beyond > 0 and beyond % self._sample.every:
            seen.left_out += 1
            return None
        left_out, seen.left_out = seen.left_out, 0
        return left_out

    def _line(self, level: str, event: str, fields: dict[str, object]) -> bytes:
        now = self._wall()
        day = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        head = {"time": f"{day}.{int(now % 1 * 1000):03}Z", "level": level, "event": event}
        kept = {name: _short(value) for name, value in fields.items()}
        line = json.dumps(head | kept, default=str).encode()
        if len(line) >= LONGEST_LINE:
            line = json.dumps(head | {"cut": line.decode()[: LONGEST_LINE // 4]}).encode()
        return line + b"\n"

    def _put(self, line: bytes) -> None:
        ready = self._room.poll(0)
        if not ready or not ready[0][1] & select.POLLOUT:
            self.lost += 1
            return
        os.write(self._descriptor, line)
        self.lost = 0


def _short(value: object) -> object:
    text = value if isinstance(value, str) else None
    if text is not None and len(text) > LONGEST_FIELD:
        return f"{text[:LONGEST_FIELD]}..."
    return value
