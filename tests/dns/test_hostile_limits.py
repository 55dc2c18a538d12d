"""What is finite: descriptors, memory, the processor's time, the patience of who is told to end."""

from __future__ import annotations

import resource
import signal
import socket
import time
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from lab.dns_asking import (
    LOOPBACK,
    all_by_udp,
    by_udp,
    connected,
    framed,
    heard,
    numbered,
    query,
    says,
    told,
)
from lab.dns_server import DnsServer
from lab.hostile_names import document
from lab.hostile_upstream import RIGHT, HostileServer, label_of
from lab.messages import AD, CD, QR, RD, TC, ask, message, opt, option, question
from lab.processes import descendants, eventually
from lab.topology import quiet_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = "NOERROR 240.0.0.1"
RIGHT_ANSWER = f"NOERROR {RIGHT}"
RECORD = "--record=here.mesh=240.0.0.1"
NO_UPSTREAM = "--resolv-conf=/nonexistent"
AT_ONCE = 2.0
"""Seconds: a server in order takes a millisecond, and little of this on a busy machine."""
MB = 1 << 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DnsServer]:
    with DnsServer(tmp_path, RECORD, NO_UPSTREAM) as running:
        running.await_ready()
        yield running


# --- packets ------------------------------------------------------------------------------------


JUNK: tuple[Callable[[Random, int, str], bytes], ...] = (
    lambda dice, _ident, _name: dice.randbytes(dice.randrange(600)),
    # A response, as somebody would forge it.
    lambda _dice, ident, name: message(question(name), (1, 1, 0, 0), flags=QR | RD, ident=ident),
    lambda dice, ident, _name: message(b"\xc0\x0c" * dice.randrange(200), ident=ident),
    lambda dice, ident, name: message(
        question(name), (dice.randrange(65536), 0, 0, dice.randrange(65536)), ident=ident
    ),
    lambda dice, ident, name: flipped(dice, query(name, ident)),
    lambda dice, ident, name: query(name, ident)[: dice.randrange(40)],
    lambda dice, ident, name: ask(
        name,
        dice.randrange(300),
        opt(dice.randrange(65536), options=option(dice.randrange(99), dice.randbytes(9))),
        flags=RD | AD | CD | TC,
        ident=ident,
    ),
    lambda _dice, ident, name: query(name, ident),
)
"""What nobody should send, and what is only too much."""


def junk(dice: Random) -> bytes:
    """Return a packet of any kind, about a name that nobody has asked for before."""
    name = f"{dice.choice('ABab')}{dice.randrange(1 << 30)}.{dice.choice(('mesh', 'example'))}"
    return dice.choice(JUNK)(dice, dice.randrange(65536), name)


def flipped(dice: Random, packet: bytes) -> bytes:
    """Return a packet with another bit somewhere."""
    at = dice.randrange(len(packet))
    return packet[:at] + bytes((packet[at] ^ 1 << dice.randrange(8),)) + packet[at + 1 :]


