"""The resolver beside unbound and dnsmasq: throughput, forwarding, latency, reload, start, memory.

Every server runs on one core, the client on another, all over loopback in a namespace of their
own.  All servers get the same names and byte for byte the same packets; the client
(``dns_flood.c``) checks every answer: code, question, type and address.  Servers take turns of
less than a second, ratios are made within a turn, so a machine that is slow for a while is slow
for all.  Settings of the others are in ``dns_servers.py``, names and packets in
``dns_names.py``.

* Floods are closed loops of 128 questions: how fast can it be?  Of 10,000 names, 20,000 different
  packets are asked round and round ("two ways": 40,000); of 1,000,000 names hardly any packet is
  asked twice, so no memory of earlier answers helps.
* Latency is that of an open loop: a question's time counts from when it was due.  A server that
  is nearly idle wakes up for each question, so this is what the kernel needs to wake a process,
  and then the work for one question.  Ours stays awake for 50 us if it has just been asked, which
  costs processor time: it stands beside.
* Forwarders all ask the same upstream server (``dns_upstream.c``), which runs on the client's core
  and could answer ten times as many.  Hits are 1,000 names of the world outside (2,000 packets)
  that are in every cache; for misses, each name is one that was never asked for.
* Memory is the sum of ``Rss`` in ``/proc/PID/smaps``, after the floods.  The table is a file in
  memory that is mapped, and whoever maps it shares it; where a figure leaves it out, its resident
  part is shown beside.

dnsmasq is not asked about 1,000,000 names: it needs more than six minutes to read them.

An independent witness: dnsperf (one thread, 128 questions under way) measures the same rates of
unbound within 3 %.  Of ours it sees 225,000 a second where this client sees 250,000: with a
system call for each packet it is then at its own end.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from dns_change import (
    RELOAD_NAMES,
    reload,
    reload_figures,
    reload_questions,
    reload_table,
    replacing,
    start_figure,
    start_table,
    starts,
)
from dns_client import Client, Stand, compiled
from dns_memory import memories, memory_figure, memory_table
from dns_names import (
    all_questions,
    entries,
    outside,
    some_questions,
    write_document,
    write_hosts,
    write_local_data,
    write_questions,
)
from dns_rounds import (
    Up,
    at_least,
    faultless,
    flood,
    half,
    in_turn,
    latency,
    latency_table,
    misses,
    nearly_all,
    no_slower,
    rate_table,
    rates,
    up,
    wait_for,
)
from dns_servers import OURS, UPSTREAM_PORT, Server, dnsmasq, ours, require, running, unbound
from measuring import Figure, enter_namespace, report

SOME = 10_000
SOME_TURNS = 7
VARIED_TURNS = 3
MANY = 1_000_000
MANY_TURNS = 5
ASKED_EACH_TURN = 150_000
OUTSIDE = 1_000
FLOOD_SECONDS = 0.8
LATENCY_TURNS = 11
LATENCY_SECONDS = 0.6


class Found(NamedTuple):
    """What a part has to say."""

    figures: list[Figure]
    tables: list[str]


def three(stand: Stand, count: int) -> list[Server]:
    """Return all servers with that many names."""
    return [
        ours(write_document(stand.folder / f"{count}.json", entries(count))),
        unbound(write_local_data(stand.folder / f"{count}.unbound", entries(count))),
        dnsmasq(write_hosts(stand.folder / f"{count}.hosts", entries(count))),
    ]


def steady(stand: Stand) -> Found:
    """Measure floods, latency, memory and starts with some names."""
    folder = stand.folder
    mesh = Client(stand, write_questions(folder / "mesh", all_questions(entries(SOME))))
    ways = Client(stand, write_questions(folder / "ways", all_questions(entries(SOME), ways=2)))
    world = Client(stand, write_questions(folder / "world", all_questions(outside(OUTSIDE))))
    servers = three(stand, SOME)
    with ExitStack() as stack:
        running_now = [up(stack, stand, server, mesh) for server in servers]
        stages = {"started": memories(running_now)}
        floods = in_turn(running_now, SOME_TURNS, flood(mesh, FLOOD_SECONDS))
        stages["mesh flood"] = memories(running_now)
        varied = in_turn(running_now, VARIED_TURNS, flood(ways, FLOOD_SECONDS))
        times = in_turn(running_now, LATENCY_TURNS, latency(mesh, LATENCY_SECONDS))
        hits = in_turn(running_now, SOME_TURNS, flood(world, FLOOD_SECONDS))
        missed = in_turn(running_now, SOME_TURNS, misses(world, FLOOD_SECONDS))
        stages["all floods"] = memories(running_now)
    started = starts(servers, mesh, stand)
    most = max(found[OURS].own for found in stages.values())
    figures = [
        at_least(f"{SOME:,} mesh names", floods, 1.5),
        at_least("forwarding, cache hits", hits, 1.1),
        at_least("forwarding, cache misses", missed, 0.9),
        no_slower("p50", times, half, 1.1),
        no_slower("p99", times, nearly_all, 1.1),
        memory_figure(f"RSS with {SOME:,} names, without the table", most, 35),
        start_figure(started, SOME),
        faultless(floods, times, hits, missed),
    ]
    rows = rates(f"{SOME:,} names", floods) + rates("the same, two ways", varied)
    rows += rates("cache hits", hits)
    shown = [rate_table(rows + rates("cache misses", missed)), latency_table(times)]
    return Found(figures, [*shown, memory_table(SOME, stages), start_table(started)])


def many(stand: Stand) -> Found:
    """Measure a flood and memory with many names; both servers read them at once."""
    folder, asked = stand.folder, ASKED_EACH_TURN
    questions = some_questions(asked * (MANY_TURNS + 1), MANY)
    client = Client(stand, write_questions(folder / "many", questions))
    first = ours(write_document(folder / "many.json", entries(MANY)))
    other = unbound(write_local_data(folder / "many.unbound", entries(MANY)))
    with ExitStack() as stack:
        (core,) = os.sched_getaffinity(0)
        reading = stack.enter_context(running(other.command, core, stand.log))
        servers = [up(stack, stand, first, client), Up(other, reading)]
        wait_for(servers[1], stand, client)
        os.sched_setaffinity(reading, {stand.core})
        stages = {"started": memories(servers)}
        floods = in_turn(servers, MANY_TURNS, flood(client, FLOOD_SECONDS, asked))
        stages["mesh flood"] = memories(servers)
    what = f"RSS with {MANY:,} names, without the table"
    figures = [
        at_least(f"{MANY:,} mesh names", floods, 1.3),
        memory_figure(what, max(found[OURS].own for found in stages.values()), 40),
        faultless(floods),
    ]
    shown = [rate_table(rates(f"{MANY:,} names", floods)), memory_table(MANY, stages)]
    return Found(figures, shown)


def reloads(stand: Stand) -> Found:
    """Measure answers while many names are replaced."""
    client = Client(stand, reload_questions(stand.folder / "either"))
    writers: list[tuple[Callable[[Path, int], Path], bool]] = [
        (lambda path, number: write_document(path, entries(RELOAD_NAMES, number)), False),
        (lambda path, number: write_local_data(path, entries(RELOAD_NAMES, number)), True),
        (lambda path, number: write_hosts(path, entries(RELOAD_NAMES, number)), True),
    ]
    seen = {}
    for server, (write, hup) in zip(three(stand, RELOAD_NAMES), writers, strict=True):
        replace = replacing(server.names, write, hup=hup)
        seen[server.name] = reload(server, client, stand, replace)
    return Found(reload_figures(seen), [reload_table(seen)])


def main() -> int:
    """Measure everything; return 1 when a figure is missed."""
    require("unbound", "dnsmasq")
    server_core, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise SystemExit("two cores are needed: one for the servers, one for the client")
    os.sched_setaffinity(0, {others[0]})
    enter_namespace()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # our server gives its privileges up and must still read its names
        stand = Stand(folder, compiled("dns_flood", folder), server_core)
        upstream = [str(compiled("dns_upstream", folder)), str(UPSTREAM_PORT)]
        with running(upstream, others[0], stand.log):
            found = [steady(stand), reloads(stand), many(stand)]
    figures = list(chain.from_iterable(part.figures for part in found))
    return report(figures, "\n\n".join(chain.from_iterable(part.tables for part in found)))


if __name__ == "__main__":
    sys.exit(main())
