"""A node as the installer sees it: what is there of us, putting it there, taking it away.

The order is the same both ways round.  Coming: executable, kubeconfig, configuration, so that no
configuration ever names what is not there.  Going: configuration, then time for the calls that
are under way, then executable, kubeconfig, records.
"""

from __future__ import annotations

import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kuma_cni.conflist.choose import before, networks
from kuma_cni.conflist.entry import TOKEN
from kuma_cni.conflist.plan import Plan, plan_install
from kuma_cni.conflist.steps import Rename, apply, kept_name
from kuma_cni.conflist.undo import changed_lists, plan_removal
from kuma_cni.installer.binaries import Executable
from kuma_cni.installer.files import Folder, as_host_error
from kuma_cni.installer.kubeconfig import read_token, refresh_kubeconfig
from kuma_cni.plugin.records import Records
from kuma_net.errors import HostError
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kuma_cni.conflist.plan import Wish
    from kuma_cni.installer.settings import Settings

YOUNG: Final = 1.0
"""Seconds for which a file that makes no sense may still be in the writing."""
LONGEST_GRACE: Final = 30.0
"""Seconds to wait for plugins that we see running, before the executable goes all the same."""
ALONE: Final = 0o700
"""The mode of folders that the plugin makes for records."""
_GLANCE: Final = 0.05


class Found(Record):
    """What lies in the folder of network configurations, and what is to be done about it.

    ``unfinished``: a file that may still be in the writing, for which to wait.
    """

    files: Mapping[str, bytes]
    plan: Plan
    unfinished: str = ""


class Place:
    """The node's folders, and ours in them."""

    def __init__(self, settings: Settings, source: str) -> None:
        """Take the settings, and the folder that the executable comes from."""
        self.settings = settings
        self.executable = Executable(source, settings.mounted_bin_dirs)

    def wish(self, *, exact: bool) -> Wish:
        """Return how we want to be there; an entry with the token in it is kept up to date."""
        if TOKEN not in self.settings.network_config:
            return self.settings.wish(exact=exact)
        token = ""
        with suppress(HostError):
            token = read_token(self.settings)
        return self.settings.wish(token)

    def refresh_kubeconfig(self) -> bool:
        """Bring the kubeconfig up to date; whether it was written.  Raises HostError."""
        with Folder(self.settings.mounted_net_dir) as folder:
            return refresh_kubeconfig(self.settings, folder)

    def look(self, *, exact: bool) -> Found:
        """Return what is there, and what would have to be done.  Raises HostError."""
        with self._open() as folder:
            return self._found(folder, exact=exact)

    def configure(self, *, exact: bool, may: Callable[[Found], bool]) -> Found:
        """Do what has to be done, if it ``may`` be; return what was found before.

        Raises HostError.
        """
        with self._open() as folder:
            with as_host_error(folder.path):
                folder.tidy()
                put_back_late_words(folder, folder.networks())
            found = self._found(folder, exact=exact)
            if found.plan.steps and not found.unfinished and may(found):
                with as_host_error(f"{folder.path}"):
                    folder.perform(found.plan.steps)
            return found

    def _open(self) -> Folder:
        return Folder(self.settings.mounted_net_dir, private=TOKEN in self.settings.network_config)

    def _found(self, folder: Folder, *, exact: bool) -> Found:
        with as_host_error(folder.path):
            files = folder.networks()
        plan = plan_install(files, self.wish(exact=exact))
        young = ""
        if plan.steps:
            bad = before(networks(files), plan.target)
            young = next((one.name for one in bad if 0 <= folder.age(one.name) < YOUNG), "")
        return Found(files, plan, young)

    def remove(self, say: Callable[[str], None]) -> None:
        """Take everything away in the order that never leaves a node without a network.

        Each part that fails is told, the others go all the same; raises HostError at the end then.
        """
        failed = []
        for part in (self._remove_configuration, self._remove_executable, self._remove_rest):
            try:
                part(say)
            except (HostError, OSError) as problem:
                failed.append(str(problem))
                if part == self._remove_configuration:
                    failed.append("the executable stays: a configuration may still name it")
                    break
        if failed:
            raise HostError("; ".join(failed))

    def _remove_configuration(self, say: Callable[[str], None]) -> None:
        if not Path(self.settings.mounted_net_dir).is_dir():
            return
        with self._open() as folder, as_host_error(folder.path):
            folder.tidy()
            files = folder.networks()
            steps = plan_removal(files)
            folder.perform(steps)
            left = apply(files, steps)
        for name in sorted(files.keys() | left.keys()):
            if files.get(name) != left.get(name):
                say(f"{name}: {_fate(name, files, left)}")

    def _remove_executable(self, say: Callable[[str], None]) -> None:
        """Wait for the calls that read the configuration before it changed."""
        if not any(Path(place, "kuma-cni").exists() for place in self.settings.mounted_bin_dirs):
            return
        began = time.monotonic()
        time.sleep(self.settings.grace)
        while self.executable.users() and time.monotonic() < began + LONGEST_GRACE:
            time.sleep(_GLANCE)
        for path in self.executable.remove():
            say(f"{path}: removed")

    def _remove_rest(self, say: Callable[[str], None]) -> None:
        if Path(self.settings.mounted_net_dir).is_dir():
            with self._open() as folder, as_host_error(folder.path):
                if folder.drop(self.settings.kubeconfig_name):
                    say(f"{self.settings.kubeconfig_name}: removed")
        if self.settings.log_socket:
            Path(self.settings.log_socket).unlink(missing_ok=True)
        for path in _drop_records(Path(self.settings.state_dir)):
            say(f"{path}: removed")


def _drop_records(state: Path) -> list[Path]:
    """Drop the plugin's records, in a folder for each network; return the folders that went.

    Only records go, and a folder if that was all: somebody may have named another one.
    """
    dropped = []
    below = sorted(state.iterdir()) if state.is_dir() else []
    for folder in (*[path for path in below if _is_of_records(path)], state):
        Records(str(folder)).keep_only(())
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            dropped.append(folder)
    return dropped


def _is_of_records(path: Path) -> bool:
    """Whether a folder may be a network's: they are made for root alone."""
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and stat.S_IMODE(status.st_mode) == ALONE


def put_back_late_words(folder: Folder, files: Mapping[str, bytes]) -> bool:
    """Put back what an owner wrote into the file that we keep; whether there was any.

    She had opened her file before we took its place and went on writing: what she wrote is in the
    file that bears the kept name now, which is not older than our list then.  (Times are the
    kernel's ticks: what happens within some milliseconds has one time.)
    """
    late = [
        Rename(kept_name(original), original)
        for name, original in changed_lists(files)
        if not folder.is_newer(name, kept_name(original))
    ]
    folder.perform(late)
    return bool(late)


def _fate(name: str, files: Mapping[str, bytes], left: Mapping[str, bytes]) -> str:
    if name not in left:
        return "removed"
    is_original = left[name] == files.get(kept_name(name))
    return "as it was before us" if is_original else "without our plugin"
