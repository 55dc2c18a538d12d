"""What upstream servers have said and may be said again (RFC 2308 for "there is none" too).

Theory.  A cache of fixed size has one enemy: names that are asked once.  A scan of random names,
by mistake or on purpose, pushes out what everybody needs, if the oldest goes first.  Here a new
answer is among the *new* ones and moves to the *proven* ones when it is asked for again.  When
there is no more room, the oldest of the new ones go, unless they take less than a quarter of it.
Random names never push out a proven one; who wants to flush those must ask every name twice, and
what is in use comes back with two questions.  (2Q, Johnson and Shasha, 1994, without its third
queue.)

What surprised us: taking the oldest key out of a dict one at a time is quadratic, since each
search for it passes all the gaps that the former ones left.  So a slice of them goes at once.

Stale answers (RFC 8767): one whose time is over is kept ``stale`` seconds longer, for the case
that no server answers.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

    from kuma_dns.wire.response import Response

LONGEST_KEPT: Final = 4096
"""Bytes of an answer; few are longer, and a cache full of those of 64 KB would take 640 MB."""
_LEAST_NEW: Final = 4
"""The part of the room that belongs to new ones, as a divisor."""
_SLICES: Final = 64
"""The part of the room that is made at once, as a divisor."""


class Kept(NamedTuple):
    """A response, and from when until when it is good (seconds).

    ``rests``: until then nobody is to be asked again although its time is over.
    """

    response: Response
    born: float
    ends: float
    rests: float = 0.0


class Cache:
    """Responses by what they answer."""

    def __init__(self, size: int, stale: float = 0.0) -> None:
        """Keep ``size`` responses at most, and each for ``stale`` seconds beyond its time."""
        self._size = size
        self._stale = stale
        self._new: dict[Hashable, Kept] = {}
        self._proven: dict[Hashable, Kept] = {}

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._new) + len(self._proven)

    def get(self, key: Hashable, now: float) -> Kept | None:
        """Return what is kept, though its time may be over; None if nothing is of use."""
        kept = self._proven.get(key)
        if kept is None:
            kept = self._new.pop(key, None)
            if kept is None:
                return None
            self._proven[key] = kept
        if kept.ends + self._stale <= now:
            del self._proven[key]
            return None
        return kept

    def peek(self, key: Hashable) -> Kept | None:
        """Return what is kept, be its time over, and change nothing."""
        return self._proven.get(key) or self._new.get(key)

    def put(self, key: Hashable, response: Response, now: float) -> None:
        """Keep a response for as long as it says itself, unless it is too long."""
        if self._size and response.life and len(response.packet) <= LONGEST_KEPT:
            # What Kept(...) does, without the Python function around it: this is done for each
            # answer of an upstream server.
            kept = tuple.__new__(Kept, (response, now, now + response.life, 0.0))
            if key in self._proven:
                self._proven[key] = kept
            else:
                self._new[key] = kept
                if len(self._new) + len(self._proven) > self._size:
                    self._make_room()

    def rest(self, key: Hashable, until: float) -> None:
        """Give what is kept as stale until a time, since nobody could be asked."""
        part = self._proven if key in self._proven else self._new
        if key in part:
            part[key] = part[key]._replace(rests=until)

    def _make_room(self) -> None:
        part = self._new if len(self._new) * _LEAST_NEW > self._size else self._proven
        for old in list(islice(part, self._size // _SLICES + 1)):
            del part[old]
