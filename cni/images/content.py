"""An image's root folder in the making: files, links, folders, and whose each of them is."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

EPOCH = 315_532_800
"""The first of January 1980: the time of all files, as in the bundle."""
FILE, PROGRAM, FOLDER, FOR_ALL = 0o644, 0o755, 0o755, 0o1777
"""Modes."""
WORTH_A_LINK = 1 << 16
"""Bytes."""


class File(NamedTuple):
    """Bytes, a mode, and the name of the package they come from."""

    data: bytes
    mode: int
    package: str


class Root:
    """The contents of a root folder by path, without the leading slash."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.files: dict[str, File] = {}
        self.links: dict[str, str] = {}
        self.folders: dict[str, int] = {}

    def put(self, path: str, data: bytes | str, package: str, mode: int = FILE) -> None:
        """Add a file; twice the same path with other contents is a mistake of ours."""
        raw = data.encode() if isinstance(data, str) else data
        made = File(raw, mode, package)
        assert self.files.setdefault(path, made) == made, path  # noqa: S101 - as said
        assert not path.startswith("/"), path  # noqa: S101 - likewise

    def copy(self, path: str, origin: Path, package: str) -> None:
        """Add a file of this machine, executable as it is there."""
        mode = PROGRAM if origin.stat().st_mode & 0o100 else FILE
        self.put(path, origin.read_bytes(), package, mode)

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self.links[path] = target

    def folder(self, path: str, mode: int = FOLDER) -> None:
        """Add a folder that is empty, or has a mode of its own."""
        self.folders[path] = mode

    def share(self, keep: str) -> None:
        """Make links of large files that lie below the folder ``keep`` as well, byte for byte."""
        kept = {file.data: path for path, file in self.files.items() if path.startswith(keep)}
        for path, file in list(self.files.items()):
            other = kept.get(file.data, path)
            if other != path and len(file.data) >= WORTH_A_LINK and not path.startswith(keep):
                del self.files[path]
                self.link(path, os.path.relpath(other, path.rpartition("/")[0]))

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


def _with_parents(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
