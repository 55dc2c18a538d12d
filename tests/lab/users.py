"""A host of the lab with users of its own: in a user namespace, as a runtime makes pods with one.

Its network namespace is made inside of that user namespace and so belongs to it.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from lab.agent import Agent
from lab.host import Host, settle
from lab.system import CLONE_NEWNET, CLONE_NEWUSER, die_with_parent, enter, unshare
from lab.topology import Lab, link_app

FIRST_OUTSIDE = 100_000
"""The machine's number of a host's user 0."""


class LabWithUsers(Lab):
    """A lab whose application's host has users of its own, so many of them."""

    def __init__(self, users: int) -> None:
        """Build it."""
        self._users = users
        super().__init__()

    def make(self, name: str) -> Host:
        """Make a host."""
        return Host(name, partial(settle_among, self._users) if name == "app" else None)

    def link(self) -> None:
        """Have somebody make the links who may do so at both of their ends."""
        linker = Agent("linker", partial(_go_to, self.app.pid))
        try:
            linker.call(link_app, self.remote.pid, self.guest.pid)
        finally:
            linker.stop()


def settle_among(users: int) -> None:
    """Furnish a host whose users are 0 to ``users - 1``; for others there is no number at all.

    The process that writes the maps must be in the parent's user namespace, so it is forked
    before this one leaves.
    """
    parent, me = os.getppid(), os.getpid()
    told, tell = os.pipe()
    writer = os.fork()
    if writer == 0:
        _write_maps(told, me, users)
    unshare(CLONE_NEWUSER)
    os.write(tell, b"x")
    _, status = os.waitpid(writer, 0)
    assert status == 0, "the maps could not be written"
    for pipe in (told, tell):
        os.close(pipe)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    die_with_parent(parent)
    settle()


def _go_to(pid: int) -> None:
    """Enter a process's network namespace for good."""
    descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    enter(descriptor, CLONE_NEWNET)
    os.close(descriptor)


def _write_maps(told: int, pid: int, users: int) -> None:
    status = 1
    try:
        os.read(told, 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{name}").write_text(f"0 {FIRST_OUTSIDE} {users}\n", encoding="ascii")
        status = 0
    finally:
        os._exit(status)
