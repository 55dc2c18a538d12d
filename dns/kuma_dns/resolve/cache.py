"""What upstream servers have said and may be said again (RFC 2308 for "there is none" too).

Theory.  A cache of fixed size has one enemy: names that are asked once.  A scan of random names,
by mistake or on purpose, pushes out what everybody needs, if the oldest goes first.  Here a new
answer comes into the *first* half and moves to the *second* one when it is asked for again;
each half pushes out only its own oldest.  Random names never meet the second half; who wants to
flush that must ask every name twice, and what is in use comes back with two questions.  (2Q,
Johnson and Shasha, 1994, without its third queue.)

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

_SLICES: Final = 16


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
        self._half = size // 2
        self._stale = stale
        self._first: dict[Hashable, Kept] = {}
        self._second: dict[Hashable, Kept] = {}

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._first) + len(self._second)

    def get(self, key: Hashable, now: float) -> Kept | None:
        """Return what is kept, though its time may be over; None if nothing is of use."""
        kept = self._second.get(key)
        if kept is None:
            kept = self._first.pop(key, None)
            if kept is None:
                return None
            self._put(self._second, key, kept)
        if kept.ends + self._stale <= now:
            del self._second[key]
            return None
        return kept

    def put(self, key: Hashable, response: Response, now: float) -> None:
        """Keep a response for as long as it says itself."""
        if self._half and response.life:
            kept = Kept(response, now, now + response.life)
            self._put(self._second if key in self._second else self._first, key, kept)

    def rest(self, key: Hashable, until: float) -> None:
        """Give what is kept as stale until a time, since nobody could be asked."""
        half = self._second if key in self._second else self._first
        if key in half:
            half[key] = half[key]._replace(rests=until)

    def _put(self, half: dict[Hashable, Kept], key: Hashable, kept: Kept) -> None:
        if len(half) >= self._half and key not in half:
            for old in list(islice(half, self._half // _SLICES + 1)):
                del half[old]
        half[key] = kept
