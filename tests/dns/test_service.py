"""A running server: it answers, changes with its sources, sleeps, and ends without loss."""

from __future__ import annotations

import json
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from kuma_dns.counts import Counts
from kuma_dns.names.zones import Zones
from kuma_dns.server.listening import open_sockets
from kuma_dns.server.service import READY_AT_LAST, Service, World
from kuma_dns.server.sources import Plan, Sources
from kuma_dns.server.systemd import Inherited, Notifier
from kuma_dns.settings.load import load
from kuma_net.serving.log import Log
from kuma_net.serving.loop import Loop
from lab.dns_asking import by_udp, connected, framed, heard, query, says, told
from lab.dns_server import DnsServer
from lab.dns_slow import SlowServer
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kuma_dns.settings.load import Settings

BACKEND = {"records": [{"name": "backend.mesh", "ips": ["240.0.0.1", "::ffff:f000:1"]}], "ttl": 30}


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.json"
    path.write_text(json.dumps(BACKEND))
    return path


@pytest.fixture
def server(tmp_path: Path, names: Path) -> Iterator[DnsServer]:
    with DnsServer(tmp_path, "--names", str(names), "--upstream", "127.0.0.1:9") as started:
        started.await_ready()
        yield started


@pytest.fixture
def upstream() -> Iterator[SlowServer]:
    made = SlowServer()
    yield made
    made.close()


def test_it_answers_by_udp_and_tcp(server: DnsServer) -> None:
    assert says(server.port, "backend.mesh") == "NOERROR 240.0.0.1"
    assert says(server.port, "BackEnd.mesh", tcp=True) == "NOERROR 240.0.0.1"
    assert says(server.port, "nobody.mesh") == "NXDOMAIN"


def test_questions_that_nobody_answers_are_logged_with_the_servers(server: DnsServer) -> None:
    assert says(server.port, "www.example.org") == "SERVFAIL 23"
    assert eventually(lambda: bool(server.events("upstream-failed")))
    event = server.events("upstream-failed")[0]
    assert (event["questions"], event["errors_of_servers"]) == (1, {"127.0.0.1:9": 1})


def test_an_idle_server_does_not_wake_up(server: DnsServer) -> None:
    says(server.port, "backend.mesh")
    # The child that made the first table is waited for, and what the memo keeps briefly ends.
    assert eventually(lambda: _wakings_within(server, 1.5) == 0)


def _wakings_within(server: DnsServer, seconds: float) -> int:
    before = server.wakings()
    eventually(lambda: server.wakings() != before, seconds)
    return server.wakings() - before


def test_changed_names_are_served_without_being_told(server: DnsServer, names: Path) -> None:
    new = names.with_name("new.json")
    new.write_text(names.read_text().replace("240.0.0.1", "240.0.0.7"))
    new.rename(names)
    assert eventually(lambda: says(server.port, "backend.mesh") == "NOERROR 240.0.0.7")


def test_sighup_reads_everything_again(server: DnsServer) -> None:
    reloads = server.metric("kuma_dns_reloads_total")
    server.tell(signal.SIGHUP)
    assert eventually(lambda: server.metric("kuma_dns_reloads_total") == reloads + 1)
    assert [event["event"] for event in server.events("reloading")] == ["reloading"]


def test_half_a_document_leaves_the_names_and_is_told_once(server: DnsServer, names: Path) -> None:
    names.write_text('{"records": [{"name": "backend')
    assert eventually(lambda: server.metric("kuma_dns_reload_errors_total") >= 1)
    server.tell(signal.SIGHUP)
    assert eventually(lambda: server.metric("kuma_dns_reload_errors_total") >= 2)
    assert says(server.port, "backend.mesh") == "NOERROR 240.0.0.1"
    assert len(server.events("reload-failed")) == 1


def test_a_file_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    with DnsServer(tmp_path, "--names", str(tmp_path / "late.json")) as server:
        assert server.get("/ready") == (503, "waiting for the first names\n")
        assert json.loads(server.get("/explain?name=backend.mesh")[1])["verdict"] == "waiting"
        (tmp_path / "late.json").write_text(json.dumps(BACKEND))
        # The query is held until the names are there.
        assert says(server.port, "backend.mesh") == "NOERROR 240.0.0.1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once_when_told(server: DnsServer, number: int) -> None:
    server.tell(number)
    assert server.end() == 0
    assert [event["event"] for event in server.events("ending", "ended")] == ["ending", "ended"]