def test_floods_of_junk_do_not_stop_honest_answers(server: DnsServer) -> None:
    """Each flood fits into the socket's buffer: beyond that it is the kernel that drops packets."""
    dice = Random(1)  # noqa: S311 - the same junk each time
    flood = [junk(dice) for _ in range(3000)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hostile:
        hostile.connect((LOOPBACK, server.port))
        for _ in range(10):
            for packet in flood:
                hostile.send(packet)
            began = time.monotonic()
            assert says(server.port, "here.mesh") == HERE
            assert says(server.port, "here.mesh", tcp=True) == HERE
            assert time.monotonic() - began < AT_ONCE
    assert server.metric("kuma_dns_ignored_packets_total") > 1000
    assert server.metric("kuma_dns_refused_packets_total") > 1000


def test_memory_stays_flat_over_200_000_hostile_queries(server: DnsServer) -> None:
    dice = Random(2)  # noqa: S311 - the same junk each time
    send_junk(server, dice, 100_000)  # what is bounded fills up
    before = server.memory()
    send_junk(server, dice, 100_000)
    # 40 bytes for each of these would show.
    assert server.memory() - before < 4 * MB


def send_junk(server: DnsServer, dice: Random, count: int) -> None:
    """Send junk by UDP, and some by TCP, no faster than it is dealt with."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hostile:
        hostile.connect((LOOPBACK, server.port))
        for number in range(count):
            hostile.send(junk(dice))
            if number % 2000 == 1999:
                with connected(server.port) as other:
                    other.sendall(b"".join([framed(junk(dice)) for _ in range(20)]))
                assert says(server.port, "here.mesh") == HERE


def test_those_who_wait_for_silent_servers_are_bounded(tmp_path: Path) -> None:
    name = label_of("is silent")
    with HostileServer() as upstream, ExitStack() as stack:
        options = (RECORD, f"--upstream={upstream.place}")
        server = stack.enter_context(DnsServer(tmp_path, *options))
        server.await_ready()
        before = server.memory()
        hostile = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        hostile.connect((LOOPBACK, server.port))
        for number in range(60_000):
            hostile.send(query(f"{name}.{number % 500}.example", number & 0xFFFF))
            if number % 2000 == 0:
                assert says(server.port, "here.mesh") == HERE
        assert server.metric("kuma_dns_flights") == 500
        assert server.memory() - before < 32 * MB
        assert says(server.port, "one.more.example") == RIGHT_ANSWER


def test_questions_that_nobody_answers_keep_no_other_out(tmp_path: Path) -> None:
    silent = label_of("is silent")
    with (
        HostileServer() as upstream,
        DnsServer(tmp_path, RECORD, f"--upstream={upstream.place}") as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hostile,
    ):
        server.await_ready()
        hostile.connect((LOOPBACK, server.port))
        for number in range(2500):
            hostile.send(query(f"{silent}.{number}.example", number))
        assert eventually(lambda: server.metric("kuma_dns_flights") == 2000)
        # Each of them would wait for ten seconds; beyond half a second they give way.
        fresh = count()
        assert eventually(
            lambda: says(server.port, f"answers.{next(fresh)}.example") == RIGHT_ANSWER, 3
        )


def test_an_answer_that_no_datagram_can_hold_is_cut(tmp_path: Path) -> None:
    with (
        HostileServer() as upstream,
        DnsServer(tmp_path, RECORD, f"--upstream={upstream.place}") as server,
    ):
        name = f"{label_of('cuts, and sends 64 KB over TCP')}.example"
        for size in (0, 1232, 65535):
            answer = by_udp(server.port, query(name, size=size))
            assert answer is not None, size
            assert "cut" in told(answer).split()
            assert len(answer) <= max(size, 512)


# --- descriptors --------------------------------------------------------------------------------


def test_without_descriptors_it_neither_spins_nor_dies_and_recovers(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text(document(here="240.0.0.1"), encoding="ascii")
    with HostileServer() as upstream, ExitStack() as stack:
        options = (f"--names={path}", f"--upstream={upstream.place}")
        server = stack.enter_context(DnsServer(tmp_path, *options))
        server.await_ready()
        held = server.descriptors()
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (held + 2, hard))
        idle = [stack.enter_context(closing(connected(server.port))) for _ in range(50)]
        scraper = stack.enter_context(closing(connected(server.http)))
        scraper.sendall(b"GET /ready HTTP/1.1\r\nHost: here\r\n\r\n")
        # No condition says that nothing happens; a third of a second tells a loop that spins
        # (all of it) from one that looks every tenth.
        used = server.processor()
        time.sleep(0.3)
        assert server.processor() - used <= 0.1
        for _ in range(3):
            assert says(server.port, "here.mesh") == HERE
            assert says(server.port, "here.mesh", tcp=True) == HERE
        path.write_text(document(here="240.0.0.2"), encoding="ascii")
        assert eventually(lambda: bool(server.events("reload-failed")))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        for one in idle:
            one.close()
        path.write_text(document(here="240.0.0.3"), encoding="ascii")
        assert eventually(lambda: says(server.port, "here.mesh") == "NOERROR 240.0.0.3")
        assert says(server.port, "answers.example") == RIGHT_ANSWER
        assert says(server.port, "answers.again.example", tcp=True) == RIGHT_ANSWER
        assert server.get("/ready")[0] == 200
        assert eventually(lambda: server.descriptors() <= held + 5)


def test_with_few_descriptors_idle_clients_leave_some_for_other_questions(tmp_path: Path) -> None:
    with HostileServer() as upstream, ExitStack() as stack:
        options = (RECORD, f"--upstream={upstream.place}")
        server = stack.enter_context(DnsServer(tmp_path, *options, descriptors=400))
        server.await_ready()
        few = server.events("listening")[0]["tcp_connections"]
        assert few < 200
        for _ in range(few + 10):
            stack.enter_context(closing(connected(server.port)))
        # Each of these takes a connection of its own to the other server.
        with connected(server.port) as honest:
            honest.sendall(b"".join([framed(query(f"answers.{n}.example")) for n in range(50)]))
            answers = [heard(honest) for _ in range(50)]
        assert {told(answer) for answer in answers if answer} == {RIGHT_ANSWER}


# --- idle, and the end --------------------------------------------------------------------------


def test_while_nobody_asks_it_does_not_even_wake_up() -> None:
    """On a host of the lab, where nobody else touches the folders that it watches."""
    host = quiet_host()
    try:
        host.call(stay_idle)
    finally:
        host.stop()


def stay_idle() -> None:
    folder = Path("/run/lab")
    path, conf = folder / "names.json", folder / "resolv.conf"
    path.write_text(document(here="240.0.0.1"), encoding="ascii")
    conf.write_text("nameserver 127.0.0.1\n", encoding="ascii")
    with DnsServer(folder, f"--names={path}", f"--resolv-conf={conf}") as server:
        server.await_ready()
        assert says(server.port, "here.mesh") == HERE
        assert says(server.port, "here.mesh", tcp=True) == HERE
        # The process that made the table, and whoever has asked, are gone.
        assert eventually(lambda: descendants(server.pid) == [])
        assert eventually(lambda: not grows(server, 0.2))
        # That nothing happens has no condition: it takes an interval.  Everything periodic that
        # the program knows has a second or less.
        assert not grows(server, 1.2)


def grows(server: DnsServer, seconds: float) -> bool:
    """Whether it wakes up within some time."""
    before = server.wakings()
    time.sleep(seconds)
    return server.wakings() > before


def test_told_to_end_under_load_it_answers_all_that_has_arrived(server: DnsServer) -> None:
    many = 1500
    with ExitStack() as stack:
        connections = [stack.enter_context(connected(server.port)) for _ in range(3)]
        asker = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MB)
        asker.settimeout(10)
        asker.connect((LOOPBACK, server.port))
        assert says(server.port, "here.mesh") == HERE
        for packet in numbered(many, "here.mesh"):
            asker.send(packet)
        for one in connections:
            one.sendall(b"".join(map(framed, numbered(200, "here.mesh"))))
        server.tell(signal.SIGTERM)
        idents = {int.from_bytes(asker.recv(4096)[:2], "big") for _ in range(many)}
        assert len(idents) == many
        for one in connections:
            answers = [heard(one) for _ in range(200)]
            assert all(answers)
            assert heard(one) is None
    assert server.end() == 0
    assert server.events("ended")[0]["unanswered"] == 0


def test_many_questions_at_once_are_all_answered(server: DnsServer) -> None:
    assert len(all_by_udp(server.port, numbered(3000, "here.mesh"))) == 3000
