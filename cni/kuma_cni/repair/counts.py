"""What is counted of the repair, and how a scraper sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_net.serving.families import Family, counter, gauge

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX: Final = "kuma_cni_repair_"


class Counts:
    """Numbers since the process began, and those of the last round.

    ``rounds_done`` and ``rounds_failed``; ``installed`` and ``mended`` pods; ``failures`` to mend
    one.  Of the last round: ``pods`` of the mesh, ``lacking`` those whose rules are missing or
    wrong, ``last_round`` when it ended (seconds since 1970; 0: none has).
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.rounds_done = 0
        self.rounds_failed = 0
        self.installed = 0
        self.mended = 0
        self.failures = 0
        self.pods = 0
        self.lacking = 0
        self.last_round = 0.0

    def families(self) -> Iterator[Family]:
        """Yield the metrics."""
        yield Family(
            f"{PREFIX}rounds_total",
            "counter",
            "Rounds over this node's mesh pods.",
            [({"outcome": "done"}, self.rounds_done), ({"outcome": "failed"}, self.rounds_failed)],
        )
        yield Family(
            f"{PREFIX}repaired_pods_total",
            "counter",
            "Mesh pods whose rules were missing or different and were installed in place.",
            [({"was": "missing"}, self.installed), ({"was": "different"}, self.mended)],
        )
        told = "Tries to repair a mesh pod that failed."
        yield counter(f"{PREFIX}failures_total", told, self.failures)
        yield gauge(f"{PREFIX}mesh_pods", "Mesh pods seen by the last round.", self.pods)
        told = "Mesh pods without the right rules after the last round."
        yield gauge(f"{PREFIX}lacking_pods", told, self.lacking)
        told = "When the last complete round ended, in seconds since 1970."
        yield gauge(f"{PREFIX}last_round_timestamp_seconds", told, self.last_round)
