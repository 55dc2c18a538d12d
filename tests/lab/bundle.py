"""A bundle to test with, built when one of its inputs has changed since the last time.

Bundles lie in ``.venv/cni-bundle`` by a digest of what they are made of.  One that nobody has asked
for during an hour is removed when the next one is built.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".venv" / "cni-bundle"
BUILDER = ROOT / "cni" / "bundle"
SOURCES = (ROOT / "kuma_net", ROOT / "cni" / "kuma_cni", BUILDER)
INTERPRETER = Path("/usr/bin/python3.11")
DISTRIBUTIONS = ("click", "h11", "h2", "hpack", "hyperframe", "PyYAML")
UNUSED_SECONDS = 3600.0


@cache
def bundle() -> Path:
    """Return a folder with the launcher ``kuma-cni`` and the folder that belongs to it.

    Raises AssertionError with what the builder says when it fails.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = CACHE / inputs()
        if not (made / "kuma-cni").exists():
            _remove_unused()
            build(made)
        os.utime(made)
    return made


def launcher() -> Path:
    """Return the program ``kuma-cni`` of the bundle."""
    return bundle() / "kuma-cni"


def inputs() -> str:
    """Return a digest of everything that a bundle is made of."""
    found = sha256()
    for folder in SOURCES:
        for path in sorted(folder.rglob("*")):
            if path.suffix in {".py", ".c", ".json"}:
                found.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    state = INTERPRETER.stat()
    found.update(f"{state.st_mtime_ns} {state.st_size}".encode())
    found.update(" ".join(version(name) for name in DISTRIBUTIONS).encode())
    return found.hexdigest()[:16]


def build(output: Path) -> None:
    """Build a bundle anew, into a folder that is replaced."""
    command = [sys.executable, str(BUILDER / "build.py"), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _remove_unused() -> None:
    for made in CACHE.iterdir():
        if made.is_dir() and time.time() - made.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(made, ignore_errors=True)
