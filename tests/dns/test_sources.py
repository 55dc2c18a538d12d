"""When the table is made anew, and from what."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING

import pytest

from kuma_dns.counts import Counts
from kuma_dns.names.addresses import each_text
from kuma_dns.names.zones import Zones
from kuma_dns.server.sources import Plan, Sources
from kuma_dns.wire.name import key_of
from kuma_net.serving.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kuma_dns.names.table import Table


class Notes:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.events: list[str] = []
        self.fields: list[dict[str, object]] = []

    def info(self, event: str, **fields: object) -> None:
        """Keep an event."""
        self.events.append(event)
        self.fields.append(fields)

    def warning(self, event: str, **fields: object) -> None:
        """Keep an event."""
        self.info(event, **fields)

    def error(self, event: str, **fields: object) -> None:
        """Keep an event."""
        self.info(event, **fields)


class World:
    """Sources of names, and the tables that came of them."""

    def __init__(self, folder: Path) -> None:
        """Begin without sources."""
        self.folder = folder
        self.file = folder / "names.json"
        self.hosts = folder / "hosts"
        self.problems: list[Exception] = []
        self.loop = Loop(self.problems.append)
        self.notes = Notes()
        self.counts = Counts()
        self.tables: list[Table] = []
        self.sources: Sources | None = None

    def start(
        self,
        *names: str,
        hosts: tuple[str, ...] = (),
        records: tuple[str, ...] = (),
        patience: float = 15.0,
    ) -> Sources:
        """Begin to watch."""
        plan = Plan(names, hosts, records, Zones(), 30, patience)
        made = Sources(plan, self.loop, self.tables.append, self.notes, self.counts)
        self.sources = made
        made.start()
        return made

    def until(self, condition: Callable[[], bool]) -> None:
        """Run the loop until something holds."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.notes.fields
            self.loop.turn(0.05)
            assert self.problems == []

    def table(self, number: int) -> Table:
        """Return the table of that number, from 1, as soon as it is there."""
        self.until(lambda: len(self.tables) >= number)
        return self.tables[number - 1]

    def write(self, **addresses: str) -> None:
        """Replace the file by one with some names."""
        new = self.folder / "new"
        new.write_text(document(**addresses))
        new.rename(self.file)

    def said(self, event: str) -> int:
        """Return how often an event was logged."""
        return self.notes.events.count(event)


def document(**addresses: str) -> str:
    records = [{"name": f"{name}.mesh", "ips": [ip]} for name, ip in addresses.items()]
    return json.dumps({"records": records})


def ips(table: Table, name: str) -> list[str]:
    found = table.get(key_of(name))
    return [] if found is None else each_text(found.ipv4, found.ipv6)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    if made.sources is not None:
        made.sources.close()
    made.loop.close()


def test_the_first_table_has_the_names_of_all_sources(world: World) -> None:
    world.write(a="240.0.0.1")
    world.hosts.write_text("10.0.0.1 db\n")
    sources = world.start(str(world.file), hosts=(str(world.hosts),), records=("s.mesh=240.0.0.9",))
    table = world.table(1)
    assert [ips(table, name) for name in ("a.mesh", "db", "s.mesh")] == [
        ["240.0.0.1"],
        ["10.0.0.1"],
        ["240.0.0.9"],
    ]
    assert sources.waiting == ()
    assert (world.counts.reloads, world.counts.reload_errors) == (1, 0)


def test_without_any_source_there_is_an_empty_table_at_once(world: World) -> None:
    world.start()
    assert world.table(1).names == 0


def in_place(world: World) -> None:
    world.file.write_text(document(a="240.0.0.2"))


def renamed(world: World) -> None:
    world.write(a="240.0.0.2")


@pytest.mark.parametrize("change", [in_place, renamed])
def test_a_changed_file_gives_another_table(world: World, change: Callable[[World], None]) -> None:
    world.write(a="240.0.0.1")
    world.start(str(world.file))
    assert ips(world.table(1), "a.mesh") == ["240.0.0.1"]
    change(world)
    assert ips(world.table(2), "a.mesh") == ["240.0.0.2"]


def test_a_volume_of_kubernetes_gives_another_table(world: World) -> None:
    for number in (1, 2):
        (world.folder / f"..{number}").mkdir()
        text = document(a=f"240.0.0.{number}")
        (world.folder / f"..{number}" / "names.json").write_text(text)
    (world.folder / "..data").symlink_to("..1")
    world.file.symlink_to("..data/names.json")
    world.start(str(world.file))
    world.table(1)
    (world.folder / "..data_tmp").symlink_to("..2")
    (world.folder / "..data_tmp").rename(world.folder / "..data")
    assert ips(world.table(2), "a.mesh") == ["240.0.0.2"]


def test_a_broken_file_leaves_the_table_and_is_told_once_until_it_changes(world: World) -> None:
    world.write(a="240.0.0.1")
    sources = world.start(str(world.file))
    world.table(1)
    for number, text in enumerate(['{"rec', '{"rec', '{"records": 1}'], 1):
        world.file.write_text(text)
        world.until(lambda: world.counts.reload_errors == number)  # noqa: B023 - called at once
        assert world.said("reload-failed") == (1 if number < 3 else 2)
    world.file.unlink()
    world.until(lambda: world.counts.reload_errors == 4)
    assert "No such file" in sources.report.errors[0]
    assert len(world.tables) == 1
    world.write(a="240.0.0.1")
    world.until(lambda: world.said("reload-mended") == 1)
    assert sources.report.errors == ()
    world.write(a="240.0.0.2")
    world.table(2)


