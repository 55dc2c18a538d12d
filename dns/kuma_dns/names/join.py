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

from typing import TYPE_CHECKING, TypeAlias

from kuma_dns.names.addresses import each_text
from kuma_dns.names.source import Complaints
from kuma_dns.names.spellings import spellings
from kuma_dns.names.table import COLLIDES, DERIVED, KNOWN, REVERSE, Entry, block_of
from kuma_dns.wire.name import parents, reverse_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kuma_dns.names.source import Names
    from kuma_dns.names.zones import Zones

Known: TypeAlias = tuple[bytes, bytes, int, int]
"""IPv4 addresses, IPv6 addresses, flags of the table, index of the source."""

DEFAULT_TTL = 30
"""Seconds, as in Kuma's configuration."""


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
        self.empty: set[bytes] = set()
        self.reverse: dict[bytes, bytes] = {}
        for key, known in self.known.items():
            self._derive(key, known)
            self._turn_round(key, known)
        for key in (*self.known, *self.derived):
            self._go_up(key)

    def _take(self, names: Names, index: int) -> None:
        """Take the records of a source."""
        all_known = self.known
        for key, ipv4, ipv6 in names.records:
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

    def _derive(self, key: bytes, known: Known) -> None:
        """Take the other spellings of a name."""
        zone = self.zones.of(key)
        if zone is None:
            return
        ipv4, ipv6, flags, source = known
        for other in spellings(key, zone):
            recorded = self.known.get(other)
            if recorded is not None:
                if not flags & COLLIDES and not _same(recorded, ipv4, ipv6):
                    told = f"spelling of {text_of(key)}, but {self.sources[recorded[3]]} differs"
                    self.warnings.tell(text_of(other), "", told, "the record is served")
                continue
            there = self.derived.get(other)
            if there is None:
                self.derived[other] = (ipv4, ipv6, flags | DERIVED, source)
            elif not (there[2] | flags) & COLLIDES and not _same(there, ipv4, ipv6):
                self._tell(other, there, known)
                self.derived[other] = (b"", b"", KNOWN | DERIVED | COLLIDES, there[3])

    def _go_up(self, key: bytes) -> None:
        """Take the names above a name, as far as our zones reach."""
        if self.zones.of(key) is None:
            return
        for parent in parents(key):
            if parent in self.empty or parent in self.known or parent in self.derived:
                return
            if parent not in self.zones.keys:
                if self.zones.of(parent) is None:
                    return
                self.empty.add(parent)

    def _turn_round(self, key: bytes, known: Known) -> None:
        """Take the reverse names of a name's addresses."""
        ipv4, ipv6, _, _ = known
        reverse = self.reverse
        for address in (*_each(ipv4, 4), *_each(ipv6, 16)):
            first = reverse.setdefault(address, key)
            if first is not key and text_of(key) < text_of(first):
                reverse[address] = key

    def entries(self) -> Iterator[tuple[bytes, Entry]]:
        """Iterate over everything the table shall hold, always in the same order."""
        for some in (self.known, self.derived):
            for key in sorted(some):
                ipv4, ipv6, flags, source = some[key]
                yield key, Entry(ipv4, ipv6, flags, source, b"")
        for key in sorted(self.empty):
            yield key, Entry(b"", b"", 0, 0, b"")
        for address in sorted(self.reverse):
            key, name = reverse_of(address), self.reverse[address]
            if key not in self.known:
                yield key, Entry(b"", b"", REVERSE, self.known[name][3], name)

    def block(self) -> bytes:
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


def _each(packed: bytes, size: int) -> list[bytes]:
    if len(packed) == size:
        return [packed]
    return [packed[at : at + size] for at in range(0, len(packed), size)]


def _shown(known: Known) -> str:
    return ", ".join(each_text(known[0], known[1])) or "without addresses"
