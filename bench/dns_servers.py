"""The servers that are measured, each set up as well as it can be for what is asked of it.

unbound: one thread; the names as local data of a static zone; a forward zone for all else; no
validation (``module-config: iterator``), no prefetch, no statistics, no limits on how fast it
may ask its one upstream server; caches larger than needed.  dnsmasq: the names as a hosts file,
its cache as large as it goes with profit (10,000), as many forwarded queries as ours.  Both run
in the foreground, as root, without a log, and with the socket buffers the kernel gives them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from measuring import BIN, PROGRAMS

OURS, UNBOUND, DNSMASQ = "kuma-dns", "unbound", "dnsmasq"
PORTS = {OURS: 15053, UNBOUND: 15054, DNSMASQ: 15055}
UPSTREAM_PORT = 15056
TICKS = os.sysconf("SC_CLK_TCK")

UNBOUND_CONF = """server:
  interface: 127.0.0.1
  port: {port}
  do-ip6: no
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  verbosity: 0
  statistics-interval: 0
  num-threads: 1
  so-reuseport: no
  module-config: "iterator"
  prefetch: no
  minimal-responses: yes
  qname-minimisation: no
  do-not-query-localhost: no
  msg-cache-size: 32m
  rrset-cache-size: 64m
  msg-cache-slabs: 1
  rrset-cache-slabs: 1
  infra-cache-slabs: 1
  key-cache-slabs: 1
  num-queries-per-thread: 4096
  outgoing-range: 8192
  infra-keep-probing: yes
  ratelimit: 0
  ip-ratelimit: 0
  unwanted-reply-threshold: 0
  access-control: 127.0.0.0/8 allow
  local-zone: "mesh." static
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
include: "{names}"
"""


class Server(NamedTuple):
    """A name, how it is started, the file it has its names from."""

    name: str
    command: list[str]
    names: Path

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return PORTS[self.name]


def require(*programs: str) -> None:
    """Raise SystemExit if a competitor is not installed."""
    missing = [program for program in programs if shutil.which(program, path=PROGRAMS) is None]
    if missing:
        raise SystemExit(f"not installed: install Debian's packages {' '.join(missing)}")


def ours(document: Path) -> Server:
    """Return our server with a document of names."""
    words = ["--names", document, "--upstream", f"127.0.0.1:{UPSTREAM_PORT}"]
    listen = ["--listen", f"127.0.0.1:{PORTS[OURS]}"]
    return Server(OURS, [str(BIN / "kuma-dns"), "serve", *listen, *map(str, words)], document)


def unbound(names: Path) -> Server:
    """Return unbound with a file of local data."""
    folder = names.parent
    conf = names.with_suffix(".unbound.conf")
    conf.write_text(
        UNBOUND_CONF.format(port=PORTS[UNBOUND], folder=folder, upstream=UPSTREAM_PORT, names=names)
    )
    return Server(UNBOUND, ["unbound", "-d", "-c", str(conf)], names)


def dnsmasq(hosts: Path) -> Server:
    """Return dnsmasq with a hosts file."""
    flags = (
        "--keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --log-facility=-"
        " --no-hosts --no-resolv --no-poll --listen-address=127.0.0.1 --bind-interfaces"
        f" --port={PORTS[DNSMASQ]} --addn-hosts={hosts} --local=/mesh/ --local-ttl=30"
        f" --server=127.0.0.1#{UPSTREAM_PORT} --cache-size=10000 --dns-forward-max=4096"
    )
    return Server(DNSMASQ, ["dnsmasq", *flags.split()], hosts)


@contextmanager
def running(command: list[str], core: int, log: Path) -> Iterator[int]:
    """Run a server on one core and yield its process id; it and its children end with this.

    Affinity is inherited at the fork, so it is set for ourselves around it.
    """
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        with log.open("a") as said:
            environment = {**os.environ, "PATH": PROGRAMS}
            process = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
    finally:
        os.sched_setaffinity(0, own)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def processor_seconds(pid: int) -> float:
    """Return what a process has used so far, user and system (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
