"""What the measurements share: a namespace of their own, clocks, medians, tables.

Every script enters a fresh network namespace before it starts anything, so what it measures is
gone with it, whatever ends it.  Times are of whole processes by the monotonic clock, from before
the program is started until it has ended.  Variants are run in turn (A B C A B C ...), a ratio
is made of two runs of the same turn, and the median of the ratios is what counts: the machine's
speed drifts, ratios within a turn hardly do.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PROGRAMS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:{BIN.parent / 'debian' / 'bin'}"
"""A PATH with the folders of servers; .ci/packages unpacks into the last what it keeps apart."""
BARE_PYTHON = str(getattr(sys, "_base_executable", sys.executable))

CLONE_NEWNET = 0x40000000
CLONE_NEWPID = 0x20000000
"""include/uapi/linux/sched.h"""

SIDECAR = 65534
"""The account ``nobody``: Debian always has it, and nothing here runs as it by chance."""

KUMA_INIT = [str(BIN / "kuma-init")]
KUMA_NET = [str(BIN / "kuma-net")]
OUTBOUND_PORT = 15001
INBOUND_PORT = 15006

Figure = tuple[str, str, str, bool]
"""What was measured, the figure to reach, the figure reached, whether it is reached."""


def unshare(flags: int) -> None:
    """Leave namespaces behind for fresh ones; raises OSError (unshare(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"unshare: {os.strerror(error)} (run as root)")


def enter_namespace() -> None:
    """Enter a fresh network namespace with loopback up and a way out for both families."""
    unshare(CLONE_NEWNET)
    for line in (
        "link set lo up",
        "link add out0 type veth peer name out1",
        "link set out1 up",
        "link set out0 up",
        "address add 192.0.2.1/24 dev out0",
        "address add 2001:db8::1/64 dev out0 nodad",
        "route add default dev out0",
        "-6 route add default dev out0",
    ):
        run(["ip", *line.split()])
    # Connections are closed by reset here; without this the table of connections fills up.
    for name in ("tcp_timeout_close", "tcp_timeout_time_wait"):
        write(f"/proc/sys/net/netfilter/nf_conntrack_{name}", "1")


def write(path: str, text: str) -> bool:
    """Write a kernel setting; False where there is none of that name (yet)."""
    try:
        Path(path).write_text(text)
    except FileNotFoundError:
        return False
    return True


def run(command: Sequence[str], text: str = "") -> str:
    """Run a program to its end and return what it printed; SystemExit tells what failed."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def milliseconds(command: list[str]) -> float:
    """Return how long a program takes from start to end; it must succeed."""
    with Path(os.devnull).open("r+b") as nothing, tempfile.TemporaryFile() as said:
        actions = [
            (os.POSIX_SPAWN_DUP2, nothing.fileno(), 0),
            (os.POSIX_SPAWN_DUP2, nothing.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, said.fileno(), 2),
        ]
        began = time.perf_counter()
        pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        took = (time.perf_counter() - began) * 1000
        if status != 0:
            said.seek(0)
            code = os.waitstatus_to_exitcode(status)
            raise SystemExit(f"{' '.join(command)} ended with {code}: {said.read().decode()}")
    return took


def children(program: Callable[[], object]) -> int:
    """Return how many processes and threads a program starts beside itself.

    ``program`` runs it to its end, as one process.
    """
    reader, writer = os.pipe()
    outer = os.fork()
    if outer == 0:
        unshare(CLONE_NEWPID)
        first = os.fork()
        if first == 0:  # process 1 of the namespace; the program becomes 2, its children 3, ...
            program()
            following = os.fork()
            if following:
                os.write(writer, str(following - 3).encode())
            os._exit(0)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]))
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(outer, 0)[1])
    if status or not said:
        raise SystemExit("counting the children of a program failed")
    return int(said)


def in_turn(
    variants: dict[str, list[str]], turns: int, before: Callable[[], object]
) -> dict[str, list[float]]:
    """Time every variant ``turns`` times in turn, after one turn that does not count.

    ``before`` brings the namespace back to its beginning and is not timed.
    """
    times: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(turns + 1):
        for name, command in variants.items():
            before()
            took = milliseconds(command)
            if turn:
                times[name].append(took)
    return times


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Return the median of the ratios of runs of the same turn."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def remove_table() -> None:
    """Take our table away without our own programs, so that they are not measured with it."""
    if our_table():
        run(["nft", "delete", "table", "inet", "kuma_net"])


def our_table() -> str:
    """Return our table as nft prints it, without counters; empty when there is none.

    Its parts are sorted: their order depends on what was there before and means nothing.  The
    stamp is the one that counts: the chain's, where a table was replaced, else the table's.
    """
    listed = subprocess.run(
        ["nft", "-s", "list", "table", "inet", "kuma_net"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        return ""
    parts = re.findall(r"^\t(?:chain|set|map) .*?^\t\}$", listed.stdout, re.MULTILINE | re.DOTALL)
    stamps = [part for part in parts if part.startswith("\tchain stamp ")]
    comments = re.findall(r"\"(kuma-net [^\"]*)\"", stamps[0] if stamps else listed.stdout)
    return "\n".join([*comments[:1], *sorted(part for part in parts if part not in stamps)])


def install(*flags: str) -> list[str]:
    """Return the command line of an installation for the sidecar's account."""
    return [*KUMA_INIT, "--kuma-dp-user", str(SIDECAR), "--backend", "nftables", *flags]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def report(figures: Sequence[Figure], remarks: str = "") -> int:
    """Print the figures (and remarks below); return 1 when one is not reached."""
    rows = [(what, want, got, "yes" if good else "**no**") for what, want, got, good in figures]
    print(table(("what", "to reach", "measured", "reached"), rows))
    if remarks:
        print(f"\n{remarks}")
    return 0 if all(good for *_, good in figures) else 1


def machine() -> str:
    """Describe the machine: cores, kernel, Python, the firewall's tools and other resolvers."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return ", ".join(
        [
            f"{os.cpu_count()} cores" + (f" ({model[1].strip()})" if model else ""),
            f"{memory:.0f} GiB",
            f"Linux {os.uname().release}",
            f"Python {sys.version.split()[0]}",
            run(["nft", "--version"]).split(" (")[0],
            run(["iptables", "--version"]).strip(),
            *resolvers(),
        ]
    )


def resolvers() -> list[str]:
    """Return name and version of the name servers we are compared with, if they are there."""
    found = []
    for name, flag in (("unbound", "-V"), ("dnsmasq", "--version")):
        program = shutil.which(name, path=PROGRAMS)
        version = re.search(r"[Vv]ersion (\S+)", run([program, flag])) if program else None
        if version:
            found.append(f"{name} {version[1]}")
    return found
