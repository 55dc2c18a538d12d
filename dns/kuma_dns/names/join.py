"""One set of names from all sources.

=====================================  ==========================================================
what the sources say                   what is served
=====================================  ==========================================================
one name, the same addresses           once
one name, different addresses          the name COLLIDES: SERVFAIL, never a guess; a violation
a derived spelling against a record    the record; a warning
two derived spellings that differ      the spelling COLLIDES; a violation
=====================================  ==========================================================

Besides: *empty* names above known ones inside our zones (RFC 8020), and *reverse* names for every
address of a record.  Of several names of one address the first in alphabetical order has the PTR;
derived spellings and colliding names never do.

Same input, same bytes: everything is sorted, and the serial number comes from the content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from kuma_dns.names.addresses import each_text
from kuma_dns.names.source import Complaints
from kuma_dns.names.spellings import spellings
from kuma_dns.names.table import ADDRESS, COLLIDES, DERIVED, KNOWN, REVERSE, block_of
from kuma_dns.wire.name import parents, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuma_dns.names.source import Names
    from kuma_dns.names.table import Fields
    from kuma_dns.names.zones import Zones

Known: TypeAlias = tuple[bytes, bytes, int, int]
"""IPv4 addresses, IPv6 addresses, flags of the table, index of the source."""

DEFAULT_TTL: Final = 30
"""Seconds, as in Kuma's configuration."""
_UNSEEN: Final = (b"", False)


class Joined:
    """The names of all sources.

    ``known`` and ``derived`` by key; ``empty`` keys; ``reverse``: the name of each address.
    ``violations`` are about names that are not served, ``warnings`` about spellings left out;
    neither repeats what the sources complain of themselves.
    """

    def __init__(self, sources: Sequence[Names], zones: Zones, ttl: int = DEFAULT_TTL) -> None:
        """Join; ``ttl`` is for when no source tells one.  Of several the shortest is kept."""
        self.zones = zones
        self.sources = tuple([names.source for names in sources])
        self.ttl = min([names.ttl for names in sources if names.ttl is not None], default=ttl)
        self.labels: dict[str, str] = {}
        for names in reversed(sources):
            self.labels |= names.labels
        self.violations = Complaints("")
        self.warnings = Complaints("")
        self.known: dict[bytes, Known] = {}
        for index, names in enumerate(sources):
            self._take(names, index)
        self.derived: dict[bytes, Known] = {}
        self.reverse: dict[bytes, bytes] = {}
        self._tails: dict[bytes, tuple[bytes, bool] | None] = {}
        self._above: set[bytes] = set()
        for key, known in self.known.items():
            self._spell(key, known)
            self._turn_round(key, known)
        for key in self.derived:
            self._tail(key)
        self.empty = self._above - self.known.keys() - self.derived.keys()

    def _take(self, names: Names, index: int) -> None:
        """Take the records of a source."""
        all_known = self.known
        for key, told4, told6 in names.records:
            ipv4, ipv6 = _once(told4, 4), _once(told6, 16)
            there = all_known.get(key)
            if there is None:
                all_known[key] = (ipv4, ipv6, KNOWN, index)
            elif not there[2] & COLLIDES and not _same(there, ipv4, ipv6):
                self._tell(key, there, (ipv4, ipv6, KNOWN, index))
                all_known[key] = (b"", b"", KNOWN | COLLIDES, there[3])

    def _tell(self, key: bytes, one: Known, two: Known) -> None:
        first, second = (f"{_shown(known)} ({self.sources[known[3]]})" for known in (one, two))
        wrong = f"is {first} and {second}: not served"
        self.violations.tell(text_of(key), "", wrong, "let all sources say the same of it")

    def _tail(self, key: bytes) -> tuple[bytes, bool] | None:
        """Return the zone a name is in, and whether the name is two labels above it.

        Names share what stands behind their first label, so all of that is looked at once; the
        names above go into ``_above`` at that time.
        """
        tail = key[key[0] + 1 :]
        found = self._tails.get(tail, _UNSEEN)
        if found is _UNSEEN:
            zone = self.zones.of(key)
            found = None
            if zone is not None and key != zone:
                found = zone, len(tail) == len(zone) + tail[0] + 1
                self._above.update(self._names_above(key))
            if key != zone:
                self._tails[tail] = found
        return found

    def _names_above(self, key: bytes) -> Iterator[bytes]:
        """Iterate over the names above one, as far as our zones reach."""
        for parent in parents(key):
            zone = self.zones.of(parent)
            if zone is None:
                return
            if parent != zone:
                yield parent

    def _spell(self, key: bytes, known: Known) -> None:
        """Take the other spellings of a name."""
        tail = self._tail(key)
        if tail is not None and (tail[1] or b"_" in key):
            for other in spellings(key, tail[0]):
                self._derive(key, known, other)

    def _derive(self, key: bytes, known: Known, other: bytes) -> None:
        """Take another spelling of a name."""
        ipv4, ipv6, flags, source = known
        recorded, there = self.known.get(other), self.derived.get(other)
        if recorded is not None:
            if not flags & COLLIDES and not _same(recorded, ipv4, ipv6):
                told = f"spelling of {text_of(key)}, but {self.sources[recorded[3]]} differs"
                self.warnings.tell(text_of(other), "", told, "the record is served")
        elif there is None:
            self.derived[other] = (ipv4, ipv6, flags | DERIVED, source)
        elif not (there[2] | flags) & COLLIDES and not _same(there, ipv4, ipv6):
            self._tell(other, there, known)
            self.derived[other] = (b"", b"", KNOWN | DERIVED | COLLIDES, there[3])

    def _turn_round(self, key: bytes, known: Known) -> None:
        """Take the reverse names of a name's addresses."""
        ipv4, ipv6, _, _ = known
        reverse = self.reverse
        for address in (*_each(ipv4, 4), *_each(ipv6, 16)):
            first = reverse.setdefault(address, key)
            if first is not key and text_of(key) < text_of(first):
                reverse[address] = key

    def entries(self) -> Iterator[tuple[bytes, Fields]]:
        """Iterate over everything the table shall hold, always in the same order."""
        for some in (self.known, self.derived):
            for key in sorted(some):
                yield key, (*some[key], b"")
        for key in sorted(self.empty):
            yield key, (b"", b"", 0, 0, b"")
        for address in sorted(self.reverse):
            name = self.reverse[address]
            yield ADDRESS + address, (b"", b"", REVERSE, self.known[name][3], name)

    def block(self) -> bytearray:
        """Return the table of these names."""
        return block_of(self.entries(), ttl=self.ttl, sources=self.sources, labels=self.labels)


def _same(there: Known, ipv4: bytes, ipv6: bytes) -> bool:
    """Whether the addresses are the same ones, whatever their order."""
    if there[0] == ipv4 and there[1] == ipv6:
        return True
    return all(
        {*_each(one, size)} == {*_each(other, size)}
        for one, other, size in ((there[0], ipv4, 4), (there[1], ipv6, 16))
    )


def _once(packed: bytes, size: int) -> bytes:
    """Return the addresses without those that stood there before."""
    return packed if len(packed) <= size else b"".join(dict.fromkeys(_each(packed, size)))


def _each(packed: bytes, size: int) -> list[bytes]:
    if len(packed) == size:
        return [packed]
    return [packed[at : at + size] for at in range(0, len(packed), size)]


def _shown(known: Known) -> str:
    return ", ".join(each_text(known[0], known[1])) or "without addresses"
