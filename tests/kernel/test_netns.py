"""Entering network namespaces of a real kernel, and coming back."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_net.host.netns import entered, identity
from lab.agent import CallError
from lab.host import Host, call_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.host.netns import NamespaceId


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a host with a network namespace of its own."""
    made = Host("host")
    yield made
    made.stop()


def test_a_namespace_is_entered_by_process_and_by_path(host: Host) -> None:
    own, theirs = identity(), host.call(identity)
    assert own != theirs
    with entered(host.pid):
        assert identity() == theirs
    with entered(f"/proc/{host.pid}/ns/net"):
        assert identity() == theirs
    assert identity() == own


def test_an_error_inside_leads_back_too(host: Host) -> None:
    own = identity()
    with pytest.raises(ZeroDivisionError), entered(host.pid):
        raise ZeroDivisionError
    assert identity() == own


def test_namespaces_nest(host: Host) -> None:
    own, other = identity(), Host("other")
    with entered(host.pid):
        with entered(other.pid):
            assert identity() == other.call(identity)
        assert identity() == host.call(identity)
    assert identity() == own
    other.stop()


def test_only_the_calling_thread_moves(host: Host) -> None:
    own = identity()
    seen: list[NamespaceId] = []
    inside, looked = threading.Event(), threading.Event()

    def look() -> None:
        inside.wait()
        seen.append(identity())
        looked.set()

    watcher = threading.Thread(target=look)
    watcher.start()
    with entered(host.pid):
        inside.set()
        looked.wait()
    watcher.join()
    assert seen == [own]


def descriptors() -> list[str]:
    return sorted(entry.name for entry in Path("/proc/self/fd").iterdir())


def test_no_descriptor_is_left_open(host: Host) -> None:
    before = descriptors()
    for _ in range(3):
        with entered(host.pid):
            pass
    assert descriptors() == before


def enter_here(pid: int) -> None:
    with entered(pid):
        pass


def test_without_the_capability_that_is_told(host: Host) -> None:
    with pytest.raises(CallError, match="needs CAP_SYS_ADMIN"):
        call_as(1000, enter_here, host.pid)
