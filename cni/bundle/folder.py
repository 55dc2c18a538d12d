"""A folder in the making: the same contents give the same bytes on disk, times and modes too."""

from __future__ import annotations

import io
import os
import zipfile
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EPOCH = 315_532_800
"""The first of January 1980, the oldest time that a zip file can tell; all files have it."""


class Folder:
    """Contents by path, which of them are programs, and which file of the machine each is."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.files: dict[str, bytes] = {}
        self.origins: dict[str, Path] = {}
        self._programs: set[str] = set()

    def put(
        self, path: str, data: bytes, origin: Path | None = None, *, program: bool = False
    ) -> None:
        """Add a file, perhaps made of one of the machine's; raises ValueError if it is there."""
        if path in self.files:
            raise ValueError(f"{path} is there already")
        self.files[path] = data
        if origin is not None:
            self.origins[path] = origin
        if program:
            self._programs.add(path)

    def copy(self, path: str, origin: Path, *, program: bool = False) -> None:
        """Add a file of the machine as it is."""
        self.put(path, origin.read_bytes(), origin, program=program)

    def digest(self) -> str:
        """Return a name for exactly these contents."""
        total = sha256()
        for path, data in sorted(self.files.items()):
            kind = b"x" if path in self._programs else b"-"
            total.update(path.encode() + b"\0" + kind + sha256(data).digest())
        return total.hexdigest()[:16]

    def write(self, place: Path) -> None:
        """Write it all below ``place``, which is not there yet."""
        for path, data in sorted(self.files.items()):
            target = place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(0o755 if path in self._programs else 0o644)
        for made in [*sorted(place.rglob("*")), place]:
            if made.is_dir():
                made.chmod(0o755)
            os.utime(made, (EPOCH, EPOCH))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file of the files, in order; its entries have the oldest time there is."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, data in sorted(files.items()):
            entry = zipfile.ZipInfo(path)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return made.getvalue()
