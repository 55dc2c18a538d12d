"""Rules that a new captured connection meets, counted by tracing of nf_tables.

A chain ahead of all others marks the first packet of one connection for tracing, and ``nft
monitor trace`` tells which rules of our table matched it.  The kernel traces a rule only when
it matches (net/netfilter/nf_tables_core.c); the second count, which is the one that matters,
adds those it looked at and passed over, by their places in the chains.
"""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from measuring import (
    CLONE_NEWNET,
    INBOUND_PORT,
    OUTBOUND_PORT,
    enter_namespace,
    install,
    milliseconds,
    remove_table,
    report,
    run,
    table,
    unshare,
)

TRACE = """
table inet tracing {{
  chain marking {{
    type filter hook {hook} priority -500
    ip protocol tcp tcp flags & (syn|ack) == syn meta nftrace set 1
    ip6 nexthdr tcp tcp flags & (syn|ack) == syn meta nftrace set 1
  }}
}}
"""
EVENT = re.compile(
    r"trace id (\S+) inet kuma_net (\S+) "
    r"(?:rule (?P<rule>.*) \(verdict (?P<verdict>\w+) ?(?P<to>\S*)\)|(?P<kind>packet|policy))"
)
Event = re.Match[str]
QUIET = 0.3
"""Seconds without a word after which the monitor has told all."""

LOOKS = {
    "defaults": (),
    "all DNS": ("--redirect-all-dns-traffic",),
    "exclusions of all kinds": (
        "--redirect-all-dns-traffic",
        "--exclude-outbound-ports",
        "22,9000-9999",
        "--exclude-outbound-ports-for-uids",
        "tcp:443:1234",
        "--exclude-outbound-ips",
        "10.0.0.0/8",
        "--exclude-inbound-ports",
        "22",
        "--exclude-inbound-ips",
        "10.0.0.0/8",
    ),
}


@contextmanager
def remote() -> Iterator[int]:
    """Run a neighbour in a namespace of its own at the end of a veth pair; gives its id."""
    ready, wait = os.pipe()
    pid = os.fork()
    if pid == 0:
        unshare(CLONE_NEWNET)
        os.write(wait, b".")
        signal.pause()
        os._exit(0)
    os.read(ready, 1)
    try:
        run(
            ["ip", "link", "add", "app0", "type", "veth", "peer", "name", "far0", "netns", str(pid)]
        )
        run(["ip", "address", "add", "203.0.113.1/24", "dev", "app0"])
        run(["ip", "link", "set", "app0", "up"])
        there = ["nsenter", f"--net=/proc/{pid}/ns/net", "ip"]
        run([*there, "address", "add", "203.0.113.2/24", "dev", "far0"])
        run([*there, "link", "set", "far0", "up"])
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def heard(pipe: int) -> bytes:
    """Return what arrives in a pipe until it has been quiet for a while."""
    text = b""
    while select.select([pipe], [], [], QUIET)[0]:
        text += os.read(pipe, 1 << 16)
    return text


def traced(hook: str, connect: list[str]) -> list[Event]:
    """Return what the kernel tells of one connection's way through our table."""
    run(["nft", "-f", "-"], TRACE.format(hook=hook))
    said, says = os.pipe()
    monitor = subprocess.Popen(["nft", "monitor", "trace"], stdout=says, stderr=subprocess.DEVNULL)
    try:
        # The monitor does not say when it listens: connect until a trace arrives, then once more.
        deadline = time.monotonic() + 10
        while b"inet kuma_net" not in heard(said) and time.monotonic() < deadline:
            run(connect)
        run(connect)
        text = heard(said)
    finally:
        monitor.terminate()
        monitor.wait()
        os.close(said)
        os.close(says)
        run(["nft", "delete", "table", "inet", "tracing"])
    return [found for found in map(EVENT.match, text.decode().splitlines()) if found]


def rules_by_chain() -> dict[str, list[str]]:
    """Return the text of every rule of our table, as a trace shows it too."""
    listed = run(["nft", "-s", "list", "table", "inet", "kuma_net"])
    chains: dict[str, list[str]] = {}
    for name, body in re.findall(r"chain (\S+) \{(?:[^\n]*)\n(.*?)\n?\t\}", listed, re.DOTALL):
        lines = [line.strip() for line in body.split("\n")]
        chains[name] = [
            line for line in lines if line and not line.startswith(("type ", "comment "))
        ]
    return chains


def looked_at(events: list[Event]) -> int:
    """Return how many rules were evaluated, those that did not match included.

    A chain left by a verdict was read up to the rule that gave it, any other to its end.
    """
    chains = rules_by_chain()
    total = 0
    entered: list[str] = []  # innermost last
    read: dict[str, int] = {}
    for event in events:
        chain = event[2]
        if event["kind"] == "packet":
            entered, read = [chain], {chain: 0}
        while entered and entered[-1] != chain:  # fell off the end of a chain it had jumped to
            total += len(chains[entered.pop()])
        if event["kind"] == "policy" and entered:  # else a rule returned from the base chain
            total += len(chains[chain])
        if event["rule"] is not None:
            rule = re.sub(r"counter packets \d+ bytes \d+", "counter", event["rule"])
            read[chain] = chains[chain].index(rule, read[chain]) + 1
            if event["verdict"] == "jump":
                entered.append(event["to"])
                read[event["to"]] = 0
            elif event["verdict"] == "return":
                total += read[entered.pop()]
            elif event["verdict"] != "continue":
                total += sum(read[name] for name in entered)
    return total


def hit(port: int) -> socket.socket:
    """Listen where the sidecar would."""
    return socket.create_server(("0.0.0.0", port))  # noqa: S104 - in a namespace of its own


def main() -> int:
    """Trace one connection each way; return 1 when one meets too many rules."""
    enter_namespace()
    client = "import socket, sys; socket.create_connection((sys.argv[1], 8080), 5).close()"
    rows = []
    worst = {"outbound": 0, "inbound": 0}
    with remote() as pid, hit(OUTBOUND_PORT), hit(INBOUND_PORT):
        out = [sys.executable, "-c", client, "203.0.113.2"]
        into = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", client, "203.0.113.1"]
        for name, flags in LOOKS.items():
            remove_table()
            milliseconds(install(*flags))
            for direction, hook, connect in (
                ("outbound", "output", out),
                ("inbound", "prerouting", into),
            ):
                events = traced(hook, connect)
                matched = sum(event["rule"] is not None for event in events)
                walked = looked_at(events)
                path = ", ".join(dict.fromkeys(event[2] for event in events))
                rows.append((name, direction, str(matched), str(walked), path))
                if name == "defaults":
                    worst[direction] = walked
    figures = [
        ("rules evaluated, outbound", "<= 5", str(worst["outbound"]), worst["outbound"] <= 5),
        ("rules evaluated, inbound", "<= 3", str(worst["inbound"]), worst["inbound"] <= 3),
    ]
    heads = ("configuration", "direction", "traced (matched)", "evaluated", "through")
    return report(figures, table(heads, rows))


if __name__ == "__main__":
    sys.exit(main())
