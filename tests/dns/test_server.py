"""From settings to a running server: sockets, privileges, systemd; in this order."""

from __future__ import annotations

import json
import os
import signal
import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import resolver
from lab.dns_asking import query, says, told
from lab.dns_slow import SlowServer
from lab.host import PERSONAL, fork_here
from lab.processes import eventually
from lab.programs import PROGRAMS
from lab.topology import quiet_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.host import Host

FIRST = 3
NAMES = {"records": [{"name": "backend.mesh", "ips": ["240.0.0.1"]}]}


@pytest.fixture
def host() -> Iterator[Host]:
    made = quiet_host()
    yield made
    made.stop()


def test_root_listens_at_a_low_port_and_serves_as_the_sidecar(host: Host) -> None:
    host.sysctl("net.ipv4.ip_unprivileged_port_start", "1024")
    pid = resolver.start(host, {"backend.mesh": ("240.0.0.1",)}, "--listen=127.0.0.1:53")
    status = host.read(f"/proc/{pid}/status")
    words = {line.partition(":")[0]: line.split()[1:] for line in status.splitlines()}
    assert words["Uid"] == ["5678"] * 4
    assert words["Gid"] == ["5678"] * 4
    assert words["Groups"] == []
    assert words["CapPrm"] == words["CapEff"] == ["0" * 16]
    assert words["NoNewPrivs"] == ["1"]
    asked = host.run(["dig", "+short", "@127.0.0.1", "backend.mesh"])
    assert asked.stdout == "240.0.0.1\n"


def test_without_ipv6_it_serves_ipv4_and_says_so(host: Host) -> None:
    for setting in ("all", "lo"):
        host.sysctl(f"net.ipv6.conf.{setting}.disable_ipv6", "1")
    resolver.start(host, {"backend.mesh": ("240.0.0.1",)})
    events = [json.loads(line) for line in host.read(resolver.LOG).splitlines()]
    told_about = {event["event"]: event for event in events}
    assert told_about["not-listening"]["address"] == "[::1]:15053"
    assert told_about["listening"]["addresses"] == ["127.0.0.1:15053"]


class Unit:
    """A service as systemd starts it: sockets from 3 on, variables, a socket for its words."""

    def __init__(self, folder: Path) -> None:
        """Make the sockets: UDP and TCP for DNS, TCP for HTTP."""
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.http = socket.create_server(("127.0.0.1", 0))
        self.words = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.words.bind(str(folder / "notify"))
        self.words.settimeout(10)
        self.log = folder / "log"
        self.folder = folder
        self.pid = 0

    def start(self, *options: str) -> None:
        """Start the server."""
        self.pid = fork_here(partial(self._become, options))

    def _become(self, options: tuple[str, ...]) -> None:
        """In the child: become the server, its sockets at the numbers systemd gives them."""
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        kept = [os.dup(one.fileno()) for one in (self.http, self.udp, self.tcp)]
        for number, copy in enumerate(kept, FIRST):
            os.dup2(copy, number + 100)
        os.dup2(log, 2)
        for number in range(len(kept)):
            os.dup2(FIRST + number + 100, FIRST + number)
        os.closerange(FIRST + len(kept), 1 << 16)
        environ = {name: text for name, text in os.environ.items() if not name.startswith(PERSONAL)}
        environ |= {
            "LISTEN_PID": str(os.getpid()),
            "LISTEN_FDS": "3",
            "LISTEN_FDNAMES": "http:dns:dns",
            "NOTIFY_SOCKET": str(self.folder / "notify"),
        }
        words = (PROGRAMS["kuma-dns"], "serve", "--user=0", *options)
        os.execve(words[0], words, environ)  # noqa: S606 - no shell is wanted

    def heard(self) -> str:
        """Return the next word of the service."""
        return self.words.recv(1000).decode()

    def close(self) -> None:
        """End it."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        for one in (self.udp, self.tcp, self.http, self.words):
            one.close()


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    made = Unit(tmp_path)
    yield made
    made.close()


def test_it_serves_systemds_sockets_and_tells_how_it_is(unit: Unit, tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text(json.dumps(NAMES))
    # Queries that arrive before the service does are waiting in systemd's socket.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(unit.udp.getsockname())
        client.send(query("backend.mesh"))
        unit.start("--names", str(path))
        assert unit.heard() == "READY=1\nSTATUS=1 names"
        assert told(client.recv(2000)) == "NOERROR 240.0.0.1"
    with socket.create_connection(unit.tcp.getsockname(), 10) as client:
        packet = query("backend.mesh")
        client.sendall(len(packet).to_bytes(2, "big") + packet)
        assert told(client.recv(2000)[2:]) == "NOERROR 240.0.0.1"
    with socket.create_connection(unit.http.getsockname(), 10) as client:
        client.sendall(b"GET /ready HTTP/1.0\r\n\r\n")
        assert client.recv(2000).startswith(b"HTTP/1.1 200 OK")
    listening = json.loads(unit.log.read_text().splitlines()[0])
    assert listening["addresses"] == [
        f"127.0.0.1:{unit.udp.getsockname()[1]}",
        f"127.0.0.1:{unit.tcp.getsockname()[1]}",
    ]


def test_a_reload_and_the_end_are_told_to_systemd(unit: Unit, tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text(json.dumps(NAMES))
    unit.start("--names", str(path))
    assert unit.heard().startswith("READY=1")
    os.kill(unit.pid, signal.SIGHUP)
    assert unit.heard().startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert unit.heard().startswith("READY=1")
    path.write_text("{")
    os.kill(unit.pid, signal.SIGHUP)
    while not (word := unit.heard()).startswith("READY=1"):
        assert word.startswith("RELOADING=1")
    os.kill(unit.pid, signal.SIGTERM)
    while (word := unit.heard()) != "STOPPING=1":
        assert word.startswith("READY=1"), "the change of the file may have been told as well"
    assert eventually(lambda: os.waitpid(unit.pid, os.WNOHANG)[0] == unit.pid)
    unit.pid = 0


def test_a_socket_that_cannot_be_served_is_told(unit: Unit) -> None:
    unit.http.close()
    unit.http = socket.socket()
    unit.start()
    pid, status = os.waitpid(unit.pid, 0)
    unit.pid = 0
    assert (pid > 0, os.waitstatus_to_exitcode(status)) == (True, 1)
    assert unit.log.read_text() == (
        "kuma-dns: systemd's descriptor 3 (http) is a TCP socket that does not listen; leave out "
        "Accept=yes\n"
    )


def test_no_socket_takes_the_place_of_a_closed_log() -> None:
    place = SlowServer()
    place.close()
    pid = fork_here(partial(_serve_without_descriptors, place.place))
    port = int(place.place.rpartition(":")[2])
    try:
        assert eventually(lambda: _answers(port))
        files = [str(Path(f"/proc/{pid}/fd/{number}").readlink()) for number in range(3)]
        assert files == [os.devnull] * 3
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve_without_descriptors(place: str) -> None:
    """In the child: become a server to whom nothing is open."""
    os.closerange(0, 1 << 16)
    words = (PROGRAMS["kuma-dns"], "serve", "--listen", place, "--http=off", "--user=0")
    os.execv(words[0], words)  # noqa: S606 - no shell is wanted


def _answers(port: int) -> bool:
    try:
        return says(port, "nobody.mesh") == "NXDOMAIN"
    except ConnectionRefusedError:
        return False
