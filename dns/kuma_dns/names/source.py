"""What one source of names said: records, and complaints about what could not be used.

A source that is wrong in its *shape* is refused as a whole (``ConfigError``), as half a document
must not replace a whole one.  A name or address that cannot be used is left out, with a
complaint, and the rest of the source is served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from kuma_net.errors import Violation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuma_net.values import Malformed

Given: TypeAlias = tuple[bytes, bytes, bytes]
"""A name's key, its IPv4 addresses and its IPv6 addresses, packed one behind the other."""

MOST_TOLD: Final = 100
"""Violations of one source that are kept; of the others only the number is."""
LONGEST_SHOWN: Final = 100
"""Characters of an offending text that are shown."""


class Complaints:
    """What was wrong with one source: the first hundred violations, and how many there were."""

    __slots__ = ("count", "source", "violations")

    def __init__(self, source: str) -> None:
        """Begin with none; ``source`` is what violations say they come from."""
        self.source = source
        self.violations: list[Violation] = []
        self.count = 0

    def tell(self, path: str, value: str, wrong: str, right: str = "") -> None:
        """Keep one complaint."""
        self.count += 1
        if len(self.violations) < MOST_TOLD:
            shown = value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "..."
            self.violations.append(Violation(path, shown, self.source, wrong, right))

    def tell_malformed(self, path: str, problem: Malformed) -> None:
        """Keep what a parser said."""
        self.tell(path, problem.piece, problem.wrong, problem.right)


class Names:
    """Everything one source said.

    ``ttl`` is in seconds, None where the source says nothing of it; ``labels`` are for the series
    of the metrics.
    """

    __slots__ = ("complaints", "labels", "records", "source", "ttl")

    def __init__(self, source: str, records: Iterable[Given] = (), ttl: int | None = None) -> None:
        """Begin with some records and nothing to complain of."""
        self.source = source
        self.records: list[Given] = list(records)
        self.ttl = ttl
        self.labels: dict[str, str] = {}
        self.complaints = Complaints(source)
