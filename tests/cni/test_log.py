"""The plugin's log: lines of many processes in two files, and nothing that could stop an ADD."""

from __future__ import annotations

import json
import multiprocessing
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kuma_cni.plugin.log import LARGEST, LONGEST_FIELD, LONGEST_LINE, PluginLog
from kuma_cni.spec.netconf import Netconf

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = 10.0
"""Seconds after which something waits that must not."""


def log_to(file: Path | str, socket_path: Path | str = "", level: str = "debug") -> PluginLog:
    """Return a log that writes there."""
    return PluginLog(
        Netconf(log_level=level, log_file=str(file), log_socket=str(socket_path)), verb="ADD"
    )


def lines(file: Path) -> list[dict[str, Any]]:
    """Return the entries of a log file."""
    return [json.loads(line) for line in file.read_text(encoding="ascii").splitlines()]


def test_a_line_has_time_level_event_and_fields(tmp_path: Path) -> None:
    file = tmp_path / "cni.log"
    before = time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
    log_to(file).info("captured", pod="web", took_ms=3, again=True, none=None, families=("4", "6"))
    (entry,) = lines(file)
    assert list(entry)[:3] == ["time", "level", "event"]
    assert entry.pop("time") >= before
    assert entry == {
        "level": "info",
        "event": "captured",
        "verb": "ADD",
        "pod": "web",
        "took_ms": 3,
        "again": True,
        "none": None,
        "families": "('4', '6')",
    }
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        (" INFO ", ["info", "warning", "error"]),
        ("", ["info", "warning", "error"]),
        ("verbose", ["info", "warning", "error"]),
        ("warn", ["warning", "error"]),
        ("error", ["error"]),
        ("off", []),
    ],
)
def test_what_is_less_grave_than_the_level_is_left_out(
    tmp_path: Path, level: str, written: list[str]
) -> None:
    file = tmp_path / "cni.log"
    log = log_to(file, level=level)
    for tell in (log.debug, log.info, log.warning, log.error):
        tell("something")
    assert [entry["level"] for entry in (lines(file) if file.exists() else [])] == written


def test_the_folder_is_made_if_only_it_is_missing(tmp_path: Path) -> None:
    log_to(tmp_path / "kuma-net" / "cni.log").info("x")
    assert len(lines(tmp_path / "kuma-net" / "cni.log")) == 1
    log_to(tmp_path / "a" / "b" / "cni.log").info("x")
    assert not (tmp_path / "a").exists()


def test_long_and_odd_texts_are_cut_and_escaped(tmp_path: Path) -> None:
    file = tmp_path / "cni.log"
    log = log_to(file)
    log.info("x", long="y" * 100_000, odd='a"\n\0\ud800\u2028')
    log.info("x", **{f"field{number}": "z" * LONGEST_FIELD for number in range(10)})
    first, second = lines(file)
    assert len(first["long"]) == LONGEST_FIELD + 3
    assert first["odd"] == 'a"\n\0\ud800\u2028'
    assert "cut" in second
    assert max(map(len, file.read_bytes().split(b"\n"))) < LONGEST_LINE


class Unprintable:
    """A value whose text cannot be had."""

    def __str__(self) -> str:
        """Refuse."""
        raise RuntimeError


def test_a_value_without_text_costs_its_line_and_nothing_else(tmp_path: Path) -> None:
    log = log_to(tmp_path / "cni.log")
    log.info("x", value=Unprintable())
    log.info("y")
    assert [entry["event"] for entry in lines(tmp_path / "cni.log")] == ["y"]


def _write_many(file: Path, name: int, count: int) -> None:
    log = log_to(file)
    for number in range(count):
        log.info("x", process=name, number=number, padding="p" * 100)


def test_processes_at_once_lose_no_line_and_rotate_once(tmp_path: Path) -> None:
    """8 x 900 lines of some 200 bytes: more than one file holds, less than two."""
    file = tmp_path / "cni.log"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_many, args=(file, name, 900)) for name in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    older, newer = lines(tmp_path / "cni.log.1"), lines(file)
    found = {(entry["process"], entry["number"]) for entry in older + newer}
    assert found == {(name, number) for name in range(8) for number in range(900)}
    assert len(older) + len(newer) == 8 * 900
    assert LARGEST * 0.9 < (tmp_path / "cni.log.1").stat().st_size < LARGEST + 8 * LONGEST_LINE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cni.log", "cni.log.1"]


