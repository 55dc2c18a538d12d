"""The plugin's executable: put there, replaced while it is being used, taken away.

The bundle is a small launcher, ``kuma-cni``, and a folder, ``kuma-cni-DIGEST``, whose name the
launcher has inside.  So an upgrade is: the new folder beside the old one, then the launcher by one
rename.  A plugin that runs keeps the old folder open only partly (modules are read when they are
needed), so the old folder stays for some minutes longer than any call of a plugin lasts.

A launcher that is not ours but names a folder that is there is another installer's, a newer one
most likely: it is left alone.  Otherwise two versions that meet during an upgrade would replace
each other's for ever.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kuma_cni.conflist.network import PLUGIN
from kuma_cni.installer.files import UNFINISHED, Folder, as_host_error
from kuma_net.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OLD: Final = 600.0
"""Seconds for which a former folder stays: kubelets give up on a pod's network sooner."""
_FOLDER: Final = re.compile(rb"(?<![\w/.-])kuma-cni-[0-9a-f]{8,64}(?![\w.-])")
_LARGEST: Final = 1 << 26


class Executable:
    """The plugin's executable in a folder of plugins."""

    def __init__(self, source: str, places: Sequence[str]) -> None:
        """Copy from ``source`` to the first of the places that can be written to."""
        self.source = Path(source)
        self.places = tuple(places)
        self.folder = ""

    @property
    def path(self) -> str:
        """Return where the launcher is put; empty before that is known."""
        return f"{self.folder}/{PLUGIN}" if self.folder else ""

    def install(self) -> bool:
        """Put it there; whether anything had to be written.  Raises HostError."""
        launcher = self._launcher()
        names = [name for name in folders_named(launcher) if (self.source / name).is_dir()]
        refused: list[str] = []
        for place in self.places:
            try:
                written = self._install_in(place, launcher, names)
            except HostError as problem:
                refused.append(str(problem))
                continue
            self.folder = place
            return written
        raise HostError(f"the executable cannot be put anywhere: {'; '.join(refused)}")

    def _launcher(self) -> bytes:
        with as_host_error(f"the executable {self.source / PLUGIN}"):
            return (self.source / PLUGIN).read_bytes()

    def _install_in(self, place: str, launcher: bytes, names: Sequence[str]) -> bool:
        with Folder(place) as folder, as_host_error(place):
            folder.tidy()
            written = [self._put_folder(Path(place), name) for name in names]
            if _is_program(Path(place, PLUGIN)) and folder.read(PLUGIN, _LARGEST) == launcher:
                return any(written)
            folder.write(PLUGIN, launcher, mode=0o755)
            return True

    def _put_folder(self, place: Path, name: str) -> bool:
        """Copy the folder beside the launcher, unless it is there as it should be."""
        source, target = self.source / name, place / name
        if contents(source) == contents(target):
            return False
        unfinished = place / f"{UNFINISHED}{os.getpid()}-{name}"
        spoilt = unfinished.with_name(f"{unfinished.name}-spoilt")
        try:
            shutil.copytree(source, unfinished, symlinks=True)
            _flush(unfinished)
            if target.exists():  # aside with it: a rename cannot take the place of a full folder
                target.rename(spoilt)
            unfinished.rename(target)
        except shutil.Error as problem:  # one of its pieces: on a full disk there are hundreds
            raise OSError(problem.args[0][0][2]) from problem
        finally:
            for left in (unfinished, spoilt):
                shutil.rmtree(left, ignore_errors=True)
        return True

    def find(self) -> None:
        """Take the place where it is already, if it is in any."""
        found = (place for place in self.places if Path(place, PLUGIN).exists())
        self.folder = next(found, self.folder)

    def is_ours(self) -> bool:
        """Whether what is in place is what would be put there."""
        with suppress(OSError):
            return Path(self.path).read_bytes() == self._launcher()
        return False

    def wrong(self) -> str:
        """Return what is wrong with the executable on the node; empty: it can be used."""
        if not self.folder:
            return "the executable is not in place yet"
        path = Path(self.path)
        if not _is_program(path):
            return f"{path} is no executable"
        try:
            launcher = path.read_bytes()
        except OSError as problem:
            return f"{path}: {problem.strerror}"
        named = folders_named(launcher)
        if named and not any((path.parent / name).is_dir() for name in named):
            return f"{path} has no folder {named[0]} beside it"
        if not named and launcher != self._launcher():
            return f"{path} is another program"
        return ""

    def drop_old(self, old: float = OLD) -> tuple[str, ...]:
        """Remove the folders of former versions once nothing can need them; return their names."""
        path = Path(self.path or "/nowhere")
        try:
            named = folders_named(path.read_bytes())
            replaced = time.time() - path.lstat().st_ctime
        except OSError:
            return ()
        if not named or not 0 <= old <= replaced:
            return ()
        dropped = [one for one in _folders(path.parent) if one.name not in named]
        for one in dropped:
            shutil.rmtree(one, ignore_errors=True)
        return tuple([one.name for one in dropped])

    def remove(self) -> tuple[str, ...]:
        """Take it away wherever it is; return the paths.  Raises HostError."""
        gone: list[str] = []
        for place in self.places:
            if not Path(place).is_dir():
                continue
            with Folder(place) as folder, as_host_error(place):
                if folder.drop(PLUGIN):
                    gone.append(f"{place}/{PLUGIN}")
                folder.tidy()
                for one in _folders(Path(place)):
                    shutil.rmtree(one)
                    gone.append(str(one))
        return tuple(gone)

    def users(self) -> tuple[int, ...]:
        """Return the processes that run from one of our folders, as far as we can see them."""
        return tuple([pid for place in self.places for pid in _running_from(place)])


def folders_named(launcher: bytes) -> tuple[str, ...]:
    """Return the names of bundle folders that a launcher has inside.

    Pieces of a name lie about in a compiled launcher, too: what counts is which folder is there.
    """
    found = _FOLDER.findall(launcher[:_LARGEST])
    return tuple(dict.fromkeys([name.decode() for name in found]))


def is_bundle(folder: str) -> bool:
    """Whether a launcher lies in a folder, with the folder beside it that it names."""
    try:
        named = folders_named(Path(folder, PLUGIN).read_bytes())
    except OSError:
        return False
    return any(Path(folder, name).is_dir() for name in named)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and bytes of every file below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_dir():
            text = path.readlink().as_posix().encode() if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(folder))] = (stat.S_IMODE(path.lstat().st_mode), text)
    return found


def _is_program(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_mode & 0o111 == 0o111  # noqa: PLR2004 - all may execute


def _folders(place: Path) -> list[Path]:
    found = [path for path in sorted(place.glob(f"{PLUGIN}-*")) if path.is_dir()]
    return [path for path in found if _FOLDER.fullmatch(path.name.encode())]


def _flush(folder: Path) -> None:
    """Have everything on the disk before the folder gets its name: power may fail."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            continue
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _running_from(place: str) -> Iterator[int]:
    own = os.getpid()
    prefix = f"{os.path.realpath(place)}/{PLUGIN}"
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != own:
            with suppress(OSError):
                if str((entry / "exe").readlink()).startswith(prefix):
                    yield int(entry.name)
