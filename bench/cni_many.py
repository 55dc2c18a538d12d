"""Measurements of the CNI plugin with many pods: at once, one after another, and killed."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from cni_pods import Plugin, Pod, files_left, make_pods, outer_ends

if TYPE_CHECKING:
    from measuring import Figure

CROWD = 64
ROUNDS = 5
LONE = 5
"""Lone calls before and after each round."""
CORES = 2
PODS = 1000
BATCH = 50
KILLS = 500
SEED = 20_261_121
PATIENCE = 20.0
"""Seconds that the kernel may take to take namespaces apart, which it does when it has time."""


def at_once(plugin: Plugin, pod: Pod, text: Path) -> tuple[list[Figure], str]:
    """Have 64 pods captured at once, and compare the last with a lone one."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    pods = make_pods(CROWD, 1)
    whole = captured_alone(plugin, pod, text)
    ratios, spans, wrong = [], [], 0
    for _ in range(ROUNDS):
        lone = [alone(plugin, pod, text) for _ in range(LONE)]
        took = crowd(plugin, pods, text)
        lone += [alone(plugin, pod, text) for _ in range(LONE)]
        ratios.append(took[99 * CROWD // 100] / statistics.median(lone))
        spans.append(took[99 * CROWD // 100])
        wrong += sum(one.table() != whole for one in pods)
        for one in pods:
            one.clear()
    for one in pods:
        one.close()
    most = CROWD / CORES * 1.3
    reached = statistics.median(ratios)
    figures = [
        (f"{CROWD} ADDs at once: pods not captured rightly", "0", str(wrong), wrong == 0),
        (
            f"the same: 99th percentile / a lone ADD, {CORES} cores",
            f"<= {most:.1f}",
            f"{reached:.1f}",
            reached <= most,
        ),
    ]
    return figures, f"{CROWD} at once take {statistics.median(spans):.0f} ms, in {ROUNDS} rounds."


def captured_alone(plugin: Plugin, pod: Pod, text: Path) -> str:
    """Return the table that an ADD makes."""
    alone(plugin, pod, text)
    whole = pod.table()
    if "KUMA_MESH_OUTBOUND" not in whole:
        raise SystemExit(f"an ADD made no table: {whole!r}")
    return whole


def alone(plugin: Plugin, pod: Pod, text: Path) -> float:
    """Return the milliseconds of an ADD in a pod without rules."""
    pod.clear()
    return plugin.call("ADD", pod, text)


def crowd(plugin: Plugin, pods: list[Pod], text: Path) -> list[float]:
    """Start an ADD for each pod; return when each had ended, in ms from the first's start."""
    began = time.perf_counter()
    waiting = {plugin.start("ADD", pod, text) for pod in pods}
    ended = []
    while waiting:
        pid, status = os.waitpid(-1, 0)
        waiting.discard(pid)
        ended.append((time.perf_counter() - began) * 1000)
        if status:
            raise SystemExit(f"one of {len(pods)} ADDs ended with {status}")
    return ended


def leaks(plugin: Plugin, text: Path) -> list[Figure]:
    """Add and remove pods, and count what is left of them."""
    settle(0)
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names of descriptors
    rules = 0
    for first in range(0, PODS, BATCH):
        pods = make_pods(BATCH, first)
        with ThreadPoolExecutor(CORES) as pool:
            rules += sum(pool.map(lambda pod: come_and_go(plugin, pod, text), pods))
        for pod in pods:
            pod.close()
    namespaces = settle(0)
    left = files_left()
    more = len(os.listdir("/proc/self/fd")) - descriptors  # noqa: PTH208 - as above
    what = f"{PODS:,} pods added and removed:"
    return [
        (f"{what} files left", "0", str(len(left)), not left),
        (f"{what} descriptors left", "0", str(more), more == 0),
        (f"{what} namespaces left", "0", str(namespaces), namespaces == 0),
        (f"{what} pods with rules left", "0", str(rules), rules == 0),
    ]


def come_and_go(plugin: Plugin, pod: Pod, text: Path) -> int:
    """Add and remove a pod; return whether rules are left."""
    plugin.call("ADD", pod, text)
    plugin.call("DEL", pod, text)
    return not pod.is_bare()


def settle(wanted: int) -> int:
    """Wait until so many pods are there, by their interfaces; return how many more there are."""
    until = time.monotonic() + PATIENCE
    while (there := outer_ends()) > wanted and time.monotonic() < until:
        time.sleep(0.1)
    return there - wanted


def kills(plugin: Plugin, text: Path) -> list[Figure]:
    """Kill ADDs at random moments; count the states that should not be."""
    pods = make_pods(CORES)
    whole = captured_alone(plugin, pods[0], text)
    lone = statistics.median([alone(plugin, pods[0], text) for _ in range(LONE)])
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    moments = [chance.uniform(0, lone * 1.6 / 1000) for _ in range(KILLS)]
    shares = [moments[index::CORES] for index in range(CORES)]
    with ThreadPoolExecutor(CORES) as pool:
        found = list(
            pool.map(
                lambda pair: killed(plugin, pair[0], text, pair[1], whole),
                zip(pods, shares, strict=True),
            )
        )
    wrong = [state for one in found for state in one if state not in {"none", "whole"}]
    finished = sum(one.count("whole") for one in found)
    for pod in pods:
        pod.close()
    left = files_left()
    what = f"half states after {KILLS} ADDs killed (the table was there {finished} times)"
    return [
        (what, "0", str(len(wrong)), not wrong),
        ("the same: files left", "0", str(len(left)), not left),
    ]


def killed(plugin: Plugin, pod: Pod, text: Path, moments: list[float], whole: str) -> list[str]:
    """Kill an ADD at each moment, then DEL and ADD; return what was found each time."""
    names = {"": "none", whole: "whole"}
    found = []
    for moment in moments:
        pod.clear()
        process = plugin.start("ADD", pod, text)
        time.sleep(moment)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        state = names.get(pod.table(), "half")
        plugin.call("DEL", pod, text)
        if not pod.is_bare():
            state = "left by DEL"
        plugin.call("ADD", pod, text)
        if pod.table() != whole:
            state = "not mended by ADD"
        found.append(state)
    return found
