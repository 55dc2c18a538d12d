"""Sources of names that are broken in every way: the names that were there are served on.

Each kind of trouble is counted at every attempt and logged once, and is over as soon as the
source is in order again.
"""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from lab.dns_asking import says
from lab.dns_server import DnsServer
from lab.hostile_names import NamesSocket, chunked, document, response
from lab.processes import descendants, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

GIGABYTE = 1 << 30
DEEP = 1_000_000
OLD, NEW = "240.0.0.1", "240.0.0.2"
GOOD = document(here=OLD)
NO_UPSTREAM = "--resolv-conf=/nonexistent"
ERRORS = "kuma_dns_reload_errors_total"


def write(path: Path, text: str | bytes) -> None:
    """Replace a file as a whole, whatever is in its place."""
    new = path.with_suffix(".new")
    new.write_bytes(text.encode() if isinstance(text, str) else text)
    if path.is_dir():
        path.rmdir()
    new.rename(path)


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def make_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def make_huge(path: Path) -> None:
    with path.with_suffix(".new").open("wb") as file:
        file.truncate(GIGABYTE)
    path.with_suffix(".new").rename(path)


FILES: dict[str, Callable[[Path], object]] = {
    "unreadable": lambda path: path.chmod(0),
    "written in half": lambda path: write(path, GOOD[: len(GOOD) // 2]),
    "empty": lambda path: write(path, ""),
    "no JSON": lambda path: write(path, "here.mesh 240.0.0.9"),
    "another JSON": lambda path: write(path, "[1, 2, 3]"),
    "without records": lambda path: write(path, '{"ttl": 30}'),
    "not UTF-8": lambda path: write(path, b"\xff\xfe" + GOOD.encode("utf-16-le")),
    "nested deeply": lambda path: write(path, "[" * DEEP),
    "nested deeply in records": lambda path: write(path, '{"records":' + '{"a":' * DEEP),
    "a number of a million digits": lambda path: write(path, '{"records":[],"ttl":' + "9" * DEEP),
    "a directory": make_directory,
    "a FIFO": make_fifo,
    "a link to itself": make_loop,
    "a sparse gigabyte": make_huge,
    "removed": lambda path: path.unlink(),
}
"""What becomes of a file of names."""


def put_back(path: Path, text: str) -> None:
    """Put a file in order."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    write(path, text)


def fails_beyond(server: DnsServer, count: float) -> bool:
    """Whether more attempts than that come to have failed."""
    return eventually(lambda: server.metric(ERRORS) > count)


def comes_to_say(server: DnsServer, name: str, address: str) -> bool:
    """Whether the server comes to answer with an address."""
    return eventually(lambda: says(server.port, name) == f"NOERROR {address}")


def test_a_broken_file_changes_no_name_and_is_told_once(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    write(path, document(here=OLD))
    with DnsServer(tmp_path, f"--names={path}", NO_UPSTREAM, "--log-sample=10000/1") as server:
        server.await_ready()
        served = OLD
        for state, break_it in FILES.items():
            failures, counted = len(server.events("reload-failed")), server.metric(ERRORS)
            break_it(path)
            assert fails_beyond(server, counted), state
            server.tell(signal.SIGHUP)  # another attempt at the same
            assert fails_beyond(server, counted + 1), state
            assert len(server.events("reload-failed")) == failures + 1, state
            assert says(server.port, "here.mesh") == f"NOERROR {served}", state
            served = NEW if served == OLD else OLD
            put_back(path, document(here=served))
            assert comes_to_say(server, "here.mesh", served), state
        assert server.memory() < 60 << 20


@pytest.mark.parametrize("state", ["unreadable", "written in half", "a FIFO", "nested deeply"])
def test_a_file_that_is_broken_at_the_start_is_served_once_it_is_mended(
    tmp_path: Path, state: str
) -> None:
    path = tmp_path / "names.json"
    write(path, document(here=OLD))
    FILES[state](path)
    with DnsServer(tmp_path, f"--names={path}", NO_UPSTREAM) as server:
        assert eventually(lambda: len(server.events("reload-failed")) == 1)
        assert server.get("/ready")[0] == 503
        assert says(server.port, "elsewhere.example") == "SERVFAIL 22"
        put_back(path, document(here=NEW))
        # Held back until the names are there: no application is told that there is no such name.
        assert says(server.port, "here.mesh") == f"NOERROR {NEW}"
        server.await_ready()


def test_the_death_of_the_process_that_makes_the_table_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    write(path, GOOD)
    with DnsServer(tmp_path, f"--names={path}", NO_UPSTREAM) as server:
        server.await_ready()
        long = {f"n{number}": "240.1.0.1" for number in range(30_000)}
        write(path, document(here=NEW, **long))
        assert eventually(lambda: descendants(server.pid) != [])
        assert eventually(lambda: kill_all(descendants(server.pid)) and bool(server.metric(ERRORS)))
        assert says(server.port, "here.mesh") == f"NOERROR {OLD}"
        assert len(server.events("reload-failed")) == 1
        assert eventually(lambda: descendants(server.pid) == [])
        write(path, document(here=NEW))
        assert comes_to_say(server, "here.mesh", NEW)


def kill_all(pids: list[int]) -> bool:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return True


# --- unix sockets -------------------------------------------------------------------------------

BODY = document(other=OLD)
SOCKETS: dict[str, bytes | None] = {
    "hangs": None,
    "closes at once": b"",
    "closes within the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "closes halfway": response(BODY)[:-5],
    "speaks no HTTP": b"\xff" * 3000,
    "has an endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000,
    "says 500": response("no", "500 Internal Server Error"),
    "says 404": response(BODY, "404 Not Found"),
    "sends another JSON": response("[1, 2]"),
    "sends half of it": response(BODY[:-9]),
    "nests deeply": response("[" * DEEP),
    "lies about the length": response(BODY).replace(b"Content-Length: ", b"Content-Length: 9"),
    "breaks a chunk off": chunked(BODY, 7)[:-20],
    "has a chunk of a wrong size": chunked(BODY, 7).replace(b"\r\n7\r\n", b"\r\nffffffffff\r\n"),
    "announces a gigabyte": b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n{",
}
"""What those who hand names out may do wrong."""


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[dict[str, NamesSocket]]:
    """Return a socket for each deed, with a name of its own, in order so far."""
    with ExitStack() as stack:
        yield {
            deed: stack.enter_context(
                NamesSocket(tmp_path / f"{number}.sock", response(document(**{name_of(deed): OLD})))
            )
            for number, deed in enumerate(SOCKETS)
        }


def name_of(deed: str) -> str:
    return deed.replace(" ", "-").lower()


def test_broken_sockets_change_no_name_and_are_told_once(
    tmp_path: Path, sockets: dict[str, NamesSocket]
) -> None:
    options = [f"--names=unix:{one.path}" for one in sockets.values()]
    with DnsServer(tmp_path, *options, NO_UPSTREAM, "--log-sample=10000/1") as server:
        server.await_ready()
        for deed, one in sockets.items():
            one.say = SOCKETS[deed]
            one.asked.clear()
        patient = sockets["hangs"]  # is given up after ten seconds only
        others = [one for one in sockets.values() if one is not patient]
        assert eventually(
            lambda: all(len(one.asked) >= 2 for one in others) and bool(patient.asked)
        )
        for deed in sockets:
            assert says(server.port, f"{name_of(deed)}.mesh") == f"NOERROR {OLD}", deed
        told = [event["source"] for event in server.events("poll-failed")]
        assert len(told) == len(set(told))
        assert server.metric(ERRORS) >= len(told)
        for deed, one in sockets.items():
            one.say = chunked(document(**{name_of(deed): NEW}), 1)
        for deed in set(sockets) - {"hangs"}:
            assert comes_to_say(server, f"{name_of(deed)}.mesh", NEW), deed
        assert server.memory() < 60 << 20


FIRST = {
    "says 500": response("no", "500 Internal Server Error"),
    "says 304 to whom it has told nothing": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "closes at once": b"",
    "speaks no HTTP": b"\xff" * 3000,
}


@pytest.mark.parametrize("deed", FIRST)
def test_a_socket_that_never_answers_well_is_told_once(tmp_path: Path, deed: str) -> None:
    with (
        NamesSocket(tmp_path / "names.sock", FIRST[deed]) as one,
        DnsServer(tmp_path, f"--names=unix:{one.path}", NO_UPSTREAM) as server,
    ):
        assert eventually(lambda: len(one.asked) >= 4)
        assert len(server.events("poll-failed")) == 1
        assert server.metric(ERRORS) == 1
        one.say = response(document(here=NEW))
        assert says(server.port, "here.mesh") == f"NOERROR {NEW}"


def test_what_has_not_changed_is_asked_for_by_its_name(tmp_path: Path) -> None:
    say = response(GOOD, "200 OK", 'ETag: "one"')
    with (
        NamesSocket(tmp_path / "names.sock", say) as one,
        DnsServer(tmp_path, f"--names=unix:{one.path}", NO_UPSTREAM) as server,
    ):
        server.await_ready()
        one.say = b"HTTP/1.1 304 Not Modified\r\n\r\n"
        one.asked.clear()
        assert eventually(lambda: len(one.asked) >= 2)
        assert b'If-None-Match: "one"' in one.asked[-1]
        assert says(server.port, "here.mesh") == f"NOERROR {OLD}"
        assert server.events("poll-failed") == []
