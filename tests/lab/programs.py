"""Programs: ours as a person calls them in a host of the lab, and servers of others."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lab.host import run_here

if TYPE_CHECKING:
    from lab.host import Ended, Host

BIN = Path(sys.executable).parent
PROGRAMS = {
    "kuma-init": str(BIN / "kuma-init"),
    "kuma-dns": str(BIN / "kuma-dns"),
    "kuma-net": str(BIN / "kuma-net"),
    "kumactl": "/run/kumactl",
}
"""``kumactl`` is a link that ``link_kumactl`` makes in the host."""

SERVERS = (BIN.with_name("debian") / "bin", "/usr/sbin", "/lib/systemd", "/usr/lib/systemd")
"""Where servers are that nobody calls by hand; the first is what .ci/packages unpacks."""


def find_server(name: str) -> str | None:
    """Return the path of somebody else's server, None if this machine has none."""
    return shutil.which(name, path=os.pathsep.join(map(str, SERVERS)))


def run(host: Host, line: str, stdin: str = "", **environ: str) -> Ended:
    """Run a command line whose first word is the name of a program of ours."""
    return host.call(run_line_here, line, stdin, environ)


def run_line_here(line: str, stdin: str, environ: dict[str, str]) -> Ended:
    """Run a command line in this process's namespaces."""
    name, *words = line.split()
    return run_here((PROGRAMS[name], *words), stdin, environ)


def link_kumactl(host: Host) -> None:
    """Put our lean program at the path of ``kumactl``, as the init image does."""
    host.run(["ln", "-s", PROGRAMS["kuma-init"], PROGRAMS["kumactl"]])
