"""A name server that does to each question what the question's name says.

``is-silent.example`` gets no answer, ``has-the-wrong-id.example`` one with the wrong id: the words
of the first label are those of a row of ``tests/dns/test_hostile_upstream.py``.  It answers at as
many addresses as it is told.  At ``SECOND`` it is an honest server that answers everything.

Three addresses tell who was believed: ``RIGHT`` is what this server says when it answers as it
should, ``SECONDS`` is the honest one's, and ``LIE`` is in every answer that must not be believed.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
from errno import EADDRINUSE
from functools import partial
from random import Random
from struct import pack, unpack
from typing import TYPE_CHECKING

from kuma_dns.wire.message import AAAA, CNAME, HEADER, IN, RRSIG, SOA, A
from kuma_net.record import Record
from lab.host import fork_here
from lab.messages import name_of, opt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

RIGHT, SECONDS, LIE = "203.0.113.1", "203.0.113.2", "203.0.113.66"
SECOND = "127.0.2.1"
STRANGER = "127.0.3.1"
"""Who answers questions that were not put to her."""
PORT = 53
LONGEST_DATAGRAM = 65507
LONG, LONGEST = 4096, 65535
LOOPBACK = "127.0.0.1"
_DATAGRAMS, _STREAMS = socket.SOCK_DGRAM, socket.SOCK_STREAM
_RESPONSE = 0x8180
_CUT = 0x8380
_POINTER = b"\xc0\x0c"
_NULL = 10
"""A record whose data may be anything (RFC 1035 section 3.3.10)."""


class Deed(Record):
    """What is done: datagrams sent back, and bytes written to a connection.

    ``elsewhere``: the datagrams come from another ``port`` or ``address``.  ``stays``: the
    connection is left open.
    """

    datagrams: Sequence[bytes] = ()
    stream: bytes = b""
    elsewhere: str = ""
    stays: bool = False


def question_of(query: bytes) -> bytes:
    """Return the question of a query."""
    return query[HEADER : query.index(0, HEADER) + 5]


def record(address: str, owner: bytes = _POINTER, ttl: int = 60) -> bytes:
    """Return an A record."""
    return owner + pack("!HHIH", A, IN, ttl, 4) + socket.inet_aton(address)


def alias(owner: bytes, target: bytes) -> bytes:
    """Return a CNAME record."""
    return owner + pack("!HHIH", CNAME, IN, 60, len(target)) + target


def answer(
    query: bytes,
    records: bytes,
    counts: tuple[int, int, int, int] = (1, 1, 0, 0),
    flags: int = _RESPONSE,
) -> bytes:
    """Return a response to a query."""
    return query[:2] + pack("!5H", flags, *counts) + question_of(query) + records


def right(query: bytes) -> bytes:
    """Return the answer that this server should give."""
    return answer(query, record(RIGHT))


def lie(query: bytes) -> bytes:
    """Return a well-formed answer that nobody should get."""
    return answer(query, record(LIE))


def error(query: bytes, code: int) -> bytes:
    """Return an answer with nothing but a response code."""
    return answer(query, b"", (1, 0, 0, 0), _RESPONSE | code)


def cut(query: bytes) -> bytes:
    """Return the part of an answer that fits."""
    return answer(query, record(RIGHT), flags=_CUT)


def other_id(packet: bytes) -> bytes:
    """Return a message with another id."""
    return bytes((packet[0] ^ 1, packet[1])) + packet[2:]


def other_question(query: bytes, question: bytes) -> bytes:
    """Return the lie as the answer to another question."""
    packet = lie(query)
    return packet[:HEADER] + question + packet[HEADER + len(question_of(query)) :]


def long_answer(query: bytes, size: int) -> bytes:
    """Return an answer of so many bytes: an address, and a record that is too long for UDP."""
    start = record(RIGHT)
    left = size - HEADER - len(question_of(query)) - len(start) - len(_POINTER) - 10
    rest = _POINTER + pack("!HHIH", _NULL, IN, 60, left) + bytes(left)
    return answer(query, start + rest, (1, 2, 0, 0))


def many_answers(query: bytes) -> bytes:
    """Return the right address 4000 times: 64 KB of records."""
    count = (LONGEST - HEADER - len(question_of(query))) // len(record(RIGHT))
    return answer(query, record(RIGHT) * count, (1, count, 0, 0))


def framed(packet: bytes, lies: int = 0) -> bytes:
    """Return a message with its length before it, and how much that is wrong."""
    return pack("!H", len(packet) + lies) + packet


def _both(make: Callable[[bytes], bytes]) -> Callable[[bytes], Deed]:
    return lambda query: Deed((make(query),), framed(make(query)))


def _over_tcp(stream: Callable[[bytes], bytes], *, stays: bool = False) -> Callable[[bytes], Deed]:
    return lambda query: Deed((cut(query),), stream(query), stays=stays)


def _from_another(what: str) -> Callable[[bytes], Deed]:
    return lambda query: Deed((lie(query),), elsewhere=what, stays=True)


def _twisted(query: bytes) -> bytes:
    """Return an alias whose name is a pointer to itself."""
    here = HEADER + len(question_of(query)) + len(alias(_POINTER, b""))
    return answer(query, alias(_POINTER, pack("!H", 0xC000 | here)))


def _turning(query: bytes) -> bytes:
    """Return two aliases that lead to each other."""
    other = name_of("round.example")
    return answer(query, alias(_POINTER, other) + alias(other, _POINTER), (1, 2, 0, 0))


def _laden(query: bytes) -> bytes:
    """Return the right answer and, besides, somebody else's address."""
    victim = record(LIE, name_of("victim.example"), 86400)
    return answer(query, record(RIGHT) + victim, (1, 1, 0, 1))


