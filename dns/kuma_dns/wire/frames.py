"""Messages in a stream: each has its length before it, in two bytes (RFC 1035 section 4.2.2).

A length may promise 65,535 bytes and a client may send them one by one, so what is held of a
message is bounded: no query is longer than ``LONGEST_QUERY``.  Of a longer message one byte more
than that is given out, which makes clear that it is none, and the rest is passed over as it comes.
"""

from __future__ import annotations

from typing import Final

from kuma_dns.wire.query import LONGEST_QUERY

ENOUGH: Final = LONGEST_QUERY + 1
"""Bytes of a message that are given out at most."""
_LENGTH: Final = 2


class Frames:
    """Cuts messages out of a stream."""

    __slots__ = ("_at", "_held", "_skip")

    def __init__(self) -> None:
        """Begin at the beginning of a message."""
        self._held = b""
        self._at = 0
        self._skip = 0

    def add(self, received: bytes) -> None:
        """Take the next bytes of the stream."""
        passed = min(self._skip, len(received))
        self._skip -= passed
        self._held = self._held[self._at :] + received[passed:]
        self._at = 0

    def next(self) -> bytes | None:
        """Return the next message, cut to ``ENOUGH`` bytes; None: it has not come yet."""
        held, at = self._held, self._at
        start = at + _LENGTH
        if start <= len(held):
            length = held[at] << 8 | held[at + 1]
            end = start + min(length, ENOUGH)
            if end <= len(held):
                self._at = min(start + length, len(held))
                self._skip = start + length - self._at
                return held[start:end]
        self._held, self._at = held[at:], 0
        return None
