"""The process that undoes a change, in a network namespace of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_net.host.pending import ask
from kuma_net.host.watcher import AlreadyPending, start
from lab.agent import CallError
from lab.host import Host
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

UNDONE = "/run/undone"
LONG = 300.0


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host("host")
    yield made
    made.stop()


def undo() -> None:
    with Path(UNDONE).open("a", encoding="ascii") as file:
        file.write("undone\n")


def guard_here(seconds: float, then: str) -> list[int]:
    """Start a watcher and tell it something; return the ids of the processes in its session."""
    watcher = start(seconds, undo)
    if then == "arm":
        watcher.arm()
    if then == "dismiss":
        watcher.dismiss()
    return watchers_here()


def watchers_here() -> list[int]:
    """Return the processes that hold the watcher's socket in this network namespace."""
    found = []
    for line in Path("/proc/thread-self/net/unix").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if words[-1] == "@kuma-net/confirm" and words[3] == "00010000":
            found += _holders(words[6])
    return found


def _holders(inode: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                links = [str(link.readlink()) for link in (folder / "fd").iterdir()]
            except OSError:
                continue
            if f"socket:[{inode}]" in links:
                found.append(int(folder.name))
    return found


def undone_here() -> int:
    """Return how often the change was undone."""
    path = Path(UNDONE)
    return path.read_text(encoding="ascii").count("undone") if path.exists() else 0


def test_an_unconfirmed_change_is_undone_once(host: Host) -> None:
    host.call(guard_here, 0.2, "arm")
    assert eventually(lambda: host.call(undone_here) == 1)
    assert eventually(lambda: host.call(watchers_here) == [])
    assert host.call(ask, "status") is None
    assert host.call(undone_here) == 1


@pytest.mark.parametrize("word", ["confirm", "supersede"])
def test_a_confirmed_change_stays_and_its_watcher_goes(host: Host, word: str) -> None:
    host.call(guard_here, LONG, "arm")
    pending = host.call(ask, word)  # type: ignore[arg-type]  # one of the words
    assert pending is not None
    assert LONG - 60 < pending.seconds <= LONG
    assert eventually(lambda: host.call(watchers_here) == [])
    assert host.call(undone_here) == 0


def test_a_watcher_that_is_dismissed_undoes_nothing(host: Host) -> None:
    host.call(guard_here, LONG, "dismiss")
    assert eventually(lambda: host.call(watchers_here) == [])
    assert host.call(undone_here) == 0


def test_the_death_of_the_changing_process_does_not_stop_the_clock(host: Host) -> None:
    host.call(start_and_die_here, 0.3)
    assert eventually(lambda: host.call(undone_here) == 1)


def start_and_die_here(seconds: float) -> None:
    """Start a watcher from a process that is killed before it can say anything."""
    child = os.fork()
    if child == 0:
        start(seconds, undo)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)


def test_the_end_of_the_terminal_is_not_its_end_but_that_of_the_machine_undoes_at_once(
    host: Host,
) -> None:
    (watcher,) = host.call(guard_here, LONG, "arm")
    os.kill(watcher, signal.SIGHUP)
    os.kill(watcher, signal.SIGINT)
    assert host.call(ask, "status") is not None
    os.kill(watcher, signal.SIGTERM)
    assert eventually(lambda: host.call(undone_here) == 1)


def test_the_watcher_is_in_a_session_of_its_own_and_holds_none_of_our_files(host: Host) -> None:
    (watcher,) = host.call(guard_here, LONG, "arm")
    assert os.getsid(watcher) not in {os.getsid(0), host.pid, watcher}
    files = [str(link.readlink()) for link in Path(f"/proc/{watcher}/fd").iterdir()]
    assert files.count("/dev/null") >= 3
    assert [file for file in files if not file.startswith(("socket:", "/dev/null"))] == []
    assert str(Path(f"/proc/{watcher}/cwd").readlink()) == "/"


def test_two_changes_cannot_wait_at_once(host: Host) -> None:
    host.call(guard_here, LONG, "arm")
    with pytest.raises(CallError) as caught:
        host.call(guard_here, LONG, "arm")
    assert caught.value.kind == AlreadyPending.__name__
    assert "earlier change waits" in caught.value.message


def test_a_caller_that_says_nothing_sensible_is_not_served(host: Host) -> None:
    host.call(guard_here, LONG, "arm")
    assert host.call(say_here, b"frobnicate") == b""
    assert host.call(ask, "status") is not None


def say_here(words: bytes) -> bytes:
    """Say something to the watcher and return its answer."""
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(b"\0kuma-net/confirm")
        line.send(words)
        return line.recv(100)