def test_what_is_under_way_is_answered_before_the_end(tmp_path: Path, upstream: SlowServer) -> None:
    with (
        DnsServer(tmp_path, "--upstream", upstream.place) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        connected(server.port) as stream,
    ):
        server.await_ready()
        client.connect(("127.0.0.1", server.port))
        client.settimeout(10)
        client.send(query("slow.example"))
        stream.sendall(framed(query("slow.example", 9)))
        assert eventually(lambda: server.metric("kuma_dns_coalesced_total") == 1)
        server.tell(signal.SIGTERM)
        assert eventually(lambda: bool(server.events("ending")))
        assert eventually(lambda: _refuses(server.port))
        upstream.answer_one()
        assert told(client.recv(2000)) == "NXDOMAIN"
        answer = heard(stream)
        assert answer is not None
        assert told(answer) == "NXDOMAIN"
        assert server.end() == 0
        assert server.events("ended")[0]["unanswered"] == 0


def _refuses(port: int) -> bool:
    """Whether no connection is taken."""
    try:
        connected(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_second_signal_ends_it_at_once(tmp_path: Path, upstream: SlowServer) -> None:
    with DnsServer(tmp_path, "--upstream", upstream.place) as server:
        server.await_ready()
        assert by_udp(server.port, query("slow.example"), patience=0.1) is None
        server.tell(signal.SIGTERM)
        assert eventually(lambda: bool(server.events("ending")))
        assert server.get("/ready") == (503, "ending\n")
        server.tell(signal.SIGTERM)
        assert server.end() == 0
        assert server.events("ending-at-once")[0]["flights"] == 1


def test_an_upstream_that_never_answers_does_not_keep_it_from_ending(
    tmp_path: Path, upstream: SlowServer
) -> None:
    with DnsServer(tmp_path, "--upstream", upstream.place) as server:
        server.await_ready()
        assert by_udp(server.port, query("slow.example"), patience=0.1) is None
        server.tell(signal.SIGTERM)
        assert server.end() == 0
        assert server.events("ended")[0]["unanswered"] == 1


# --- in this process, with a clock that can be put forward --------------------------------------


class Clock:
    """Monotonic time, and some more."""

    def __init__(self) -> None:
        """Begin on time."""
        self.ahead = 0.0

    def __call__(self) -> float:
        """Return seconds."""
        return time.monotonic() + self.ahead


def test_systemd_is_told_at_last_though_there_are_no_names(tmp_path: Path) -> None:
    clock = Clock()
    settings = load([("--names", str(tmp_path / "none")), ("--listen", "127.0.0.1:0")], {})
    loop = Loop(lambda problem: pytest.fail(str(problem)))
    loop.now = clock
    with (
        (tmp_path / "log").open("wb") as file,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
    ):
        manager.bind(str(tmp_path / "notify"))
        log = Log("info", settings.log_sample, descriptor=file.fileno())
        service = _service(settings.replace(http=None), loop, log, str(tmp_path / "notify"))
        service.start()
        loop.turn(0)
        clock.ahead = READY_AT_LAST + 1
        loop.turn(0)
        manager.settimeout(5)
        assert manager.recv(100) == b"READY=1\nSTATUS=waiting for the first names"
        assert not service.ready
        service.reload()
        assert manager.recv(100).startswith(b"RELOADING=1\n")
        assert manager.recv(100).startswith(b"READY=1\n"), "systemd waits for the end of a reload"
        service.end()
        service.end()
        service.close()
        loop.close()
    assert '"no-names-yet"' in (tmp_path / "log").read_text()


def _service(settings: Settings, loop: Loop, log: Log, notify: str) -> Service:
    """Return a service as ``server.run`` makes it."""
    counts, zones = Counts(), Zones(settings.zones)
    plan = Plan(settings.names, settings.hosts, settings.records, zones, settings.ttl)
    sources = Sources(plan, loop, lambda table: service.use_table(table), log, counts)  # noqa: PLW0108 - there is no service yet
    sources.start()
    sockets = open_sockets(settings, Inherited())
    notifier = Notifier({"NOTIFY_SOCKET": notify})
    world = World(sockets, zones, sources, loop, log, counts, notifier, loop.now())
    service = Service(settings, world)
    return service