def test_two_files_are_all_there_ever_is(tmp_path: Path) -> None:
    file = tmp_path / "cni.log"
    log = log_to(file)
    for _ in range(1000):
        log.info("x", **dict.fromkeys("abc", "z" * LONGEST_FIELD))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cni.log", "cni.log.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * LARGEST


def test_who_finds_the_full_file_locked_writes_into_it(tmp_path: Path) -> None:
    import fcntl

    file = tmp_path / "cni.log"
    file.write_bytes(b"x" * LARGEST)
    with file.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        log_to(file).info("y")
    assert file.stat().st_size > LARGEST
    assert not (tmp_path / "cni.log.1").exists()
    log_to(file).info("z")
    assert [entry["event"] for entry in lines(file)] == ["z"]


def test_a_file_that_cannot_be_rotated_has_an_end_too(tmp_path: Path) -> None:
    file = tmp_path / "cni.log"
    (tmp_path / "cni.log.1").mkdir()
    file.write_bytes(b"x" * (2 * LARGEST - 1000))
    log = log_to(file)
    for _ in range(100):
        log.info("x")
    assert 2 * LARGEST - 1000 < file.stat().st_size <= 2 * LARGEST


def in_time(work: Callable[[], None]) -> None:
    """Do something in a child, and see it end: it must not wait for anybody."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(AT_ONCE)
    child.kill()
    child.join()
    assert child.exitcode == 0


def test_a_fifo_in_place_of_the_file_holds_nobody_up(tmp_path: Path) -> None:
    fifo = tmp_path / "cni.log"
    os.mkfifo(fifo)
    in_time(lambda: log_to(fifo).info("x"))
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    in_time(lambda: log_to(fifo).info("x"))
    assert os.read(reader, 1) == b""
    os.close(reader)


@pytest.mark.parametrize("kind", ["link", "hard link", "folder", "stranger's"])
def test_what_somebody_planted_is_not_written_to(tmp_path: Path, kind: str) -> None:
    target, file = tmp_path / "target", tmp_path / "cni.log"
    target.write_text("precious", encoding="ascii")
    match kind:
        case "link":
            file.symlink_to(target)
        case "hard link":
            file.hardlink_to(target)
        case "folder":
            file.mkdir()
        case _:
            target = file
            file.write_text("precious", encoding="ascii")
            os.chown(file, 1000, 1000)
    log_to(file).error("x")
    assert target.read_text(encoding="ascii") == "precious"


def test_rotation_replaces_a_planted_link_and_does_not_follow_it(tmp_path: Path) -> None:
    target, file = tmp_path / "target", tmp_path / "cni.log"
    target.write_text("precious", encoding="ascii")
    (tmp_path / "cni.log.1").symlink_to(target)
    file.write_bytes(b"x" * LARGEST)
    log_to(file).info("y")
    assert target.read_text(encoding="ascii") == "precious"
    assert (tmp_path / "cni.log.1").stat().st_size == LARGEST


def test_the_installer_hears_every_line(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "cni.sock"))
        server.settimeout(5)
        log_to("", tmp_path / "cni.sock").info("captured", pod="web")
        assert json.loads(server.recv(65536))["pod"] == "web"


def test_a_socket_that_nobody_empties_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "cni.sock"))
        log = log_to(tmp_path / "cni.log", tmp_path / "cni.sock")

        def talk() -> None:
            for _ in range(1000):
                log.info("x", padding="y" * 500)

        in_time(talk)
    assert len(lines(tmp_path / "cni.log")) == 1000


@pytest.mark.parametrize("kind", ["nothing", "file", "folder", "nobody listens", "too long"])
def test_where_no_socket_is_nothing_happens(tmp_path: Path, kind: str) -> None:
    place = tmp_path / ("s" * 200 if kind == "too long" else "cni.sock")
    match kind:
        case "file":
            place.write_bytes(b"")
        case "folder":
            place.mkdir()
        case "nobody listens":
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
                gone.bind(str(place))
    log_to(tmp_path / "cni.log", place).info("x")
    assert len(lines(tmp_path / "cni.log")) == 1


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    log = log_to(tmp_path / "cni.log", tmp_path / "cni.sock")
    (tmp_path / "planted").symlink_to("/etc/passwd")
    for _ in range(20):
        log.info("x")
        log_to(tmp_path / "planted").info("x")
        log_to(tmp_path).info("x")
        log_to("/dev/null").info("x")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
