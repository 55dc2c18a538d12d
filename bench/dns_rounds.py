"""Runs of the same kind, the servers in turn, and what is made of them.

All servers are up at the same time on the same core; whoever is not asked sleeps.  A ratio is
made of two runs of the same turn (see measuring.py).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from dns_servers import OURS, UNBOUND, Server, processor_seconds, running
from measuring import Figure, ratio, table

if TYPE_CHECKING:
    from dns_client import Client, Outcome, Stand

LATENCY_RATE = 20_000
LONGEST_WAIT = 60.0
ONE_WAIT = 1.0
"""Seconds."""


class Up(NamedTuple):
    """A server that runs."""

    server: Server
    pid: int


def up(stack: ExitStack, stand: Stand, server: Server, client: Client) -> Up:
    """Start a server, wait until it answers, and leave its end to the stack."""
    pid = stack.enter_context(running(server.command, stand.core, stand.log))
    started = Up(server, pid)
    wait_for(started, stand, client)
    return started


def wait_for(started: Up, stand: Stand, client: Client) -> None:
    """Wait until a server answers; SystemExit tells what it said if it does not."""
    server, pid = started
    end = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < end and not has_ended(pid):
        if client.until_answered(server.port, ONE_WAIT).answered:
            return
    raise SystemExit(f"{server.name} never answered: {stand.log.read_text()[-2000:]}")


def has_ended(pid: int) -> bool:
    """Say whether a child has come to its end, which it should not."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


class Run(NamedTuple):
    """What the client found, and the processor seconds the server used for it."""

    outcome: Outcome
    processor: float


Runs = dict[str, list[Run]]
"""By server, one for each turn."""


def in_turn(servers: Sequence[Up], turns: int, run: Callable[[int, int], Outcome]) -> Runs:
    """Let every server be asked ``turns`` times, after one turn that does not count.

    ``run`` is called with the port and the number of the turn.
    """
    runs: Runs = {up.server.name: [] for up in servers}
    for turn in range(turns + 1):
        for server, pid in servers:
            before = processor_seconds(pid)
            outcome = run(server.port, turn)
            if turn:
                runs[server.name].append(Run(outcome, processor_seconds(pid) - before))
    return runs


def flood(client: Client, seconds: float, stride: int = 0) -> Callable[[int, int], Outcome]:
    """Return a run of the flood; each turn begins ``stride`` questions further on."""
    return lambda port, turn: client.flood(port, seconds, first=turn * stride)


def misses(client: Client, seconds: float) -> Callable[[int, int], Outcome]:
    """Return a run of the flood with names that were never asked for before."""
    return lambda port, turn: client.flood(port, seconds, unique=turn + 1 << 24)


def latency(client: Client, seconds: float) -> Callable[[int, int], Outcome]:
    """Return a run at a steady rate."""
    return lambda port, _: client.pace(port, seconds, LATENCY_RATE)


RATE_HEADS = (
    "queries per second",
    "server",
    "median",
    "least",
    "most",
    "/ unbound",
    "CPU s / 100,000",
    "lost",
    "wrong",
)


def rates(what: str, runs: Runs) -> list[list[str]]:
    """Return the rows of a flood."""
    rows = []
    for name, each in runs.items():
        got = [run.outcome.rate for run in each]
        rows.append(
            [
                what,
                name,
                *(f"{value:,.0f}" for value in (statistics.median(got), min(got), max(got))),
                f"{against_unbound(runs, name, rate):.2f}",
                used(each),
                *missing(each),
            ]
        )
    return rows


LATENCY_HEADS = (
    f"microseconds at {LATENCY_RATE:,} queries per second",
    "p50",
    "least",
    "most",
    "/ unbound",
    "p99",
    "least",
    "most",
    "/ unbound",
    "CPU s / 100,000",
    "lost",
    "wrong",
)


def latencies(runs: Runs) -> list[list[str]]:
    """Return the rows of runs at a steady rate."""
    rows = []
    for name, each in runs.items():
        row = [name]
        for value in (half, nearly_all):
            got = [value(run.outcome) for run in each]
            row += [f"{number:.0f}" for number in (statistics.median(got), min(got), max(got))]
            row.append(f"{against_unbound(runs, name, value):.2f}")
        rows.append([*row, used(each), *missing(each)])
    return rows


def rate(outcome: Outcome) -> float:
    """Return right answers per second."""
    return outcome.rate


def half(outcome: Outcome) -> float:
    """Return the time within which half of the answers came."""
    return outcome.p50


def nearly_all(outcome: Outcome) -> float:
    """Return the time within which 99 of 100 answers came."""
    return outcome.p99


def against_unbound(runs: Runs, name: str, value: Callable[[Outcome], float]) -> float:
    """Return the median ratio of a server's values to unbound's of the same turns."""
    ours = [value(run.outcome) for run in runs[name]]
    return ratio(ours, [value(run.outcome) for run in runs[UNBOUND]])


def used(runs: Sequence[Run]) -> str:
    """Return how many processor seconds 100,000 answers took."""
    answered = sum(run.outcome.answered for run in runs)
    return f"{sum(run.processor for run in runs) * 100_000 / max(1, answered):.2f}"


def missing(runs: Sequence[Run]) -> list[str]:
    """Return how many questions were lost and how many answers wrong."""
    outcomes = [run.outcome for run in runs]
    counts = sum(one.lost for one in outcomes), sum(one.wrong for one in outcomes)
    return [f"{count}" for count in counts]


def at_least(what: str, runs: Runs, least: float) -> Figure:
    """Return the figure of our rate against unbound's."""
    value = against_unbound(runs, OURS, rate)
    return f"{what}, queries/s / unbound", f">= {least:g}", f"{value:.2f}", value >= least


def no_slower(what: str, runs: Runs, value: Callable[[Outcome], float], most: float) -> Figure:
    """Return the figure of one of our times against unbound's."""
    got = against_unbound(runs, OURS, value)
    return f"{what} at {LATENCY_RATE:,} q/s / unbound", f"<= {most:g}", f"{got:.2f}", got <= most


def faultless(*all_runs: Runs) -> Figure:
    """Return the figure of what we lost or answered wrongly in all runs."""
    outcomes = [run.outcome for runs in all_runs for run in runs[OURS]]
    faults = sum(outcome.lost + outcome.wrong for outcome in outcomes)
    answers = sum(outcome.answered for outcome in outcomes)
    return f"lost or wrong among our {answers:,} answers", "0", str(faults), faults == 0


def rate_table(rows: list[list[str]]) -> str:
    """Return the table of floods."""
    return table(RATE_HEADS, rows)


def latency_table(runs: Runs) -> str:
    """Return the table of times."""
    return table(LATENCY_HEADS, latencies(runs))
