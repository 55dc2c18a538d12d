"""A machine of the lab: an agent in a network and a mount namespace of its own.

Its ``/run`` and ``/etc`` are its own too: both are file systems in memory that end with the
namespace.  ``/etc`` shows the real one (read-only, through links) but for the files that tests
write: accounts, name servers, firewalld's folder.  So a test may name users and name servers,
and iptables' lock file never meets that of the machine.
"""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kuma_net.record import Record
from lab.agent import Agent, P, T
from lab.system import (
    CLONE_NEWNET,
    CLONE_NEWNS,
    MS_BIND,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    die_with_parent,
    mount,
    unshare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SIDECAR = 5678
WORKLOAD = 1000

ETC = {
    "passwd": (
        "root:x:0:0:root:/root:/bin/sh\n"
        "init:x:1234:1234::/nonexistent:/usr/sbin/nologin\n"
        f"workload:x:{WORKLOAD}:{WORKLOAD}::/nonexistent:/usr/sbin/nologin\n"
        f"kuma-dp:x:{SIDECAR}:{SIDECAR}::/nonexistent:/usr/sbin/nologin\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    ),
    "group": f"root:x:0:\nworkload:x:{WORKLOAD}:\nkuma-dp:x:{SIDECAR}:\nnogroup:x:65534:\n",
    "resolv.conf": (
        "nameserver 192.0.2.53\nnameserver 2001:db8:53::53\noptions timeout:1 attempts:1\n"
    ),
}
"""The files of /etc that a host of the lab has for itself, as it starts."""

REAL_ETC = "/run/lab/etc"
PERSONAL = ("SSH_", "KUMA_", "XTABLES_")
"""Beginnings of environment variables that change what our programs do."""


class Ended(Record):
    """How a program ended: exit status (negative: a signal), and what it printed."""

    status: int
    stdout: str
    stderr: str


class Host(Agent):
    """A machine of the lab, ready for calls: root, its own network without any link but lo."""

    def __init__(self, name: str, prepare: Callable[[], None] | None = None) -> None:
        """Make the namespaces; they end with this object's ``stop`` or with this process.

        ``prepare`` makes and furnishes them; ``settle`` unless given.
        """
        super().__init__(name, prepare or settle)

    @property
    def netns(self) -> str:
        """The path of its network namespace."""
        return f"/proc/{self.pid}/ns/net"

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str = "",
        environ: Mapping[str, str] | None = None,
        check: bool = True,
    ) -> Ended:
        """Run a program to its end there; raises CallError if ``check`` and its status is not 0."""
        ended = self.call(run_here, tuple(argv), stdin, dict(environ or {}))
        if check and ended.status != 0:
            raise AssertionError(f"{' '.join(argv)} ended with {ended.status}: {ended.stderr}")
        return ended

    def write(self, path: str, text: str) -> None:
        """Write a file as that host sees it."""
        self.call(write_here, path, text)

    def read(self, path: str) -> str:
        """Return the text of a file as that host sees it."""
        return self.call(read_here, path)

    def sysctl(self, name: str, value: str) -> None:
        """Set a sysctl of that network namespace, such as ``net.ipv4.ip_forward``."""
        self.write("/proc/sys/" + name.replace(".", "/"), value)


def settle() -> None:
    """Have this process enter the namespaces of a host, and furnish them."""
    unshare(CLONE_NEWNET | CLONE_NEWNS)
    mount("none", "/", "none", MS_REC | MS_PRIVATE)
    mount("lab-run", "/run", "tmpfs", options="mode=0755,size=64m")
    _own_etc()
    for name, value in (
        # Duplicate address detection would keep addresses unusable for a second or two.
        ("net.ipv6.conf.all.accept_dad", "0"),
        ("net.ipv6.conf.default.accept_dad", "0"),
        ("net.ipv4.conf.all.rp_filter", "0"),
        ("net.ipv4.conf.default.rp_filter", "0"),
        ("net.ipv6.conf.all.disable_ipv6", "0"),
        ("net.ipv6.conf.default.disable_ipv6", "0"),
        # A name server of the lab is not root.
        ("net.ipv4.ip_unprivileged_port_start", "0"),
    ):
        write_here("/proc/sys/" + name.replace(".", "/"), value)


def _own_etc() -> None:
    Path(REAL_ETC).mkdir(parents=True)
    mount("/etc", REAL_ETC, "none", MS_BIND)
    mount("none", REAL_ETC, "none", MS_REMOUNT | MS_BIND | MS_RDONLY)
    mount("lab-etc", "/etc", "tmpfs", options="mode=0755,size=16m")
    for real in Path(REAL_ETC).iterdir():
        if real.name not in ETC and real.name != "firewalld":
            Path("/etc", real.name).symlink_to(real)
    Path("/etc/firewalld").mkdir()
    for name, text in ETC.items():
        Path("/etc", name).write_text(text, encoding="utf-8")


def run_here(argv: tuple[str, ...], stdin: str, environ: dict[str, str]) -> Ended:
    """Run a program to its end in this process's namespaces, 50 s at most.

    The person's own session and settings are kept from it: the lab is another machine.
    """
    kept = {name: text for name, text in os.environ.items() if not name.startswith(PERSONAL)}
    ended = subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
        env=kept | environ,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def write_here(path: str, text: str) -> None:
    """Write a text file."""
    Path(path).write_text(text, encoding="utf-8")


def read_here(path: str) -> str:
    """Return a file's text."""
    return Path(path).read_text(encoding="utf-8")


def fork_here(work: Callable[[], None], *, uid: int = 0, gid: int = 0) -> int:
    """Fork a child that changes to the user and group, runs ``work`` and ends; return its pid.

    The child dies with this process.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        become(uid, gid)
        die_with_parent(parent)
        work()
        status = 0
    finally:
        os._exit(status)


def become(uid: int, gid: int) -> None:
    """Change this process to a user and group for good, as ``setpriv`` does."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def call_as(uid: int, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function in a process of its own that has become a user; return what it returns."""
    process = Agent(f"user {uid}", partial(_become_and_stay, uid))
    try:
        return process.call(function, *args, **kwargs)
    finally:
        process.stop()


def _become_and_stay(uid: int) -> None:
    parent = os.getppid()
    become(uid, uid)
    die_with_parent(parent)
