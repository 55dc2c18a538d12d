"""systemd-resolved on a host of the lab: the stub at 127.0.0.53 that desktops and servers ask.

It runs without D-Bus and is told its server by a file below /run.  It listens at two addresses,
127.0.0.53 and 127.0.0.54, and drops to a user of its own, so it lives in a PID namespace as
kuma-dns does (``lab.resolver``).
"""

from __future__ import annotations

import os
import socket
from functools import partial
from pathlib import Path

from lab.host import fork_here, read_here, write_here
from lab.processes import eventually
from lab.resolver import KEEPER

STUB = "127.0.0.53"
LOG = "/run/lab/resolved.log"
_ACCOUNT, _UID = "systemd-resolve", 991
_CONF = """[Resolve]
DNS={server}
FallbackDNS=
Domains=~.
LLMNR=no
MulticastDNS=no
DNSSEC=no
DNSOverTLS=no
"""


def start_here(program: str, server: str) -> int:
    """Run it here with one server, ``address:port``, and wait until it listens."""
    folder = Path("/run/systemd/resolve")
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, _UID, _UID)
    Path("/run/systemd/resolved.conf.d").mkdir(exist_ok=True)
    write_here("/run/systemd/resolved.conf.d/lab.conf", _CONF.format(server=server))
    _add(Path("/etc/passwd"), f"{_ACCOUNT}:x:{_UID}:{_UID}::/:/usr/sbin/nologin")
    _add(Path("/etc/group"), f"{_ACCOUNT}:x:{_UID}:")
    Path(LOG).parent.mkdir(exist_ok=True)
    keeper = fork_here(partial(_exec, program))
    if not eventually(_listens):
        raise TimeoutError(f"systemd-resolved does not listen: {read_here(LOG)[-2000:]}")
    return keeper


def _add(file: Path, line: str) -> None:
    text = file.read_text(encoding="utf-8")
    if line not in text:
        file.write_text(f"{text}{line}\n", encoding="utf-8")


def _exec(program: str) -> None:
    log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    words = (*KEEPER, program)
    os.execvp(words[0], words)  # noqa: S606 - no shell is wanted


def _listens() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
        return one.connect_ex((STUB, 53)) == 0
