"""A CNI plugin as a black box: any executable, an environment, standard input; what comes out.

``Caller`` is a machine that calls plugins, with its own /run, /etc and /var, so that logs and
records stay in memory.  Its first process is in the node's network namespace, plugins are called
in another one beside it, so that a test can tell the two apart.  It also makes pods: network
namespaces without a name, which it holds by a descriptor and ends with itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kuma_net.host.netlink_socket import NetlinkSocket
from kuma_net.netlink.nftables import list_tables
from kuma_net.netlink.tables import decode_table
from kuma_net.record import Record
from lab.bundle import launcher
from lab.host import Host, settle
from lab.system import (
    CLONE_NEWNET,
    CLONE_NEWPID,
    enter,
    mount,
    unshare,
    wish_death_of_orphan,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATIENCE = 30.0
"""Seconds after which a call of a plugin is given up."""


class Answered(Record):
    """How a plugin ended: exit code, its two outputs, and how many seconds it took."""

    code: int
    stdout: bytes
    stderr: str
    seconds: float

    @property
    def printed(self) -> dict[str, Any] | None:
        """The one JSON object on the standard output, None for nothing; all else is an error."""
        if not self.stdout:
            return None
        value = json.loads(self.stdout)
        assert isinstance(value, dict), self.stdout
        return value

    @property
    def error(self) -> dict[str, Any]:
        """The error object of a call that failed; ``code`` and ``msg`` are in it."""
        printed = self.printed
        assert self.code == 1, (self.code, self.stdout)
        assert printed is not None, self.stderr
        assert {"cniVersion", "code", "msg"} <= printed.keys() <= {*ERROR_KEYS}, printed
        return printed


ERROR_KEYS = ("cniVersion", "code", "msg", "details")


class Caller(Host):
    """A machine that calls plugins, and the pods it calls them for."""

    def __init__(self) -> None:
        """Make it, without any pod."""
        super().__init__("caller", _prepare)

    def ask(
        self, program: str | Sequence[str], environ: Mapping[str, str], stdin: bytes | None = b""
    ) -> Answered:
        """Run a plugin with exactly this environment; None: its input is never closed."""
        return self.call(ask_here, program, dict(environ), stdin)

    def ask_at_once(
        self, calls: Sequence[tuple[str, dict[str, str], bytes | None]]
    ) -> list[Answered]:
        """Run plugins at the same time; return how they ended, in the order of the calls."""
        return self.call(_ask_at_once, list(calls))

    def new_pod(self) -> str:
        """Make a network namespace and return the path to give as CNI_NETNS."""
        return self.call(_new_pod)

    def drop_pod(self, path: str) -> None:
        """Forget a pod: its namespace ends, the path leads nowhere."""
        self.call(os.close, int(path.rpartition("/")[2]))

    def tables(self, path: str) -> list[str]:
        """Return the names of all nf_tables tables in a pod."""
        return self.call(_tables, path)


@cache
def bundled() -> str:
    """Return the path of the self-contained plugin, built if need be."""
    return str(launcher())


def environ_of(verb: str, netns: str = "", **changes: str) -> dict[str, str]:
    """Return what a runtime's library puts into the environment; ``-`` takes a variable out."""
    whole = {
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": "c0ffee",
        "CNI_NETNS": netns,
        "CNI_IFNAME": "eth0",
        "CNI_PATH": "/opt/cni/bin",
        "CNI_ARGS": "K8S_POD_NAME=web;IgnoreUnknown=1;K8S_POD_NAMESPACE=shop",
    } | changes
    return {name: value for name, value in whole.items() if value != "-"}


def ask_here(
    program: str | Sequence[str], environ: dict[str, str], stdin: bytes | None
) -> Answered:
    """Run a plugin in this process's namespaces; ``program`` may be a whole command."""
    began = time.monotonic()
    with subprocess.Popen(
        [program] if isinstance(program, str) else program,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            if stdin is None:
                process.wait(PATIENCE)
            out, err = process.communicate(stdin, timeout=PATIENCE)
        finally:
            process.kill()
    took = time.monotonic() - began
    return Answered(process.returncode, out, err.decode(errors="replace"), took)


def _ask_at_once(calls: list[tuple[str, dict[str, str], bytes | None]]) -> list[Answered]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(lambda call: ask_here(*call), calls))


def _prepare() -> None:
    """Become the agent: two processes down, and in a network namespace beside the node's."""
    settle()
    unshare(CLONE_NEWPID)
    _live_below()  # the first process of the new process namespace: it stays in the node's network
    _live_below()
    unshare(CLONE_NEWNET)
    mount("proc", "/proc", "proc")
    mount("lab-var", "/var", "tmpfs", options="mode=0755,size=16m")
    for folder in ("/var/log", "/var/lib"):
        Path(folder).mkdir()


def _live_below() -> None:
    """Go on as a child of this process; this one waits for its end, and they end together."""
    told, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(told)
        os.write(tell, b"!")
        os.close(tell)
        os.waitpid(child, 0)
        os._exit(0)
    os.close(tell)
    wish_death_of_orphan(told)


def _new_pod() -> str:
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(CLONE_NEWNET)
        there = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        enter(here)
        os.close(here)
    return f"/proc/{os.getpid()}/fd/{there}"


def _tables(path: str) -> list[str]:
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(there)
        with NetlinkSocket() as kernel:
            return [decode_table(message).name for message in kernel.dump(list_tables())]
    finally:
        enter(here)
        os.close(here)
        os.close(there)
