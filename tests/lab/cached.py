"""Folders that take long to build, kept in ``.venv`` by a digest of what they are made of.

One that nobody has asked for during an hour is removed when the next one is built.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

UNUSED_SECONDS = 3600.0


def cached(cache: Path, digest: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a digest in a cache; ``build`` makes it, whole or not at all.

    Who asks while another process builds waits for it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = cache / digest
        if not made.exists():
            _remove_unused(cache)
            with tempfile.TemporaryDirectory(dir=cache) as place:
                unfinished = Path(place, digest)
                build(unfinished)
                unfinished.rename(made)
        os.utime(made)
    return made


def _remove_unused(cache: Path) -> None:
    for made in cache.iterdir():
        if made.is_dir() and time.time() - made.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(made, ignore_errors=True)
