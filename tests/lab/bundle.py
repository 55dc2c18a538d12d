"""A bundle to test with, built when one of its inputs has changed since the last time.

Bundles lie in ``.venv/cni-bundle`` by a digest of what they are made of.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from lab.cached import cached

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".venv" / "cni-bundle"
BUILDER = ROOT / "cni" / "bundle"
SOURCES = (ROOT / "kuma_net", ROOT / "cni" / "kuma_cni", BUILDER)
INTERPRETER = Path("/usr/bin/python3.11")
DISTRIBUTIONS = ("click", "h11", "h2", "hpack", "hyperframe", "PyYAML")


@cache
def bundle() -> Path:
    """Return a folder with the launcher ``kuma-cni`` and the folder that belongs to it.

    Raises AssertionError with what the builder says when it fails.
    """
    return cached(CACHE, inputs(), build)


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
