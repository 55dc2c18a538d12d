"""The programs of a Kubernetes node, built from the Go module beside this file.

Debian has etcd, containerd and runc, and no Kubernetes.  So its five programs are built from
their published modules; ``go.sum`` names every byte.  They are kept outside the tree, under
names that digest their sources, so a tree that is cleaned or cloned again builds nothing.

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
KUBERNETES = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kubectl",
)
STRIPPED = "-s -w"


class NoGo(Exception):
    """There is no Go that builds the module; the text says which is needed."""


def kubernetes() -> Path:
    """Return where the programs of Kubernetes are, or are to be: a folder of the user's cache."""
    sources = (MODULE / "go.mod", MODULE / "go.sum", *(MODULE / "cmd" / one for one in KUBERNETES))
    return _kept(f"kubernetes-{_version()}", sources)


def workload() -> Path:
    """Return the program of the tests' pods, or where it is to be."""
    return _kept("workload", (MODULE / "go.mod", MODULE / "cmd/workload")) / "workload"


def missing() -> str:
    """Return why the programs are not there, empty if they are."""
    if kubernetes().is_dir() and workload().exists():
        return ""
    return _unfit() or f"not built yet: run {Path(__file__).name}"


def build() -> None:
    """Build what is not built yet; raises NoGo, CalledProcessError."""
    if missing() and (unfit := _unfit()):
        raise NoGo(unfit)
    _build(kubernetes(), KUBERNETES)
    # Runs in images that have nothing else: no C library either.
    _build(workload().parent, ("workload",), CGO_ENABLED="0")


def _kept(name: str, sources: tuple[Path, ...]) -> Path:
    """Return a folder of the user's cache, named by a digest of the sources."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256()
    for source in sources:
        for file in sorted(source.iterdir()) if source.is_dir() else (source,):
            digest.update(f"{file.relative_to(MODULE)}\0".encode() + file.read_bytes())
    return cache / "kuma-net" / f"{name}-{digest.hexdigest()[:16]}"


def _build(target: Path, commands: tuple[str, ...], **environ: str) -> None:
    """Build programs into a folder, which is there whole or not at all.

    A build from a module does not know its own version: a node would say v0.0.0.
    """
    if target.is_dir():
        return
    print(f"building {', '.join(commands)} into {target}", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        made = Path(scratch, "programs")
        settings = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false"} | environ
        packages = [f"./cmd/{one}" for one in commands]
        flags = f"{STRIPPED} -X k8s.io/component-base/version.gitVersion={_version()}"
        words = ["go", "build", "-ldflags", flags, "-o", f"{made}/", *packages]
        subprocess.run(words, cwd=MODULE, env=settings, check=True)
        # Somebody else may have been as quick.
        if not target.is_dir():
            made.rename(target)


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


def _version() -> str:
    """Return the version of Kubernetes, ``v1.34.1``."""
    return _found(r"k8s\.io/kubernetes (v\S+)$")


def _found(pattern: str) -> str:
    match = re.search(pattern, (MODULE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise ValueError(f"go.mod has no line {pattern}")
    return match.group(1)


def main() -> int:
    """Build, saying so; return the exit status."""
    try:
        build()
        print(f"Kubernetes is in {kubernetes()}")
    except NoGo as reason:
        print(f"not run: {reason}")
    except subprocess.CalledProcessError as failed:
        print(f"Kubernetes could not be built: {failed}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
