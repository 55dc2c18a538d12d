"""How much of a flood of one event is written to a log."""

from __future__ import annotations

from kuma_net.record import Record


class Sample(Record):
    """Of one event in a minute: the first ``first`` are written, then one of ``every``."""

    first: int
    every: int

    def __str__(self) -> str:
        """``10/1000``: what ``--log-sample`` reads."""
        return f"{self.first}/{self.every}"
