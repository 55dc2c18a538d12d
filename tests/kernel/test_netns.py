"""Entering network namespaces of a real kernel, and coming back."""

from __future__ import annotations

import os
import socket
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_net.host.netns import entered, identity, may_enter
from lab.agent import CallError
from lab.host import Host, call_as
from lab.system import MS_BIND, mount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.host.netns import NamespaceId

SO_NETNS_COOKIE = 71
"""include/uapi/asm-generic/socket.h (Linux 5.14)."""


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
    with entered(host.netns):
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


def test_without_proc_the_way_back_is_found_too(host: Host) -> None:
    there = host.pid
    other = Host("other")
    try:
        assert other.call(went_and_returned, there)
    finally:
        other.stop()


def went_and_returned(pid: int) -> bool:
    """Enter a process's network from where there is no /proc; whether this thread came back."""
    theirs = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    before = cookie()
    Path("/run/there").touch()
    mount(f"/proc/self/fd/{theirs}", "/run/there", "none", MS_BIND)
    mount("nothing", "/proc", "tmpfs")
    with entered("/run/there"):
        assert cookie() != before
    return cookie() == before


def cookie() -> int:
    """Return the number of this thread's network namespace: SO_NETNS_COOKIE of a new socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        number: int = struct.unpack("=Q", one.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8))[0]
    return number


def test_whether_namespaces_may_be_entered_is_tried_with_our_own(host: Host) -> None:
    before = host.call(identity)
    assert host.call(may_enter)
    assert host.call(identity) == before
    assert not host.call(call_as, 1000, may_enter)
