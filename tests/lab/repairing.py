"""The repair of pods on a loop of its own, for as many rounds as a test needs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kuma_cni.repair.counts import Counts
from kuma_cni.repair.loop import Repair
from kuma_cni.repair.settings import RepairSettings
from kuma_net.record import Record
from kuma_net.serving.loop import Loop
from lab.injected import BY_PLUGIN, INJECTED

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self


PATIENCE = 30.0
MESH = INJECTED | BY_PLUGIN
"""The least that a pod says which the repair takes for one of the plugin's."""


def settings(endpoint: str = "", **changes: Any) -> RepairSettings:
    """Return settings of a repair that does not wait long for its next round."""
    return RepairSettings(interval=0.05, endpoint=endpoint).replace(**changes)


class Told(Record):
    """What came of some rounds: events as (level, name, fields), and the counts."""

    events: tuple[tuple[str, str, dict[str, Any]], ...]
    counts: dict[str, float]

    def names(self) -> list[str]:
        """Return the events' names."""
        return [name for _, name, _ in self.events]

    def of(self, pod: str) -> list[tuple[str, dict[str, Any]]]:
        """Return what was told of a pod: names of events and their fields."""
        return [(name, fields) for _, name, fields in self.events if fields.get("pod") == pod]


class Notes:
    """A log that remembers."""

    def __init__(self) -> None:
        """Begin empty."""
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def info(self, event: str, **fields: object) -> None:
        """Remember."""
        self.events.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        """Remember."""
        self.events.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        """Remember."""
        self.events.append(("error", event, fields))


class Service:
    """A repair that runs while the context lasts; ``turn_until`` is its time."""

    def __init__(self, settings: RepairSettings) -> None:
        """Make it; nothing is done before the loop turns."""
        self.problems: list[Exception] = []
        self.log, self.counts = Notes(), Counts()
        self.loop = Loop(self.problems.append)
        self.repair = Repair(self.loop, settings, self.log, self.counts)

    def __enter__(self) -> Self:
        """Begin."""
        self.repair.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a callback that raised is the test's failure."""
        self.repair.close()
        self.loop.close()
        assert self.problems == []

    def rounds(self) -> int:
        """Return how many rounds there were, whole or not."""
        return self.counts.rounds_done + self.counts.rounds_failed

    def turn_until(self, done: Callable[[], bool]) -> None:
        """Run the loop until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, f"it never came true: {self.log.events}"
            self.loop.turn(0.02)

    def told(self) -> Told:
        """Return what came of it so far."""
        return Told(tuple(self.log.events), dict(vars(self.counts)))


def rounds_here(settings: RepairSettings, rounds: int = 1) -> Told:
    """Make some rounds in this process's namespaces and return what came of them."""
    with Service(settings) as service:
        service.turn_until(lambda: service.rounds() >= rounds)
        return service.told()
