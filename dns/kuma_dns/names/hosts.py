"""hosts(5): lines of an address and the names it has; ``#`` begins a comment.

A name may stand on several lines and then has all those addresses, as glibc's ``multi on`` has
it: that is no contradiction within one file.  Lines that cannot be used are left out with a
complaint, as in every resolver that reads such files; there is no wrong shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_dns.names.addresses import packed
from kuma_dns.names.gathering import Gathering
from kuma_dns.names.source import Names
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_hosts(text: str, source: str) -> Names:
    """Return what a hosts file says."""
    names = Names(source)
    gathered = Gathering(names.complaints)
    for number, (address, *aliases) in _lines(text):
        path = f"line {number}"
        try:
            raw = packed(address)
        except Malformed as problem:
            names.complaints.tell_malformed(path, problem)
            continue
        if not aliases:
            names.complaints.tell(path, address, "no name behind the address", "write ADDRESS NAME")
        for alias in aliases:
            gathered.add(path, alias, raw)
    names.records = gathered.records()
    return names


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Iterate over the lines that say something: number (from 1) and words."""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if words:
            yield number, words
