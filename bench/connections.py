"""New TCP connections per second with ten thousand exclusions, against none.

A client connects through the redirect, to changing addresses, and closes by reset; the sidecar's
stand-in accepts and closes.  The two rulesets take turns.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import struct
import sys
import tempfile
import time
from pathlib import Path

from measuring import (
    OUTBOUND_PORT,
    enter_namespace,
    install,
    milliseconds,
    ratio,
    remove_table,
    report,
    table,
)
from startup import MANY, exclusions

TURNS = 15
SECONDS = 1.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def sidecar() -> int:
    """Start a process that accepts on the sidecar's outbound port; return its id."""
    listener = socket.create_server(("127.0.0.1", OUTBOUND_PORT), backlog=4096)
    pid = os.fork()
    if pid == 0:
        while True:
            listener.accept()[0].close()
    listener.close()
    return pid


def rate() -> float:
    """Return connections per second over ``SECONDS``."""
    count = 0
    began = time.perf_counter()
    while True:
        for _ in range(100):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            connection.connect((f"198.51.100.{count % 250 + 1}", 8080))
            connection.close()
            count += 1
        took = time.perf_counter() - began
        if took >= SECONDS:
            return count / took


def main() -> int:
    """Measure both rates; return 1 when the ratio is missed."""
    enter_namespace()
    accepting = sidecar()
    rates: dict[str, list[float]] = {"none": [], "many": []}
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "many.yaml")
            path.write_text(exclusions(MANY))
            commands = {"none": install(), "many": install("--config", str(path))}
            for turn in range(TURNS + 1):
                for name, command in commands.items():
                    remove_table()
                    milliseconds(command)
                    measured = rate()
                    if turn:
                        rates[name].append(measured)
    finally:
        os.kill(accepting, signal.SIGKILL)
        os.waitpid(accepting, 0)
    value = ratio(rates["many"], rates["none"])
    what = f"new connections per second, {MANY:,} exclusions / none"
    rows = [
        (name, *(f"{number:,.0f}" for number in (statistics.median(got), min(got), max(got))))
        for name, got in rates.items()
    ]
    spread = table(("exclusions: connections per second", "median", "least", "most"), rows)
    remark = f"{spread}\n\n{TURNS} turns of {SECONDS:g} s each; client and sidecar in Python."
    return report([(what, ">= 0.9", f"{value:.2f}", value >= 0.9)], remark)


if __name__ == "__main__":
    sys.exit(main())