def test_what_is_touched_but_the_same_is_no_other_table(world: World) -> None:
    world.write(a="240.0.0.1")
    world.start(str(world.file))
    world.table(1)
    world.write(a="240.0.0.1")
    world.until(lambda: world.counts.reloads == 2)
    assert len(world.tables) == 1


def test_rapid_changes_become_few_tables(world: World) -> None:
    world.write(a="240.0.0.1")
    world.start(str(world.file))
    world.table(1)
    for number in range(100):
        world.write(a=f"240.0.1.{number}")
        world.loop.turn(0)
    world.until(lambda: ips(world.tables[-1], "a.mesh") == ["240.0.1.99"])
    assert world.counts.reloads <= 10


def test_changes_without_a_pause_do_not_keep_a_table_waiting(world: World) -> None:
    world.write(a="240.0.0.1")
    world.start(str(world.file))
    world.table(1)
    began = number = 0.0
    while len(world.tables) < 2:
        began = began or world.loop.now()
        number += 1
        world.write(a=f"240.1.{number // 256:.0f}.{number % 256:.0f}")
        world.loop.turn(0.01)
        assert world.loop.now() - began < 10
    assert number > 2


def test_names_that_cannot_be_used_are_told_once_each(world: World) -> None:
    world.write(a="240.0.0.1", bad="x")
    sources = world.start(str(world.file))
    world.table(1)
    assert world.said("name-left-out") == 1
    assert len(sources.served.violations) == 1
    world.write(a="240.0.0.2", bad="x")
    world.table(2)
    assert world.said("name-left-out") == 1
    world.write(a="240.0.0.2", bad="y", a_b="240.0.0.3", **{"a.b": "240.0.0.4"})
    world.table(3)
    assert world.said("name-left-out") == 2
    assert world.said("spelling-left-out") == 1


def test_a_file_that_is_not_there_yet_is_waited_for(world: World) -> None:
    world.hosts.write_text("10.0.0.1 db\n")
    sources = world.start(str(world.file), hosts=(str(world.hosts),))
    assert sources.waiting == (f"file {world.file}",)
    assert world.said("names-waited-for") == 1
    world.loop.turn(0.1)
    assert world.tables == []
    world.write(a="240.0.0.1")
    table = world.table(1)
    assert ips(table, "db") == ["10.0.0.1"]
    assert not sources.waiting


def test_it_is_not_waited_for_without_end(world: World) -> None:
    world.hosts.write_text("10.0.0.1 db\n")
    sources = world.start(str(world.file), hosts=(str(world.hosts),), patience=0.2)
    assert ips(world.table(1), "db") == ["10.0.0.1"]
    assert sources.waiting == (f"file {world.file}",)
    world.write(a="240.0.0.1")
    assert ips(world.table(2), "a.mesh") == ["240.0.0.1"]


def test_without_any_name_there_is_no_table_however_long_it_takes(world: World) -> None:
    world.start(str(world.file), patience=0.1)
    until = world.loop.now() + 0.4
    world.until(lambda: world.loop.now() > until)
    assert world.tables == []
    world.write(a="240.0.0.1")
    world.table(1)


def test_a_first_file_that_is_broken_gives_a_table_once_it_is_mended(world: World) -> None:
    world.file.write_text("{")
    world.start(str(world.file))
    world.until(lambda: world.counts.reload_errors == 1)
    world.write(a="240.0.0.1")
    world.table(1)


def test_a_reload_reads_what_is_there(world: World) -> None:
    world.write(a="240.0.0.1")
    sources = world.start(str(world.file))
    world.table(1)
    ended: list[int] = []
    sources.on_end = lambda: ended.append(1)
    sources.reload()
    world.until(lambda: bool(ended))
    assert world.counts.reloads == 2


def test_names_of_a_socket_are_waited_for_and_replaced(world: World) -> None:
    path = world.folder / "kuma.sock"
    world.write(a="240.0.0.1")
    sources = world.start(str(world.file), f"unix:{path}")
    assert sources.waiting == (f"socket {path}",)
    bodies = [document(p="240.0.0.2"), document(p="240.0.0.3")]
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        world.loop.on_readable(listener.fileno(), lambda: reply(listener, bodies))
        table = world.table(1)
        assert (ips(table, "a.mesh"), ips(table, "p.mesh")) == (["240.0.0.1"], ["240.0.0.2"])
        assert table.sources == (f"file {world.file}", f"socket {path}")
        assert ips(world.table(2), "p.mesh") == ["240.0.0.3"]
        world.loop.forget(listener.fileno())
    world.until(lambda: world.said("poll-failed") == 1)
    assert world.counts.reload_errors == 1
    world.write(a="240.0.0.9")
    table = world.table(3)
    assert (ips(table, "a.mesh"), ips(table, "p.mesh")) == (["240.0.0.9"], ["240.0.0.3"])
    os.unlink(path)  # noqa: PTH108 - of a socket
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        world.loop.on_readable(listener.fileno(), lambda: reply(listener, bodies))
        world.until(lambda: world.said("poll-mended") == 1)
        world.loop.forget(listener.fileno())


def reply(listener: socket.socket, bodies: list[str]) -> None:
    """Answer one question; the last document is given again and again."""
    connection, _ = listener.accept()
    connection.recv(4096)
    body = (bodies.pop(0) if len(bodies) > 1 else bodies[0]).encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    connection.close()
