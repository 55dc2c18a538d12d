"""Being in place, and staying there: waiting, following, coming back.

Coming back at once is right when an agent rewrites her file once, as most do when they start.  It
is wrong when she watches her file as we watch ours: the two would write without end.  So the first
time we come back at once, then after one second, two, four, up to five minutes, and say each time
who did it and which of her settings ends the quarrel.  A minute of peace, and all is forgotten.

Nothing here ever ends the process: a folder that cannot be read, a full disk, a primary network
that does not come, all are waited for, and told by /ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_cni.conflist.culprit import find_culprit
from kuma_cni.conflist.network import read_network
from kuma_cni.conflist.steps import apply
from kuma_cni.installer.watch import Changes
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuma_cni.installer.counts import Counts
    from kuma_cni.installer.place import Found, Place
    from kuma_net.serving.log import Log
    from kuma_net.serving.loop import Loop, Timer

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 300.0
PEACE: Final = 60.0
"""Seconds in place after which a quarrel is over."""
RETRY: Final = 1.0
"""Seconds after which what the machine refused is tried again, doubled each time."""
SOON: Final = 0.2
_START: Final = "start"


class Keeper:
    """Keeps executable, kubeconfig and configuration as they should be."""

    def __init__(self, place: Place, loop: Loop, log: Log, counts: Counts) -> None:
        """Begin with nothing done; ``start`` does the rest."""
        self.place = place
        self.on_ready: Callable[[], None] = lambda: None
        self.on_trouble: Callable[[], None] = lambda: None
        self._loop = loop
        self._log = log
        self._counts = counts
        self._changes = Changes(loop, self.look)
        self._reasons: dict[str, str] = {_START: "nothing was looked at yet"}
        self._again: Timer | None = None
        self._failures = 0
        self._files: Mapping[str, bytes] = {}
        self._target = ""
        self._quarrels = 0
        self._since = 0.0
        self._not_before = 0.0
        self._exact = True

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why the node is not ready, as clauses; nothing: it is."""
        return tuple([reason for reason in self._reasons.values() if reason])

    def start(self) -> None:
        """Install, and watch from now on."""
        self._watch()
        self.look()

    def close(self) -> None:
        """Watch no longer; what is in place stays."""
        self._changes.close()
        if self._again is not None:
            self._again.cancel()

    def look(self) -> None:
        """Look at everything, and do what has to be done."""
        before = self.reasons
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._reasons.pop(_START, None)
        self._guard("executable", self._keep_executable)
        self._guard("kubeconfig", self._keep_kubeconfig)
        if not self._reasons.get("executable"):
            self._guard("configuration", self._keep_configuration)
        self._settle(before)

    def _settle(self, before: tuple[str, ...]) -> None:
        """Tell what has changed, and look again at what failed."""
        self._counts.ready = not self.reasons
        if self.reasons != before and self.reasons:
            self._log.warning("not-ready", reasons=list(self.reasons))
            self.on_trouble()
        elif self.reasons != before:
            self._exact = False
            self._log.info(
                "ready", configuration=self._target, executable=self.place.executable.path
            )
            self.on_ready()

    def _guard(self, part: str, work: Callable[[], str]) -> None:
        """Do a part of the work, which returns why it is not ready; trouble is a reason too."""
        try:
            self._reasons[part] = work()
        except (HostError, OSError) as problem:
            if self._reasons.get(part) != str(problem):
                self._log.error("failed", part=part, error=str(problem))
            self._reasons[part] = str(problem)
            self._counts.installs["failed"] += 1
            self._failures += 1
            self._look_in(min(RETRY * 2 ** min(self._failures - 1, 8), LONGEST_DELAY))
        else:
            self._failures = self._failures if part != "configuration" else 0

    def _look_in(self, seconds: float) -> None:
        when = self._loop.now() + seconds
        if self._again is not None:
            when = min(when, self._again.when)
            self._again.cancel()
        self._again = self._loop.at(when, self.look)

    # --- the parts ------------------------------------------------------------------------------

    def _keep_executable(self) -> str:
        executable = self.place.executable
        wrong = executable.wrong()
        if self._exact or wrong:
            if executable.install():
                self._log.info("executable-installed", path=executable.path)
            wrong = executable.wrong()
        dropped = executable.drop_old()
        if dropped:
            self._log.info("former-executables-removed", folders=list(dropped))
        return wrong

    def _keep_kubeconfig(self) -> str:
        """Write the kubeconfig; the plugin seldom needs it, so without it we are ready as well."""
        try:
            if self.place.refresh_kubeconfig():
                self._counts.kubeconfigs["written"] += 1
                self._log.info("kubeconfig-written", path=self.place.settings.kubeconfig)
        except HostError as problem:
            self._counts.kubeconfigs["failed"] += 1
            self._log.warning("kubeconfig-failed", error=str(problem))
        return ""

    def _keep_configuration(self) -> str:
        found = self.place.configure(exact=self._exact, may=self._may)
        plan = found.plan
        self._counts.bad_files = sum("containerd stops" in note for note in plan.notes)
        if found.unfinished:
            self._look_in(SOON)
            return f"{found.unfinished} may still be in the writing"
        if self._undone(found.files) and self._loop.now() < self._not_before:
            self._look_in(self._not_before - self._loop.now())
            return f"somebody took our plugin out; back in {self._wait():.0f} s"
        if plan.steps:
            self._counts.installs["done"] += 1
            self._log.info("configuration-written", file=plan.target, notes=list(plan.notes))
        self._files = apply(found.files, plan.steps)
        self._target = plan.target if plan.target in self._files else ""
        self._since = self._since or self._loop.now()
        return plan.waiting

    def _wait(self) -> float:
        return max(0.0, self._not_before - self._loop.now())

    def _undone(self, files: Mapping[str, bytes]) -> bool:
        """Whether somebody took our entry out of where we had put it."""
        if not self._target:
            return False
        return not read_network(self._target, files.get(self._target, b"")).has_ours

    def _may(self, found: Found) -> bool:
        """Whether to write now: not while a quarrel asks for patience."""
        if not self._undone(found.files):
            return True
        now = self._loop.now()
        if self._since:  # we were in place until now: it happened since
            self._quarrels = 0 if now - self._since > PEACE else self._quarrels
            delay = FIRST_DELAY * 2 ** (self._quarrels - 1) if self._quarrels else 0.0
            self._not_before = now + min(delay, LONGEST_DELAY)
            self._quarrels += 1
            self._since = 0.0
            self._accuse(found.files)
        return now >= self._not_before

    def _accuse(self, files: Mapping[str, bytes]) -> None:
        culprit = find_culprit(self._files, files, self._target)
        self._counts.undone[culprit.name] = self._counts.undone.get(culprit.name, 0) + 1
        self._log.warning(
            "undone",
            culprit=culprit.name,
            did=culprit.did,
            advice=culprit.advice,
            back_in_seconds=round(self._wait(), 1),
        )

    def _watch(self) -> None:
        """Watch what is ours and what ours depends on, from before the first look on."""
        settings = self.place.settings
        paths = [f"{settings.mounted_net_dir}/"]
        if settings.api_host:
            paths += [settings.token_file, settings.ca_file]
        # Whole, for the bundle's folder beside the launcher: without it every pod fails.
        paths += [f"{folder}/" for folder in settings.mounted_bin_dirs]
        self._changes.watch(paths, settings.interval, settings.refresh)
