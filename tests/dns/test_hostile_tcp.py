"""Clients by TCP who send half of things, nothing, rubbish or far too much, and never read.

Each test has an honest client beside the hostile ones: she is served at once.
"""

from __future__ import annotations

import resource
import socket
import time
from contextlib import ExitStack, closing
from struct import pack
from typing import TYPE_CHECKING

import pytest

from kuma_net.record import Record
from lab.dns_asking import (
    END,
    connected,
    framed,
    heard,
    numbered,
    query,
    says,
    told,
)
from lab.dns_server import DnsServer
from lab.hostile_upstream import HostileServer, label_of
from lab.messages import QR, message, question
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = "NOERROR 240.0.0.1"
IDLE = 1.0
"""Seconds after which the server closes an idle connection, where a test waits for that."""
AT_ONCE = 2.0
"""Seconds: a server in order takes a millisecond, and little of this on a busy machine."""
CONNECTIONS = 1000
"""That the server keeps open by default."""
MB = 1 << 20
RECORDS = ("--record=here.mesh=240.0.0.1", "--resolv-conf=/nonexistent")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DnsServer]:
    with DnsServer(tmp_path, *RECORDS, f"--tcp-idle={IDLE}s") as running:
        running.await_ready()
        yield running


def is_served_at_once(server: DnsServer) -> bool:
    """Whether an honest client gets her answers by UDP and TCP."""
    began = time.monotonic()
    assert says(server.port, "here.mesh") == HERE
    assert says(server.port, "here.mesh", tcp=True) == HERE
    return time.monotonic() - began < AT_ONCE


def is_closed(one: socket.socket) -> bool:
    """Whether the server has closed a connection."""
    one.settimeout(0)
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


# --- what is sent, and what comes back ----------------------------------------------------------

QUERY = framed(query("here.mesh"))
RESPONSE = framed(message(question("here.mesh"), flags=QR))
NO_QUESTION = framed(message(b"", (0, 0, 0, 0)))
ZEROES = framed(bytes(65535))
POINTERS = framed(message(b"\xc0\x0c" * 32000, (1, 0, 0, 0)))
QUESTIONS = framed(message(question("a" * 63) * 900, (900, 0, 0, 0)))

SENT = {
    "a query": QUERY,
    "two queries in one piece": QUERY * 2,
    "a query and half of one": QUERY + QUERY[:9],
    "a length of 0": bytes(2),
    "a message of 11 bytes": framed(bytes(11)),
    "a response": RESPONSE,
    "a response and a query": RESPONSE + QUERY,
    "65535 bytes of 255": b"\xff" * 65537,
    "65535 bytes of 0": ZEROES,
    "64 KB of pointers": POINTERS,
    "64 KB of questions": QUESTIONS,
    "64 KB of questions, then a query": QUESTIONS + QUERY,
    "no question": NO_QUESTION,
    "half a length": QUERY[:1],
    "half a query": QUERY[:20],
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: here.mesh\r\n\r\n",
    "nothing": b"",
}

COMES = """
    a query                           -> NOERROR 240.0.0.1, end
    two queries in one piece          -> NOERROR 240.0.0.1, NOERROR 240.0.0.1, end
    a query and half of one           -> NOERROR 240.0.0.1, end
    a length of 0                     -> end
    a message of 11 bytes             -> end
    a response                        -> end
    a response and a query            -> end
    65535 bytes of 255                -> end
    65535 bytes of 0                  -> FORMERR, end
    64 KB of pointers                 -> FORMERR, end
    64 KB of questions                -> FORMERR, end
    64 KB of questions, then a query  -> FORMERR, NOERROR 240.0.0.1, end
    no question                       -> FORMERR, end
    half a length                     -> end
    half a query                      -> end
    an HTTP request                   -> end
    nothing                           -> end
"""


class Row(Record):
    """What a client sends before she closes her side, and what she gets."""

    sent: str
    comes: str


def test_what_is_sent_gets_what_the_table_says(server: DnsServer) -> None:
    lines = filter(None, map(str.strip, COMES.splitlines()))
    rows = [Row(*map(str.strip, line.split("->"))) for line in lines]
    wrong = [
        f"{row.sent} -> {row.comes}, but: {got}"
        for row in rows
        if (got := get(server, row)) != row.comes
    ]
    assert not wrong, "\n".join(wrong)
    assert is_served_at_once(server)


def get(server: DnsServer, row: Row) -> str:
    """Send what a row says, and return all that comes."""
    with connected(server.port) as one:
        try:
            one.sendall(SENT[row.sent])
            one.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass  # closed before all was sent; what it said until then can be read
        words = []
        while packet := heard(one):
            words.append(told(packet))
    return ", ".join([*words, END])


