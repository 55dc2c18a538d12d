"""Packets that nobody should send: random, mutated from good ones, built to hurt.

All of it comes from one seed.  ``Packets`` is endless; a packet costs some microseconds, so that a
million of them can be sent through a test.
"""

from __future__ import annotations

from random import Random
from struct import pack
from typing import TYPE_CHECKING

from kuma_dns.wire.message import AAAA, OPT, PTR, SOA, TXT, A
from lab.messages import DO, ask, message, opt, option, question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TYPES = (A, AAAA, SOA, PTR, TXT, OPT, 5, 39, 46, 64, 65, 249, 250, 251, 252, 255, 0, 65535)
SIZES = (0, 1, 511, 512, 513, 1232, 4096, 65535)
LONGEST = 65535


class Packets:
    """Hostile packets, one after the other."""

    def __init__(self, seed: int, names: tuple[str, ...]) -> None:
        """``names`` are some that are known: packets that begin well get further."""
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose
        self._names = names
        self._good = [*self._queries(), *built(self._random)]
        self._small = [packet for packet in self._good if len(packet) < 1000]

    def __iter__(self) -> Iterator[bytes]:
        """Go on for ever."""
        random = self._random.random
        ways: tuple[Callable[[], bytes], ...] = (
            self._noise,
            self._headed_noise,
            self._flipped,
            self._flipped,
            self._cut,
            self._spliced,
            self._counted,
            self._asked,
            self._asked,
            self._labelled,
        )
        while True:
            yield ways[int(random() * len(ways))]()

    def _queries(self) -> Iterator[bytes]:
        for name in self._names:
            for kind in TYPES:
                yield ask(name, kind)
                yield ask(name.upper(), kind, opt(4096, flags=DO))
                yield ask(name, kind, opt(512, options=option(10, b"12345678") + option(12)))

    def _pick(self) -> bytes:
        return self._small[int(self._random.random() * len(self._small))]

    def _noise(self) -> bytes:
        return self._random.randbytes(int(self._random.random() * 80))

    def _headed_noise(self) -> bytes:
        """Return noise behind the header of a query."""
        return self._pick()[:12] + self._noise()

    def _flipped(self) -> bytes:
        """Return a packet with a few bytes changed, often to bytes that mean something."""
        random = self._random.random
        packet = bytearray(self._pick())
        for _ in range(1 + int(random() * 3)):
            value = int(random() * 256)
            packet[int(random() * len(packet))] = (value, 0, 0xC0, 0x3F, 0xFF)[value % 5]
        return bytes(packet)

    def _cut(self) -> bytes:
        packet = self._pick()
        return packet[: int(self._random.random() * (len(packet) + 1))]

    def _spliced(self) -> bytes:
        """Return the beginning of one packet before the end of another."""
        one, two = self._pick(), self._pick()
        return one[: int(self._random.random() * len(one))] + two[len(two) // 2 :]

    def _counted(self) -> bytes:
        """Return a packet with counts that lie."""
        packet = self._pick()
        return packet[:4] + self._random.randbytes(8) + packet[12:]

    def _asked(self) -> bytes:
        """Return a good query with one thing that is odd: id, flags, type, size of the client."""
        random = self._random
        name = self._names[int(random.random() * len(self._names))]
        kind = TYPES[int(random.random() * len(TYPES))]
        size = SIZES[int(random.random() * len(SIZES))]
        extra = opt(size, flags=int(random.random() * 65536)) if size & 1 else b""
        flags = int(random.random() * 0x10000) & 0x7FFF if random.random() < 0.1 else 0x0100
        return ask(name, kind, extra, flags=flags, ident=int(random.random() * 65536))

    def _labelled(self) -> bytes:
        """Return a query for a name of any bytes, below a zone of ours or not."""
        random = self._random
        label = random.randbytes(1 + int(random.random() * 62))
        top = (b"\4mesh\0", b"\4MESH\5local\0", b"\0", b"\7example\0")[int(random.random() * 4)]
        return ask(bytes((len(label),)) + label + top, TYPES[int(random.random() * len(TYPES))])


def built(random: Random) -> list[bytes]:
    """Return packets that were built to hurt a reader, of all sizes up to 64 KB."""
    packets = [worst(kind, size) for kind in WORST for size in (60, 500, 4000, 20000, LONGEST)]
    packets += [
        message(before + pack("!HHH", 0xC000 | target, A, 1))
        for target in range(30)
        for before in (b"", b"\1a", b"\3www\4mesh")
    ]
    packets += [
        ask("a.mesh", A, pack("!BHHIH", 0, OPT, 1232, 0, length) + bytes(random.randrange(40)))
        for length in (0, 1, 2, 3, 4, 5, 100, 65535)
        for _ in range(5)
    ]
    return [packet[:LONGEST] for packet in packets]


def worst(kind: str, size: int) -> bytes:
    """Return a packet of about ``size`` bytes that was built to cost as much as it can."""
    return WORST[kind](size)[:LONGEST]


def _options(size: int) -> bytes:
    return ask("a.mesh", A, opt(options=option(65001) * max(0, (size - 40) // 4)))


def _questions(size: int) -> bytes:
    """Many questions that point to one long name: 97 s to dnslib at 64 KB."""
    name = (b"\x3f" + b"x" * 63) * 3 + b"\0"
    count = max(0, size - 12 - len(name) - 4) // 6
    return message(name + pack("!HH", A, 1) + pack("!HHH", 0xC00C, A, 1) * count, (count, 0, 0, 0))


def _pointers(size: int) -> bytes:
    """Pointers that each lead to the one before."""
    body = b"\0" + b"".join([pack("!H", 0xC000 | (12 + at)) for at in range(0, size - 14, 2)])
    return message(body + pack("!HH", A, 1))


def _records(size: int) -> bytes:
    record = b"\0" + pack("!HHIH", A, 1, 30, 0)
    count = max(1, (size - 30) // len(record))
    return message(question("a.mesh") + record * count, (1, 0, 0, count))


WORST: dict[str, Callable[[int], bytes]] = {
    "a name that never ends": lambda size: message(b"\1x" * (size // 2)),
    "a name of long labels": lambda size: message((b"\x3f" + b"x" * 63) * (size // 64)),
    "noughts": lambda size: message(bytes(size)),
    "options without end": _options,
    "one long option": lambda size: ask(
        "a.mesh", A, opt(options=option(12, bytes(min(65000, size))))
    ),
    "questions that point to one long name": _questions,
    "pointers to pointers": _pointers,
    "additional records without end": _records,
    "bytes behind a good query": lambda size: ask("a.mesh") + b"\xff" * size,
    "a header that counts to 65535": lambda size: message(b"\xc0\x0c" * (size // 2), (65535,) * 4),
}


class Replies:
    """Hostile replies to queries, one after the other; most repeat the question, as they must."""

    def __init__(self, seed: int) -> None:
        """Begin at a seed."""
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose

    def to(self, query: bytes) -> bytes:
        """Return what a hostile server says to a query of ours."""
        random = self._random.random
        end = query.find(0, 12) + 5
        good = query[:2] + b"\x81\x80" + query[4:6] + bytes(6) + query[12:end]
        body = bytearray(b"".join([self._record() for _ in range(int(random() * 5))]))
        packet = bytearray(good) + body
        packet[7] = int(random() * 6)
        packet[9], packet[11] = int(random() * 3), int(random() * 2)
        way = int(random() * 8)
        if way == 0:
            return bytes(packet[: int(random() * (len(packet) + 1))])
        if way == 1:
            packet[3] = int(random() * 256)
        elif way == 2:
            packet[6:12] = self._random.randbytes(6)
        elif way == 3:
            packet[2] |= 2
        elif way == 4 and body:
            for _ in range(3):
                packet[len(good) + int(random() * len(body))] = (0, 0xC0, 0xFF, 12)[
                    int(random() * 4)
                ]
        elif way == 5:
            return self._random.randbytes(int(random() * 100))
        return bytes(packet)

    def _record(self) -> bytes:
        """Return a record, perhaps an alias, perhaps with an owner or data that lead astray."""
        random = self._random.random
        pointer = pack("!H", 0xC000 | int(random() * 60))
        owner = (b"\xc0\x0c", b"\xc0\x0c", pointer, b"\0", b"\1a\4mesh\0", b"\3abc" + pointer)
        data = (b"\xc0\x0c", pointer, b"\1a\4mesh\0", b"\1b" + pointer, bytes(4), bytes(22))
        kind = (5, 5, 39, A, AAAA, SOA, OPT, 46)[int(random() * 8)]
        ttl = (0, 30, 2**31, 2**32 - 1)[int(random() * 4)]
        what = data[int(random() * 6)]
        return owner[int(random() * 6)] + pack("!HHIH", kind, 1, ttl, len(what)) + what


def worst_reply(kind: str, size: int) -> bytes:
    """Return a reply of about ``size`` bytes that was built to cost its reader what it can."""
    head, count, body = b"\3www\7example\0\0\1\0\1", 0, b""
    room = size - 12 - len(head)
    if kind == "records without data":
        count = room // 11
        body = (b"\0" + pack("!HHIH", A, 1, 30, 0)) * count
    elif kind == "aliases of long names":
        name = (b"\x3f" + b"x" * 63) * 3 + b"\0"
        one = b"\xc0\x0c" + pack("!HHIH", 5, 1, 30, len(name)) + name
        count = room // len(one)
        body = one * count
    elif kind == "aliases by pointers to pointers":
        for at in range(12 + len(head), size - 14, 14):
            before = at - 2 if at > 40 else 12
            body += pack("!HHHIHH", 0xC00C, 5, 1, 30, 2, 0xC000 | min(before, 0x3FFF))
            count += 1
    else:
        count = room // 23
        body = (b"\xc0\x0c" + pack("!HHIH", OPT - 1, 1, 30, 11) + bytes(11)) * count
    return b"\0\7\x81\x80\0\1" + pack("!H", min(count, 65535)) + bytes(4) + head + body


WORST_REPLIES = (
    "records without data",
    "aliases of long names",
    "aliases by pointers to pointers",
    "many records",
)