def _many_questions(query: bytes) -> bytes:
    return answer(query, question_of(query) + record(LIE), (2, 1, 0, 0))


def _with(query: bytes, kind: int = A, klass: int = IN) -> bytes:
    name = question_of(query)[:-4]
    return other_question(query, name + pack("!HH", kind, klass))


def _mutated(query: bytes) -> Deed:
    """Return a rich answer in which some bytes are wrong, the same ones for the same name."""
    dice = Random(question_of(query).lower())  # noqa: S311 - the same harm each time
    mesh, signer = name_of("here.mesh"), name_of("example")
    rrsig = pack("!HBBIIIH", CNAME, 8, 2, 60, 1 << 31, 0, 7) + signer + bytes(64)
    soa = b"\0\0" + pack("!5I", 1, 2, 3, 4, 60)
    records = (
        alias(_POINTER, mesh)
        + _POINTER
        + pack("!HHIH", RRSIG, IN, 60, len(rrsig))
        + rrsig
        + record(RIGHT, mesh)
        + b"\0"
        + pack("!HHIH", SOA, IN, 60, len(soa))
        + soa
        + opt(1232)
    )
    packet = bytearray(answer(query, records, (1, 3, 1, 1)))
    for _ in range(dice.randrange(1, 5)):
        packet[dice.randrange(2, len(packet))] = dice.choice((0, 1, 12, 63, 64, 192, 255))
    end = dice.choice((len(packet), len(packet), dice.randrange(len(packet))))
    wrong = bytes(packet[:end])
    return Deed((wrong,), framed(wrong))


DEEDS: Mapping[str, Callable[[bytes], Deed]] = {
    "answers": _both(right),
    "is silent": lambda _: Deed(stays=True),
    "sends rubbish": _both(lambda _: b"\xff" * 64),
    "sends rubbish with the right id": _both(lambda query: query[:2] + b"\xff" * 64),
    "sends the query back": _both(lambda query: query),
    "sends half a header": _both(lambda query: query[:6]),
    "sends a bare header": _both(lambda query: query[:2] + pack("!5H", _RESPONSE, 0, 0, 0, 0)),
    "sends a bare header that says SERVFAIL": _both(
        lambda query: query[:2] + pack("!5H", _RESPONSE | 2, 0, 0, 0, 0)
    ),
    "has the wrong id": _both(lambda query: other_id(lie(query))),
    "answers another name": _both(
        lambda query: other_question(query, name_of("another.example") + question_of(query)[-4:])
    ),
    "answers another type": _both(lambda query: _with(query, kind=AAAA)),
    "answers another class": _both(lambda query: _with(query, klass=3)),
    "answers two questions": _both(_many_questions),
    "answers from another port": _from_another("port"),
    "answers from another address": _from_another("address"),
    "lies with the wrong id and then answers": lambda query: Deed(
        (other_id(lie(query)), right(query)), framed(right(query))
    ),
    "answers and then lies": lambda query: Deed(
        (right(query), lie(query)), framed(right(query)) + framed(lie(query))
    ),
    "says SERVFAIL": _both(lambda query: error(query, 2)),
    "says REFUSED": _both(lambda query: error(query, 5)),
    "says FORMERR": _both(lambda query: error(query, 1)),
    "says NOTIMP": _both(lambda query: error(query, 4)),
    "counts 65535 records": _both(lambda query: answer(query, record(LIE), (1, 65535, 0, 0))),
    "counts 65535 records of each kind": _both(
        lambda query: answer(query, record(LIE), (1, 65535, 65535, 65535))
    ),
    "ends within a record": _both(lambda query: lie(query)[:-2]),
    "has a name that points to itself": _both(
        lambda query: answer(
            query, record(LIE, pack("!H", 0xC000 | HEADER + len(question_of(query))))
        )
    ),
    "has a name that points forward": _both(lambda query: answer(query, record(LIE, b"\xff\xff"))),
    "has an alias that points to itself": _both(_twisted),
    "has aliases in a ring": _both(_turning),
    "brings a stranger's address along": _both(_laden),
    "gives a time of 2^31 seconds": _both(lambda query: answer(query, record(RIGHT, ttl=1 << 31))),
    "gives a time of 2^32-1 seconds": _both(
        lambda query: answer(query, record(RIGHT, ttl=0xFFFFFFFF))
    ),
    "sends 64 KB": lambda query: Deed(
        (long_answer(query, LONGEST_DATAGRAM),), framed(long_answer(query, LONGEST))
    ),
    "has wrong bytes": _mutated,
    "cuts, and answers over TCP": _over_tcp(lambda query: framed(right(query))),
    "cuts, and sends 64 KB over TCP": _over_tcp(lambda query: framed(long_answer(query, LONGEST))),
    "cuts, and sends 4000 records over TCP": _over_tcp(lambda query: framed(many_answers(query))),
    "cuts over TCP as well": _over_tcp(lambda query: framed(cut(query))),
    "cuts, and closes over TCP": _over_tcp(lambda _: b""),
    "cuts, and closes within the length": _over_tcp(lambda _: b"\0"),
    "cuts, and closes halfway": _over_tcp(lambda query: framed(lie(query))[:-3]),
    "cuts, and is silent over TCP": _over_tcp(lambda _: b"", stays=True),
    "cuts, and announces more than it sends": _over_tcp(
        lambda query: framed(lie(query), 1000), stays=True
    ),
    "cuts, and announces less than it sends": _over_tcp(lambda query: framed(lie(query), -2)),
    "cuts, and announces nothing": _over_tcp(lambda _: bytes(2), stays=True),
    "cuts, and sends rubbish over TCP": _over_tcp(lambda _: b"\xff" * 2000, stays=True),
    "cuts, and has the wrong id over TCP": _over_tcp(
        lambda query: framed(other_id(lie(query))), stays=True
    ),
    "cuts, and answers another name over TCP": _over_tcp(
        lambda query: framed(
            other_question(query, name_of("another.example") + question_of(query)[-4:])
        )
    ),
}
"""What a server may do, in words, and how."""


