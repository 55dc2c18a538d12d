"""``kuma-dns serve`` on a host of the lab, as the sidecar's user, and the names it serves.

What surprised us: a process that changes its user forgets that it wished to die with its parent
(prctl(2)), and kuma-dns drops privileges itself.  So it lives in a PID namespace, which the
kernel empties when its first process ends; that one never changes its user.
"""

from __future__ import annotations

import json
import os
import time
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from lab.host import fork_here, read_here, write_here
from lab.processes import descendants
from lab.programs import PROGRAMS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.host import Host

DOCUMENT = "/run/lab/names.json"
LOG = "/run/lab/kuma-dns.log"
READY_WITHIN = 20.0
"""Seconds; 0.4 on an idle machine."""
HTTP = ("127.0.0.1", 19153)
"""Where it tells its state by default."""

KEEPER = ("unshare", "--pid", "--fork", "--kill-child", "--", "sh", "-c", '"$@"; exit $?', "sh")
"""Words before a program that run it in a PID namespace; sh stays there, as first process."""


def document(names: Mapping[str, Sequence[str]], ttl: int = 30) -> str:
    """Return Kuma's DNS document of some names and their addresses."""
    records = [{"name": name, "ips": list(ips)} for name, ips in sorted(names.items())]
    return json.dumps({"records": records, "ttl": ttl, "extraLabels": {}})


def start(host: Host, names: Mapping[str, Sequence[str]], *options: str) -> int:
    """Serve names on a host and wait until it is ready; return the server's pid.

    Raises TimeoutError or ChildProcessError, with what it said.
    """
    return host.call(_start_here, document(names), options)


def _start_here(names: str, options: tuple[str, ...]) -> int:
    write_here(DOCUMENT, names)
    words = (PROGRAMS["kuma-dns"], "serve", f"--names={DOCUMENT}", *options)
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    keeper = fork_here(partial(_exec, (*KEEPER, *words), log))
    os.close(log)
    _await_ready(keeper)
    # sh, then the server.
    return descendants(keeper)[1]


def _exec(words: tuple[str, ...], log: int) -> None:
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execvp(words[0], words)  # noqa: S606 - no shell is wanted


def _await_ready(keeper: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while status("/ready") != 200:
        if os.waitpid(keeper, os.WNOHANG)[0]:
            raise ChildProcessError(f"kuma-dns ended: {read_here(LOG)[-2000:]}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"kuma-dns is not ready: {read_here(LOG)[-2000:]}")
        time.sleep(0.02)


def status(path: str) -> int:
    """Return the status with which it answers a GET on this host, 0 while it does not."""
    connection = HTTPConnection(*HTTP, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (HTTPException, OSError):
        return 0
    finally:
        connection.close()


def problems_here() -> list[str]:
    """Return the lines of its log about what it did not expect to meet."""
    return [line for line in read_here(LOG).splitlines() if '"event": "problem"' in line]
