"""Sockets from systemd and words to it, without systemd: descriptors, variables, a datagram."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_dns.server.systemd import Inherited, Notifier, inherited
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = 900
"""The number from which descriptors are handed over here; 3 may be the test's own."""


NO_SOCKET = "Socket operation on non-socket"


class Manager:
    """Hands sockets over as systemd does: one number after the other, and variables."""

    def __init__(self) -> None:
        """Begin with none."""
        self.names: list[str] = []

    def give(self, one: socket.socket, name: str = "") -> None:
        """Hand over a copy of a socket."""
        os.dup2(one.fileno(), FIRST + len(self.names))
        one.close()
        self.names.append(name)

    def udp(self, name: str = "") -> None:
        """Hand over a bound UDP socket."""
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        self.give(one, name)

    def tcp(self, name: str = "", host: str = "127.0.0.1") -> None:
        """Hand over a listening TCP socket."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.give(socket.create_server((host, 0), family=family), name)

    def environ(self) -> dict[str, str]:
        """Return the variables."""
        return {
            "LISTEN_PID": str(os.getpid()),
            "LISTEN_FDS": str(len(self.names)),
            "LISTEN_FDNAMES": ":".join(self.names),
            "HOME": "/",
        }

    def close(self) -> None:
        """Close what nobody has taken."""
        os.closerange(FIRST, FIRST + len(self.names))


@pytest.fixture
def manager() -> Iterator[Manager]:
    made = Manager()
    yield made
    made.close()


def taken(given: Inherited) -> None:
    """Let the sockets go without closing them twice."""
    for one in (*given.udp, *given.tcp, *given.http):
        one.detach()


def test_udp_and_tcp_come_in_any_order_and_http_by_its_name(manager: Manager) -> None:
    manager.tcp("dns", "::1")
    manager.udp("http")
    manager.tcp("http")
    manager.udp()
    manager.tcp("")
    environ = manager.environ()
    given = inherited(environ, first=FIRST)
    assert [one.fileno() - FIRST for one in given.udp] == [1, 3]
    assert [one.fileno() - FIRST for one in given.tcp] == [0, 4]
    assert [one.fileno() - FIRST for one in given.http] == [2]
    assert given
    assert not any(one.getblocking() for one in (*given.udp, *given.tcp))
    assert not any(os.get_inheritable(one.fileno()) for one in (*given.udp, *given.tcp))
    assert environ == {"HOME": "/"}, "whom we start must not believe that they are hers"
    taken(given)


def test_sockets_without_names_are_for_dns(manager: Manager) -> None:
    manager.udp()
    environ = manager.environ()
    del environ["LISTEN_FDNAMES"]
    given = inherited(environ, first=FIRST)
    assert len(given.udp) == 1
    taken(given)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid())},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"},
    ],
)
def test_what_is_for_another_process_or_nothing_is_left_alone(said: dict[str, str]) -> None:
    assert not inherited(dict(said), first=FIRST)


def test_everything_that_cannot_be_served_is_told(manager: Manager) -> None:
    manager.give(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), "unix")
    manager.give(socket.socket(socket.AF_INET, socket.SOCK_STREAM), "deaf")
    manager.udp("fine")
    with Path(os.devnull).open("rb") as file:
        os.dup2(file.fileno(), FIRST + 3)
    manager.names.append("")
    with pytest.raises(HostError) as raised:
        inherited(manager.environ(), first=FIRST)
    deaf = "is a TCP socket that does not listen; leave out Accept=yes"
    assert str(raised.value).splitlines() == [
        f"systemd's descriptor {FIRST} (unix) is a socket of another family than IPv4 and IPv6",
        f"systemd's descriptor {FIRST + 1} (deaf) {deaf}",
        f"systemd's descriptor {FIRST + 3} (without a name) is no socket: {NO_SOCKET}",
    ]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_how_we_are(tmp_path: Path, abstract: bool) -> None:
    name = f"@kuma-dns-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if abstract else name)
        manager.settimeout(5)
        environ = {"NOTIFY_SOCKET": name}
        notifier = Notifier(environ)
        assert environ == {}
        notifier.ready("7 names")
        assert manager.recv(100) == b"READY=1\nSTATUS=7 names"
        notifier.reloading()
        assert manager.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        notifier.stopping()
        assert manager.recv(100) == b"STOPPING=1"
    notifier.ready("nobody listens any longer")
    notifier.stopping()
    notifier.close()


@pytest.mark.parametrize("path", ["", "relative", "/no/such/socket"])
def test_where_nobody_asked_nobody_is_told(path: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": path})
    notifier.ready("")
    notifier.close()