def label_of(deed: str) -> str:
    """Return the label of a name that asks for a deed."""
    return "".join(letter if letter.isalnum() else "-" for letter in deed.lower())


_BY_LABEL = {label_of(words): do for words, do in DEEDS.items()}


def deed_for(query: bytes, address: str) -> Deed:
    """Return what is done when a query comes to one of our addresses."""
    if address == SECOND:
        return _both(lambda asked: answer(asked, record(SECONDS)))(query)
    size = query[HEADER]
    label = query[HEADER + 1 : HEADER + 1 + size].decode("ascii", "replace").lower()
    return _BY_LABEL.get(label, _both(right))(query)


def serve_hostile(addresses: Sequence[str], port: int = PORT) -> int:
    """Answer at some addresses, UDP and TCP, in a child; return its pid."""
    sockets = [one for address in addresses for one in _bound(address, port)]
    pid = fork_here(partial(_serve, sockets))
    for one in sockets:
        one.close()
    return pid


def _bound(address: str, port: int) -> list[socket.socket]:
    """Return sockets for UDP and TCP; port 0 is one that is free for both."""
    datagrams, streams = [socket.socket(socket.AF_INET, kind) for kind in (_DATAGRAMS, _STREAMS)]
    try:
        streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        datagrams.bind((address, port))
        streams.bind(datagrams.getsockname())
    except OSError as taken:
        datagrams.close()
        streams.close()
        if port or taken.errno != EADDRINUSE:
            raise
        return _bound(address, port)  # free for UDP, but not for TCP: take another
    streams.listen(1024)
    return [datagrams, streams]


class HostileServer:
    """One that runs as long as its ``with`` block, at a free port of the loopback interface."""

    def __enter__(self) -> Self:
        """Start it."""
        sockets = _bound(LOOPBACK, 0)
        self.place = f"{LOOPBACK}:{sockets[0].getsockname()[1]}"
        self._pid = fork_here(partial(_serve, sockets))
        for one in sockets:
            one.close()
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _serve(sockets: list[socket.socket]) -> None:
    """Answer for ever; connections that stay open are kept so that they do."""
    kept: list[socket.socket] = []
    with selectors.DefaultSelector() as ready:
        for one in sockets:
            ready.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                asked = key.fileobj
                assert isinstance(asked, socket.socket)
                try:
                    if asked.type == socket.SOCK_DGRAM:
                        _answer_datagram(asked)
                    else:
                        kept += _answer_connection(asked)
                except OSError:
                    continue  # the peer went away; the next one may not


def _answer_datagram(one: socket.socket) -> None:
    query, peer = one.recvfrom(LONG)
    address, port = one.getsockname()
    deed = deed_for(query, address)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        if deed.elsewhere:
            other.bind((address, 0) if deed.elsewhere == "port" else (STRANGER, port))
        for packet in deed.datagrams:
            (other if deed.elsewhere else one).sendto(packet, peer)


def _answer_connection(one: socket.socket) -> list[socket.socket]:
    """Answer one query of a connection; return it if it stays open."""
    connection, _ = one.accept()
    connection.settimeout(2)
    head = connection.recv(2, socket.MSG_WAITALL)
    if len(head) == 2:
        query = connection.recv(unpack("!H", head)[0], socket.MSG_WAITALL)
        deed = deed_for(query, one.getsockname()[0])
        connection.sendall(deed.stream)
        if deed.stays:
            return [connection]
    connection.close()
    return []
