"""The repair as a service: rounds in time, what is told of them, who waits after a failure.

How to use it, on a ``kuma_net.serving.loop.Loop``::

    counts = Counts()
    repair = Repair(loop, RepairSettings(netconf=netconf, node=node), log, counts)
    repair.start()          # the first round begins with the loop's next turn
    ...
    repair.look_now()       # after something happened that may have left pods without rules
    ...
    list(counts.families()) # metrics, at any time
    repair.close()          # ends a round that runs; tells nobody

``log`` is a ``kuma_net.serving.log.Log`` or anything with its ``info``, ``warning`` and ``error``.
Events: ``repaired`` (pod, sandbox, was, details), ``cannot repair`` (pod, sandbox, error),
``cannot look for pods`` (error), ``looking for pods again``.

Each round is made by a process of its own (``child`` says why), one at a time.  The pause between
two begins when the first has ended, so a slow node is not kept busy by it.  A pod that could not
be mended is not touched again before its time has come: ``interval`` seconds after its first
failure, twice as long after each further one, ten minutes at most.

Needed are CAP_SYS_ADMIN (to enter namespaces), CAP_NET_ADMIN (for the rules), the runtime's
socket, and the node's ``/run/netns`` (see ``sources``).
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from kuma_cni.repair import rounds
from kuma_cni.repair.child import Child
from kuma_cni.repair.findings import (
    FAILED,
    INSTALLED,
    MENDED,
    RIGHT,
    WAITING,
    read_finding,
)
from kuma_cni.repair.proof import Memory

if TYPE_CHECKING:
    from kuma_cni.repair.child import Say
    from kuma_cni.repair.counts import Counts
    from kuma_cni.repair.findings import Finding
    from kuma_cni.repair.settings import RepairSettings
    from kuma_net.serving.loop import Loop, Timer

LONGEST_WAIT: Final = 600.0
"""Seconds between two tries to mend the same pod."""
THOROUGH: Final = 300.0
"""Seconds for which a proof is believed (``proof``)."""
ROUNDS_NEED: Final = (
    "h2.connection",
    "kuma_cni.plugin.machine",
    "kuma_cni.pod.allowed",
    "kuma_net.actions.install",
    "kuma_net.actions.status",
    "kuma_net.backends.nft_installed",
    "kuma_net.host.links",
    "kuma_net.host.probe",
    "kuma_net.tproxy.annotations",
    "kuma_net.tproxy.sources",
)
"""Modules that are imported where they are used."""


class Log(Protocol):
    """Where things worth saying are said."""

    def info(self, event: str, **fields: object) -> None:
        """Tell what a person may want to know."""

    def warning(self, event: str, **fields: object) -> None:
        """Tell what somebody should look at."""

    def error(self, event: str, **fields: object) -> None:
        """Tell what keeps the service from doing its work."""


class _Trouble:
    """A pod that could not be mended: how often, and when it is tried again."""

    def __init__(self) -> None:
        self.failures = 0
        self.due = 0.0


class Repair:
    """Looks after this node's mesh pods."""

    def __init__(self, loop: Loop, settings: RepairSettings, log: Log, counts: Counts) -> None:
        """Take the loop to run on, what to look for, and where to tell and count it."""
        self._loop = loop
        self._settings = settings
        self._log = log
        self._counts = counts
        self._child: Child | None = None
        self._timer: Timer | None = None
        self._again = False
        self._blind = ""
        self._troubles: dict[str, _Trouble] = {}
        self._proofs: dict[str, tuple[str, float]] = {}
        self._seen: list[Finding] = []

    def start(self) -> None:
        """Begin."""
        _load_all()
        self._next_at(self._loop.now())

    def look_now(self) -> None:
        """Make a round as soon as can be: at once, or after the one that runs."""
        if self._child is None:
            self._next_at(self._loop.now())
        else:
            self._again = True

    def close(self) -> None:
        """End, with the round that runs."""
        if self._timer is not None:
            self._timer.cancel()
        if self._child is not None:
            self._child.close()
            self._child = None

    def _next_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.at(when, self._begin)

    def _begin(self) -> None:
        self._seen = []
        now = self._loop.now()
        memory = Memory(
            frozenset([key for key, one in self._troubles.items() if one.due > now]),
            {key: proof for key, (proof, until) in self._proofs.items() if until > now},
        )
        try:
            self._child = Child(
                self._loop,
                partial(_work, self._settings, memory),
                self._hear,
                self._ended,
            )
        except OSError as problem:
            self._ended(f"there can be no process for it: {problem.strerror}")
            return
        self._child.end_after(self._settings.patience)

    def _hear(self, line: bytes) -> None:
        """Take what was found of a pod."""
        finding = read_finding(line)
        self._seen.append(finding)
        told = {"pod": finding.pod, "sandbox": finding.sandbox[:12]}
        if finding.outcome == RIGHT:
            self._proofs[finding.sandbox] = finding.details, self._loop.now() + THOROUGH
        if finding.outcome == FAILED:
            self._counts.failures += 1
            self._put_off(finding.sandbox)
            self._log.warning("cannot repair", **told, error=finding.details)
            return
        if finding.outcome != WAITING:
            self._troubles.pop(finding.sandbox, None)
        if finding.outcome == INSTALLED:
            self._counts.installed += 1
            self._log.warning("repaired", **told, was="missing")
        elif finding.outcome == MENDED:
            self._counts.mended += 1
            self._log.warning("repaired", **told, was="different", details=finding.details)

    def _put_off(self, sandbox: str) -> None:
        trouble = self._troubles.setdefault(sandbox, _Trouble())
        wait = min(self._settings.interval * 2**trouble.failures, LONGEST_WAIT)
        trouble.failures = min(trouble.failures + 1, 30)
        trouble.due = self._loop.now() + wait

    def _ended(self, wrong: str) -> None:
        """Take the end of a round; ``wrong`` is why it is not a whole one."""
        self._child = None
        if wrong:
            self._counts.rounds_failed += 1
            if wrong != self._blind:
                self._log.error("cannot look for pods", error=wrong)
        else:
            self._counts.rounds_done += 1
            self._sum_up()
            if self._blind:
                self._log.info("looking for pods again", pods=len(self._seen))
        self._blind = wrong
        pause = 0.0 if self._again else self._settings.interval
        self._again = False
        self._next_at(self._loop.now() + pause)

    def _sum_up(self) -> None:
        """Count what a whole round has seen, and forget the pods that are gone."""
        keys = {finding.sandbox for finding in self._seen}
        self._troubles = {key: one for key, one in self._troubles.items() if key in keys}
        self._proofs = {key: one for key, one in self._proofs.items() if key in keys}
        self._counts.pods = len(self._seen)
        lacking = [one for one in self._seen if one.outcome in {FAILED, WAITING}]
        self._counts.lacking = len(lacking)
        self._counts.last_round = time.time()


def _load_all() -> None:
    """Load what a round needs: its process is forked anew each time and would load it again."""
    from importlib import import_module

    for name in ROUNDS_NEED:
        import_module(name)


def _work(settings: RepairSettings, memory: Memory, say: Say) -> None:
    """Make a round, in the child."""
    for finding in rounds.make_round(settings, memory):
        say(finding.line())
