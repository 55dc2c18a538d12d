"""Who else is asked: resolv.conf as it changes, and never ourselves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_dns.resolve.servers import ResolvConf, Server
from kuma_dns.server.nameservers import NameServers
from kuma_dns.settings.load import load
from kuma_dns.wire.name import key_of
from kuma_net.serving.log import Log
from kuma_net.serving.loop import Loop
from kuma_net.serving.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Server("127.0.0.1", 15053)


class World:
    """A resolv.conf, whoever reads it, and what came of it."""

    def __init__(self, folder: Path) -> None:
        """Begin without the file."""
        self.path = folder / "resolv.conf"
        self.log_path = folder / "log"
        self.log_file = self.log_path.open("wb")
        self.used: list[ResolvConf] = []
        self.loop = Loop(lambda problem: pytest.fail(str(problem)))
        self.made: NameServers | None = None

    def start(self, *flags: tuple[str, str], listeners: tuple[Server, ...] = (HERE,)) -> None:
        """Read the file from now on."""
        settings = load([("--resolv-conf", str(self.path)), *flags], {})
        log = Log("info", Sample(100, 1), descriptor=self.log_file.fileno())
        self.made = NameServers(settings, listeners, self.used.append, log)
        self.made.start(self.loop)

    def await_used(self, count: int) -> ResolvConf:
        """Run the loop until so many configurations were used; return the last one."""
        deadline = time.monotonic() + 10
        while len(self.used) < count:
            assert time.monotonic() < deadline, self.log_path.read_text()
            self.loop.turn(0.1)
        return self.used[-1]

    def said(self, event: str) -> int:
        """Return how often an event was logged."""
        return self.log_path.read_text().count(f'"event": "{event}"')

    def close(self) -> None:
        """Read no longer."""
        if self.made is not None:
            self.made.close()
        self.loop.close()
        self.log_file.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def test_servers_search_and_options_are_used(world: World) -> None:
    world.path.write_text(
        "nameserver 10.0.0.53\nnameserver fd00::53\nsearch Svc.Cluster.Local\n"
        "options timeout:1 attempts:3 rotate\n"
    )
    world.start()
    assert world.used == [
        ResolvConf(
            servers=(Server("10.0.0.53"), Server("fd00::53")),
            search=(key_of("svc.cluster.local"),),
            timeout=1.0,
            attempts=3,
            rotate=True,
        )
    ]
    assert world.said("name-servers") == 1


@pytest.mark.parametrize("renamed", [False, True])
def test_a_changed_file_is_read_again(world: World, renamed: bool) -> None:
    world.path.write_text("nameserver 10.0.0.1\n")
    world.start()
    new = world.path.with_name("new") if renamed else world.path
    new.write_text("nameserver 10.0.0.2\n")
    if renamed:
        new.rename(world.path)
    assert world.await_used(2).servers == (Server("10.0.0.2"),)


def test_a_file_that_says_the_same_changes_nothing(world: World) -> None:
    world.path.write_text("nameserver 10.0.0.1\n")
    world.start()
    world.path.write_text("# another comment\nnameserver 10.0.0.1\n")
    assert world.made is not None
    world.made.read()
    assert len(world.used) == 1


def test_without_the_file_nobody_is_asked_until_it_comes(world: World) -> None:
    world.start()
    assert world.used == [ResolvConf()]
    assert world.said("resolv-conf-unreadable") == world.said("no-name-servers") == 1
    world.path.write_text("nameserver 10.0.0.1\n")
    assert world.await_used(2).servers == (Server("10.0.0.1"),)


def test_a_file_that_is_gone_leaves_the_servers_and_is_told_once(world: World) -> None:
    world.path.write_text("nameserver 10.0.0.1\n")
    world.start()
    world.path.unlink()
    assert world.made is not None
    for _ in range(3):
        world.made.read()
    assert world.used[-1].servers == (Server("10.0.0.1"),)
    assert world.said("resolv-conf-unreadable") == 1


def test_chosen_servers_replace_those_of_the_file_but_not_its_search_list(world: World) -> None:
    world.path.write_text("nameserver 10.0.0.1\nsearch cluster.local\n")
    world.start(("--upstream", "10.9.9.9"), ("--upstream", "[fd00::9]:5353"))
    assert world.used[0].servers == (Server("10.9.9.9"), Server("fd00::9", 5353))
    assert world.used[0].search == (key_of("cluster.local"),)


def test_we_are_never_among_the_servers(world: World) -> None:
    world.path.write_text("nameserver 127.0.0.1\nnameserver 10.0.0.1\n")
    world.start(listeners=(Server("127.0.0.1", 53),))
    assert world.used[0].servers == (Server("10.0.0.1"),)
    assert '"left_out_as_ourselves": ["127.0.0.1:53"]' in world.log_path.read_text()


def test_behind_a_wildcard_every_address_of_the_host_is_ourselves(world: World) -> None:
    world.path.write_text("nameserver 127.0.0.9\nnameserver ::1\nnameserver 192.0.2.1\n")
    world.start(listeners=(Server("0.0.0.0", 53), Server("::", 53)))  # noqa: S104 - compared with
    assert world.used[0].servers == (Server("192.0.2.1"),)
