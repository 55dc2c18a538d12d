"""Words to the watcher of a pending change, and who may say them."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from kuma_net.errors import HostError
from kuma_net.host.pending import NAME, ask
from kuma_net.host.watcher import start
from lab.agent import CallError
from lab.host import Host, call_as

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 300.0


@pytest.fixture
def host() -> Iterator[Host]:
    made = Host("host")
    yield made
    made.stop()


def guard_here() -> None:
    """Start a watcher that has nothing to undo."""
    start(LONG, lambda: None).arm()


def test_asking_for_the_status_changes_nothing(host: Host) -> None:
    assert host.call(ask, "status") is None
    host.call(guard_here)
    for _ in range(3):
        assert host.call(ask, "status") is not None


def test_another_user_can_neither_confirm_nor_stand_in_for_the_watcher(host: Host) -> None:
    host.call(guard_here)
    with pytest.raises(CallError, match="for user id 0 to confirm"):
        host.call(call_as, 1000, ask, "confirm")
    assert host.call(call_as, 1000, ask, "status") is None
    assert host.call(ask, "confirm") is not None


def test_a_name_that_a_stranger_holds_is_refused_in_words(host: Host) -> None:
    host.call(squat_here)
    assert host.call(ask, "supersede") is None
    with pytest.raises(CallError) as caught:
        host.call(guard_here)
    assert caught.value.kind == HostError.__name__
    assert "cannot wait for a confirmation" in caught.value.message


def squat_here() -> None:
    """Take the watcher's name as user 1000, for as long as this host lives."""
    import socket

    ready, bound = os.pipe()
    if os.fork():
        os.read(ready, 1)
        return
    os.setresuid(1000, 1000, 1000)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    line.bind(NAME)
    line.listen(8)
    os.write(bound, b"!")
    signal.pause()
