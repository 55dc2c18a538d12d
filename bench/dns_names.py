"""The names that are asked for, and how programs ask for them.

Names are of the styles in use (``svc-7_ns-7_svc_80.mesh``, the same with dots, ``svc-7.mesh``),
each with an A record and an AAAA record, which by turns is the IPv4-mapped one that Kuma hands
out and a real one.  The same names are written as Kuma's document, as a hosts file and as
unbound's configuration.

Queries are byte for byte what programs send: as glibc does (no EDNS, recursion desired), as
glibc does with ``options edns0`` (OPT with 1200 bytes), and as ``dig +nocookie`` does (the AD bit
as well, 1232 bytes).  A program always asks in the same way: half of the names are asked for
without EDNS, a quarter in each of the other ways, each for A and for AAAA; 10,000 names are 20,000
different packets.  Where it says so, every name is asked for in two ways: 40,000 packets.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

A = 1
AAAA = 28
TTL = 30
SEED = 20_261_121

PLAIN = b"\x01\x00"
"""Flags as glibc sends them: RD (resolv/res_mkquery.c)."""
DIG = b"\x01\x20"
"""Flags as dig sends them: RD and AD."""
GLIBC_OPT = bytes.fromhex("0000 29 04b0 00000000 0000".replace(" ", ""))
"""OPT with 1200 bytes, version 0, no options (resolv/res_mkquery.c, RFC 6891 section 6.1.2)."""
DIG_OPT = bytes.fromhex("0000 29 04d0 00000000 0000".replace(" ", ""))
WAYS = ((PLAIN, b""), (PLAIN, GLIBC_OPT), (PLAIN, b""), (DIG, DIG_OPT))
"""Flags and the additional section."""


class Entry(NamedTuple):
    """A name and its addresses, packed."""

    name: str
    ipv4: bytes
    ipv6: bytes


def entries(count: int, generation: int = 0) -> Iterator[Entry]:
    """Yield that many names; of another generation all their addresses are different."""
    styles = ("svc-{0}_ns-{1}_svc_80.mesh", "svc-{0}.ns-{1}.svc.80.mesh", "svc-{0}.mesh")
    for index in range(count):
        name = styles[index % 3].format(index, index % 97)
        ipv4 = struct.pack("!I", (240 + generation << 24) + index)
        if index % 2:
            ipv6 = struct.pack("!HHII4x", 0xFD00, 0xFD00 + generation, 0, index)
        else:
            ipv6 = b"\0" * 10 + b"\xff\xff" + ipv4
        yield Entry(name, ipv4, ipv6)


def texts(entry: Entry) -> tuple[str, str]:
    """Return both addresses as Kuma writes them: IPv6 in groups of hexadecimal digits."""
    groups = struct.unpack("!8H", entry.ipv6)
    ipv6 = "::" + ":".join(f"{group:x}" for group in groups[5:])
    if groups[0]:
        ipv6 = ":".join(f"{group:x}" for group in groups)
    return ".".join(str(byte) for byte in entry.ipv4), ipv6


def write_document(path: Path, found: Iterable[Entry]) -> Path:
    """Write Kuma's document."""
    with path.open("w") as file:
        file.write('{"records":[')
        for number, entry in enumerate(found):
            ipv4, ipv6 = texts(entry)
            comma = "," if number else ""
            file.write(f'{comma}\n{{"name":"{entry.name}","ips":["{ipv4}","{ipv6}"]}}')
        file.write(f'\n],"ttl":{TTL},"extraLabels":{{}}}}\n')
    return path


def write_hosts(path: Path, found: Iterable[Entry]) -> Path:
    """Write a hosts file."""
    with path.open("w") as file:
        for entry in found:
            ipv4, ipv6 = texts(entry)
            file.write(f"{ipv4} {entry.name}\n{ipv6} {entry.name}\n")
    return path


def write_local_data(path: Path, found: Iterable[Entry]) -> Path:
    """Write the part of unbound.conf(5) that has the names."""
    with path.open("w") as file:
        file.write("server:\n")
        for entry in found:
            ipv4, ipv6 = texts(entry)
            file.write(f'local-data: "{entry.name}. {TTL} A {ipv4}"\n')
            file.write(f'local-data: "{entry.name}. {TTL} AAAA {ipv6}"\n')
    return path


class Question(NamedTuple):
    """A query without its ID, and the addresses of which its answer may begin with one."""

    query: bytes
    addresses: tuple[bytes, ...]


def asked(same: Sequence[Entry], kind: int, way: int) -> Question:
    """Return one question; ``same`` are entries of one name in one or several generations."""
    labels = same[0].name.encode().split(b".")
    name = b"".join(bytes([len(label)]) + label for label in labels)
    flags, opt = WAYS[way]
    counts = struct.pack("!4H", 1, 0, 0, 1 if opt else 0)
    query = b"\0\0" + flags + counts + name + struct.pack("!BHH", 0, kind, 1) + opt
    return Question(query, tuple(each.ipv4 if kind == A else each.ipv6 for each in same))


def all_questions(*generations: Iterable[Entry], ways: int = 1) -> Iterator[Question]:
    """Yield the questions of every name, asked in one or more ways."""
    for index, each in enumerate(zip(*generations, strict=True)):
        for way in range(index, index + ways):
            for kind in (A, AAAA):
                yield asked(each, kind, way % len(WAYS))


def write_questions(path: Path, questions: Iterable[Question]) -> Path:
    """Write questions in random order for the client (bench/dns_flood.c has the format)."""
    listed = list(questions)
    random.Random(SEED).shuffle(listed)  # noqa: S311 - an order, no secret
    with path.open("wb") as file:
        for query, addresses in listed:
            file.write(struct.pack("=HBB", len(query), len(addresses[0]), len(addresses)))
            file.write(query + b"".join(addresses))
    return path


def some_questions(count: int, among: int) -> Iterator[Question]:
    """Yield questions at random about many names: hardly one is asked twice."""
    chance = random.Random(SEED)  # noqa: S311 - a choice, no secret
    wanted = set(chance.sample(range(among), count))
    for index, entry in enumerate(entries(among)):
        if index in wanted:
            yield asked((entry,), chance.choice((A, AAAA)), chance.randrange(len(WAYS)))


OUTSIDE = bytes((192, 0, 2, 1)), bytes.fromhex("20010db8") + bytes(11) + b"\1"
"""The addresses that bench/dns_upstream.c gives for every name."""


def outside(count: int) -> Iterator[Entry]:
    """Yield names of the world outside; the client may number their first eight letters."""
    for index in range(count):
        yield Entry(f"{index:08x}.example.com", *OUTSIDE)
