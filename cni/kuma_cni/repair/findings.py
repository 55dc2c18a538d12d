"""What a round says of a pod: a value, and the line it travels in; pure."""

from __future__ import annotations

from typing import Final

from kuma_net.documents.json_text import parse_json, write_json
from kuma_net.record import Record

RIGHT: Final = "right"
"""The rules are there; ``details`` is the proof of it."""
UNCHANGED: Final = "unchanged"
"""The proof of an earlier round still holds."""
INSTALLED: Final = "installed"
"""There were none; now there are."""
MENDED: Final = "mended"
"""They were other ones; ``details`` says what differed."""
FAILED: Final = "failed"
"""They are missing or wrong, and stay so; ``details`` says why."""
WAITING: Final = "waiting"
"""It failed before, and its time has not come."""


class Finding(Record):
    """A mesh pod of this node: its sandbox, its name, what came of looking at it."""

    sandbox: str
    pod: str
    outcome: str
    details: str = ""

    def line(self) -> bytes:
        """Return the finding as a line."""
        fields = [self.sandbox, self.pod, self.outcome, self.details]
        return write_json(fields).encode("ascii") + b"\n"


def read_finding(line: bytes) -> Finding:
    """Read a line of ``Finding.line``; raises ValueError."""
    fields = parse_json(line.decode("ascii"))
    texts = (
        [field for field in fields if isinstance(field, str)] if isinstance(fields, list) else []
    )
    if len(texts) != len(Finding.__match_args__):
        raise ValueError("no finding")
    return Finding(*texts)
