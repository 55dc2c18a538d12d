"""An image's root folder in the making: files, links and folders, and where files are from."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).resolve().parents[1] / "bundle"))
from folder import EPOCH

FILE, PROGRAM, FOLDER, FOR_ALL = 0o644, 0o755, 0o755, 0o1777
"""Modes."""
WORTH_A_LINK = 1 << 10
"""Bytes."""


class File(NamedTuple):
    """Bytes and a mode."""

    data: bytes
    mode: int


class Root:
    """The contents of a root folder by path, without the leading slash.

    ``origins`` are the files of this machine that some are copies of; ``taken`` says where files
    of the bundle are, by their paths in it.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.files: dict[str, File] = {}
        self.links: dict[str, str] = {}
        self.folders: dict[str, int] = {}
        self.origins: dict[str, Path] = {}
        self.taken: dict[str, str] = {}

    def put(self, path: str, data: bytes, mode: int = FILE) -> None:
        """Add a file; raises ValueError if it is there."""
        if path in self.files:
            raise ValueError(f"{path} is there already")
        self.files[path] = File(data, mode)

    def copy(self, path: str, origin: Path) -> None:
        """Add a file of this machine, executable if it is so there."""
        self.put(path, origin.read_bytes(), _mode_of(origin))
        self.origins[path] = origin

    def take(self, folder: Path, place: str) -> None:
        """Add a whole folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = str(path.relative_to(folder))
                self.put(f"{place}/{name}", path.read_bytes(), _mode_of(path))
                self.taken[name] = f"{place}/{name}"

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self.links[path] = target

    def folder(self, path: str, mode: int = FOLDER) -> None:
        """Add a folder that is empty, or has a mode of its own."""
        self.folders[path] = mode

    def share(self) -> None:
        """Make links of files that the bundle has as well, byte for byte: the C library, texts."""
        kept = {self.files[path].data: path for path in self.taken.values()}
        for path in sorted(self.files.keys() - self.taken.values()):
            data = self.files[path].data
            if len(data) >= WORTH_A_LINK and data in kept:
                del self.files[path]
                self.link(path, os.path.relpath(kept[data], path.rpartition("/")[0]))

    def write(self, place: Path) -> None:
        """Write all of it to ``place``, which is replaced; times are fixed."""
        shutil.rmtree(place, ignore_errors=True)
        for path, file in sorted(self.files.items()):
            target = _with_parents(place / path)
            target.write_bytes(file.data)
            target.chmod(file.mode)
        for path, goal in sorted(self.links.items()):
            _with_parents(place / path).symlink_to(goal)
        for path in sorted(self.folders):
            (place / path).mkdir(parents=True, exist_ok=True)
        for made in [place, *sorted(place.rglob("*"))]:
            if made.is_dir() and not made.is_symlink():
                made.chmod(self.folders.get(str(made.relative_to(place)), FOLDER))
            os.utime(made, (EPOCH, EPOCH), follow_symlinks=False)


def _mode_of(path: Path) -> int:
    return PROGRAM if path.stat().st_mode & 0o100 else FILE


def _with_parents(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