def test_a_query_that_comes_a_byte_at_a_time_is_answered(server: DnsServer) -> None:
    with connected(server.port) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(QUERY)):
            one.send(QUERY[at : at + 1])
        answer = heard(one)
        assert answer is not None
        assert told(answer) == HERE


# --- those who keep it waiting ------------------------------------------------------------------


def test_the_slow_are_closed_and_the_honest_do_not_notice(server: DnsServer) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        silent = [stack.enter_context(closing(connected(server.port))) for _ in range(100)]
        slow = [stack.enter_context(closing(connected(server.port))) for _ in range(100)]
        for one in silent:
            one.sendall(pack("!H", 65535))
        sent = 0  # bytes of each slow query; never all of them
        while time.monotonic() - began < IDLE / 2:
            if sent < len(QUERY) - 1:
                for one in slow:
                    one.sendall(QUERY[sent : sent + 1])
                sent += 1
            assert is_served_at_once(server)
        waited = silent + slow
        assert eventually(lambda: all(map(is_closed, waited)), IDLE + 5)
    # Neither an announced length nor single bytes have bought them time.
    assert time.monotonic() - began < 2 * IDLE + 5
    assert eventually(lambda: server.metric("kuma_dns_tcp_connections") <= 1)


def test_ten_thousand_idle_connections_shut_nobody_out(tmp_path: Path) -> None:
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    if former[1] != resource.RLIM_INFINITY and former[1] < 11_000:
        pytest.skip("this process may not open so many")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(former[0], 11_000), former[1]))
    try:
        with DnsServer(tmp_path, *RECORDS, "--tcp-idle=60s") as server, ExitStack() as stack:
            server.await_ready()
            before, held = server.memory(), server.descriptors()
            for number in range(10_000):
                stack.callback(connected(server.port).close)
                if number % 1000 == 0:
                    assert is_served_at_once(server)
            assert server.metric("kuma_dns_tcp_connections") == CONNECTIONS
            assert server.descriptors() <= held + CONNECTIONS + 5
            assert server.memory() < before + 8 * MB
            assert is_served_at_once(server)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, former)


# --- those who want too much --------------------------------------------------------------------


def test_thousands_of_queries_on_one_connection_are_all_answered(server: DnsServer) -> None:
    count = 5000
    with connected(server.port) as one:
        one.sendall(b"".join(map(framed, numbered(count, "here.mesh"))))
        answers = [heard(one) for _ in range(count)]
        idents = [int.from_bytes(answer[:2], "big") for answer in answers if answer]
        assert sorted(idents) == list(range(count))


def test_those_who_never_read_cost_no_memory(tmp_path: Path) -> None:
    """The answers are long ones from elsewhere, all of them under way at the same time."""
    with HostileServer() as upstream, ExitStack() as stack:
        options = (RECORDS[0], f"--upstream={upstream.place}")
        server = stack.enter_context(DnsServer(tmp_path, *options))
        server.await_ready()
        before = server.memory()
        for client in range(8):
            one = stack.enter_context(closing(connected(server.port)))
            names = [f"{label_of('sends 64 KB')}.{client}-{n}.example" for n in range(200)]
            one.sendall(b"".join([framed(query(name)) for name in names]))
        asked = f'kuma_dns_upstream_queries_total{{server="{upstream.place}"}}'
        assert eventually(lambda: server.metric(asked) > 1000)
        assert eventually(lambda: server.metric("kuma_dns_flights") == 0)
        # 100 MB of answers have come; some are read from other servers at the same time.
        assert server.memory() < before + 70 * MB
        assert is_served_at_once(server)


def test_the_time_for_a_long_query_grows_no_faster_than_its_length(server: DnsServer) -> None:
    short, long = 4096, 65535
    rounds = 60
    for body in (b"\xc0\x0c", b"\0", b"\x3f" + b"a" * 63, question("a" * 63)):
        spent = {}
        for size in (short, long):
            packet = message((body * size)[: size - 12], (size // len(body) & 0xFFFF or 1, 0, 0, 0))
            before = server.processor()
            with connected(server.port) as one:
                for _ in range(rounds * long // size):
                    one.sendall(framed(packet))
                    assert heard(one)
            spent[size] = server.processor() - before
        # As many bytes both times, so the times are alike, or the short ones take longer since
        # they are more; quadratic work would take 16 times as long for the long ones.
        assert spent[long] <= 3 * spent[short] + 0.1
