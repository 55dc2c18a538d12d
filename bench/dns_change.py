"""What happens while something changes: a server starts, its names are replaced."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dns_client import outcome
from dns_names import all_questions, entries, write_questions
from dns_rounds import Up, wait_for
from dns_servers import OURS, Server, running
from measuring import Figure, table

if TYPE_CHECKING:
    from dns_client import Client, Outcome, Stand

STARTS = 9
LONGEST_START = 10.0
MOST_START = 400.0
"""Milliseconds from start to first answer."""

RELOAD_NAMES = 100_000
RELOAD_RATE = 10_000
RELOADS = (0.5, 4.0)
"""Seconds into the run at which the names are replaced."""
RELOAD_SECONDS = 8.0
QUIET_SECONDS = 2.0
MOST_RELOAD = 25.0
"""Milliseconds the worst single answer may take."""


def starts(servers: Sequence[Server], client: Client, stand: Stand) -> dict[str, list[float]]:
    """Return milliseconds from before the process is made to its first right answer."""
    times: dict[str, list[float]] = {server.name: [] for server in servers}
    for turn in range(STARTS + 1):
        for server in servers:
            with client.trying(server.port, LONGEST_START) as asking:
                time.sleep(0.05)  # the client asks by now; it would not matter if it did not
                began = time.clock_gettime(time.CLOCK_MONOTONIC)
                with running(server.command, stand.core, stand.log):
                    found = outcome(asking)
            if not found.answered:
                raise SystemExit(f"{server.name} never answered: {stand.log.read_text()}")
            if turn:
                times[server.name].append((found.last_came - began) * 1000)
    return times


def start_figure(times: dict[str, list[float]], count: int) -> Figure:
    """Return the figure of our start."""
    value = statistics.median(times[OURS])
    what = f"start to first answer with {count:,} names, ms"
    return what, f"<= {MOST_START:g}", f"{value:.0f}", value <= MOST_START


def start_table(times: dict[str, list[float]]) -> str:
    """Return the table of starts."""
    rows = [
        [name, *(f"{value:.0f}" for value in (statistics.median(ms), min(ms), max(ms)))]
        for name, ms in times.items()
    ]
    return table(("start to first answer, ms", "median", "least", "most"), rows)


def reload_questions(path: Path) -> Path:
    """Write questions about each tenth name, which may be answered by either generation."""
    both = (islice(entries(RELOAD_NAMES, number), 0, None, 10) for number in (0, 1))
    return write_questions(path, all_questions(*both))


class Reloaded(NamedTuple):
    """What the client saw without and with replacements of the names."""

    quiet: Outcome
    busy: Outcome


def reload(
    server: Server, client: Client, stand: Stand, replace: Callable[[int], None]
) -> Reloaded:
    """Ask at a steady rate while the names are replaced; ``replace`` gets its id."""
    with running(server.command, stand.core, stand.log) as pid:
        wait_for(Up(server, pid), stand, client)
        time.sleep(1)  # what a server does after its start is not the matter here
        quiet = client.pace(server.port, QUIET_SECONDS, RELOAD_RATE)
        began = time.monotonic()
        with client.pacing(server.port, RELOAD_SECONDS, RELOAD_RATE) as asking:
            for when in RELOADS:
                time.sleep(max(0.0, began + when - time.monotonic()))
                replace(pid)
            return Reloaded(quiet, outcome(asking))


def replacing(
    path: Path, write: Callable[[Path, int], object], *, hup: bool
) -> Callable[[int], None]:
    """Return what replaces a file by the next generation's, and tells the server if it must."""
    following = [path.with_suffix(f".{number}") for number in range(1, len(RELOADS) + 1)]
    for number, each in enumerate(following, start=1):
        write(each, number % 2)
        each.chmod(0o644)
    write(path, 0)

    def replace(pid: int) -> None:
        following.pop(0).replace(path)
        if hup:
            os.kill(pid, signal.SIGHUP)

    return replace


def reload_figures(reloaded: dict[str, Reloaded]) -> list[Figure]:
    """Return the figures of our reload."""
    busy = reloaded[OURS].busy
    what = f"reload of {RELOAD_NAMES:,} names under {RELOAD_RATE:,} q/s"
    worst = busy.worst / 1000
    faults = busy.lost + busy.wrong
    seen = busy.turned == len(RELOADS)
    return [
        (f"{what}: worst answer, ms", f"<= {MOST_RELOAD:g}", f"{worst:.1f}", worst <= MOST_RELOAD),
        (f"{what}: lost or wrong", "0", f"{faults}", faults == 0),
        (f"{what}: replaced tables seen", f"{len(RELOADS)}", f"{busy.turned}", seen),
    ]


def reload_table(reloaded: dict[str, Reloaded]) -> str:
    """Return the table of reloads."""
    heads = (
        "reload",
        "p50 us",
        "p99 us",
        "worst ms",
        "lost",
        "wrong",
        "tables seen",
        "client away ms",
    )
    rows = []
    for name, (quiet, busy) in reloaded.items():
        for label, run in ((f"{name}, none", quiet), (name, busy)):
            away, worst = (f"{value / 1000:.1f}" for value in (run.pause, run.worst))
            counts = (f"{value}" for value in (run.lost, run.wrong, run.turned))
            rows.append([label, f"{run.p50:.0f}", f"{run.p99:.0f}", worst, *counts, away])
    return table(heads, rows)
