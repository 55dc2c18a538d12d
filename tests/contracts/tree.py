"""The files the contracts speak about: what git tracks, else what lies in the tree."""

from __future__ import annotations

import ast
import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "kuma_net"
PACKAGES = {
    PACKAGE: ROOT / "tests/unit",
    ROOT / "cni/kuma_cni": ROOT / "tests/unit/kuma_cni",
    ROOT / "dns/kuma_dns": ROOT / "tests/unit/kuma_dns",
}
"""The import packages, and where the unit tests of each mirror it."""


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project: tracked or about to be; a tree without git is walked."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        command = [git, "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z"]
        listed = subprocess.run(
            [*command, "--cached", "--others", "--exclude-standard"],
            capture_output=True,
            check=True,
        )
        names = listed.stdout.decode().split("\0")
        return tuple(sorted(ROOT / name for name in names if name and (ROOT / name).is_file()))
    walked = (path for path in ROOT.rglob("*") if path.is_file())
    return tuple(sorted(path for path in walked if not is_made(path.relative_to(ROOT))))


def is_made(place: Path) -> bool:
    """Whether a file is made by a tool: hidden folders (but .ci) and build products."""
    made = {"__pycache__", "build", "dist"}
    hidden = any(part.startswith(".") and part != ".ci" for part in place.parts[:-1])
    return hidden or bool(made & set(place.parts))


@cache
def texts() -> tuple[tuple[Path, str], ...]:
    """Every text file with its text; the licence is not ours to judge."""
    found = []
    for path in files():
        raw = path.read_bytes()
        if b"\0" not in raw and path.name != "LICENSE":
            found.append((path, raw.decode()))
    return tuple(found)


@cache
def python_files(*folders: str) -> tuple[Path, ...]:
    """Every Python file below the folders (all of the project's where none is named)."""
    roots = [ROOT / folder for folder in folders] or [ROOT]
    return tuple(
        path
        for path in files()
        if path.suffix == ".py" and any(path.is_relative_to(root) for root in roots)
    )


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text())


def package_of(path: Path) -> Path:
    """Return the root of the import package that a module belongs to."""
    return next(package for package in PACKAGES if path.is_relative_to(package))


def shown(path: Path) -> str:
    """Return the path as people name it, from the root of the project."""
    return str(path.relative_to(ROOT))
