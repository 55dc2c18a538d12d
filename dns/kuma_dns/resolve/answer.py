"""What a handler says to a query, and to whom answers go.

A handler is called with the query, the client and the time, and either returns an ``Answer`` or
None: not mine, or later, by ``client.send``.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

NEVER: Final = 0
"""This answer is for this query alone."""
WHILE_TABLE: Final = 1
"""The same bytes (but for the id) get the same answer as long as the table is the same."""
BRIEFLY: Final = 2
"""The same bytes (but for the id) may get the same answer within the same second."""


class Answer(NamedTuple):
    """A message, and how long it may be given again to the same question."""

    packet: bytes
    keep: int = NEVER


class Client(Protocol):
    """Whoever asked, as long as she waits."""

    @property
    def tcp(self) -> bool:
        """Whether she came by TCP."""

    def send(self, packet: bytes) -> None:
        """Send an answer that was not there at once; nothing happens if she has gone."""
