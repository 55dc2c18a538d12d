"""The programs of a Kubernetes node, built from the Go module beside this file.

Debian has etcd, containerd and runc, and no Kubernetes.  So its five programs are built from
their published modules; ``go.sum`` names every byte.  They are kept outside the tree, under a
name that digests the module, so a tree that is cleaned or cloned again builds nothing.

From empty Go caches that takes some ten minutes on two cores, afterwards seconds.  No
``-trimpath`` and no flags beyond the linker's: they would have everything compiled once more
where somebody else's build of Kubernetes is in the cache already.

Run by ``make e2e-kubernetes``.  A machine without a new enough Go is told so, with status 0: the
tests then skip with the same sentence.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODULE = Path(__file__).parent
STRIPPED = ("-ldflags", "-s -w")


class NoGo(Exception):
    """There is no Go that builds the module; the text says which is needed."""


def folder() -> Path:
    """Return where the programs are, or are to be: a folder of the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256()
    for source in (MODULE / "go.mod", MODULE / "go.sum", *sorted(MODULE.glob("cmd/*/*.go"))):
        digest.update(source.relative_to(MODULE).as_posix().encode() + b"\0" + source.read_bytes())
    version = _found(r"k8s\.io/kubernetes v(\S+)$")
    return cache / "kuma-net" / f"kubernetes-{version}-{digest.hexdigest()[:16]}"


def missing() -> str:
    """Return why the programs are not there, empty if they are."""
    return "" if folder().is_dir() else (_unfit() or f"not built yet: run {Path(__file__).name}")


def build() -> Path:
    """Build what is not built yet and return the folder; raises NoGo, CalledProcessError."""
    target = folder()
    if target.is_dir():
        return target
    if unfit := _unfit():
        raise NoGo(unfit)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch, "programs")
        commands = sorted(path.name for path in MODULE.glob("cmd/*") if path.name != "workload")
        _go(made, *commands)
        # Runs in images that have nothing else: no C library either.
        _go(made, "workload", CGO_ENABLED="0")
        made.chmod(0o755)
        if not target.is_dir():
            made.rename(target)
    return target


def _go(target: Path, *commands: str, **environ: str) -> None:
    words = ["go", "build", *STRIPPED, "-o", f"{target}/", *(f"./cmd/{one}" for one in commands)]
    settings = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"} | environ
    subprocess.run(words, cwd=MODULE, env=settings, check=True)


def _unfit() -> str:
    """Return what is wrong with the Go of this machine, empty if it builds the module."""
    needed = _found(r"^go (\d+\.\d+)")
    if shutil.which("go") is None:
        return f"no Go >= {needed}: there is none here"
    said = subprocess.run(
        ["go", "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"GOTOOLCHAIN": "local"},
        cwd="/",
    )
    version = said.stdout.strip().removeprefix("go")
    have, need = (tuple(map(int, re.findall(r"\d+", text)[:2])) for text in (version, needed))
    return "" if have >= need else f"no Go >= {needed}: here is {version}"


def _found(pattern: str) -> str:
    match = re.search(pattern, (MODULE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise ValueError(f"go.mod has no line {pattern}")
    return match.group(1)


def main() -> int:
    """Build, saying so; return the exit status."""
    if missing() and not _unfit():
        print(f"building Kubernetes into {folder()}: some ten minutes once, with empty Go caches")
    try:
        print(f"Kubernetes is in {build()}")
    except NoGo as reason:
        print(f"not run: {reason}")
    except subprocess.CalledProcessError as failed:
        print(f"Kubernetes could not be built: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
