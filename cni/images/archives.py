"""Build both images: ``python cni/images/archives.py [--context DIR] [--output DIR]``.

DIR gets ``kuma-init.tar`` and ``kuma-cni.tar``, docker archives for ``podman load`` and
``ctr images import``.  ``--context`` has ``dist/images`` inside, as ``roots.py`` makes it.

buildah keeps its images in a folder that lives as long as this program, so nothing of the
machine's own storage is touched; and since nothing is run while building, no isolation is needed.

What surprised us: run by root, buildah keeps a cache in /var/lib/containers whatever folders it is
given.  So this program and its children see an empty folder in its place.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

PROJECT = Path(__file__).resolve().parents[2]
sys.path.append(str(PROJECT))
from kuma_net import __version__  # noqa: E402 - found by the line above

if TYPE_CHECKING:
    from collections.abc import Iterator

RECIPES = {"kuma-init": PROJECT / "Dockerfile.init", "kuma-cni": PROJECT / "cni" / "Dockerfile"}


STORAGE = Path("/var/lib/containers")
CLONE_NEWNS = 0x00020000
"""linux/sched.h."""
MS_REC, MS_PRIVATE, MNT_DETACH = 16384, 1 << 18, 2
"""linux/mount.h, sys/mount.h."""


@contextmanager
def storage_covered() -> Iterator[None]:
    """See an empty folder in place of the machine's storage, with all children; raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    made = not STORAGE.exists()
    STORAGE.mkdir(mode=0o700, exist_ok=True)
    place = bytes(STORAGE)
    if (
        libc.unshare(CLONE_NEWNS)
        or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        or libc.mount(b"none", place, b"tmpfs", 0, b"mode=0700,size=16m")
    ):
        raise OSError(ctypes.get_errno(), f"cannot keep {STORAGE} as it is")
    try:
        yield
    finally:
        libc.umount2(place, MNT_DETACH)
        if made:
            with suppress(OSError):  # somebody else has use for it by now
                STORAGE.rmdir()


def image_name(name: str) -> str:
    """Return the name that an image has in its archive."""
    return f"localhost/{name}:{__version__}"


def build(name: str, context: Path, archive: Path, store: Path) -> None:
    """Build one image; raises SystemExit with what buildah says when it fails."""
    place = ["--root", f"{store}/root", "--runroot", f"{store}/run", "--storage-driver", "vfs"]
    how = ["--isolation", "chroot", "--timestamp", "0", "--format", "oci", "--quiet"]
    labels = ["--label", f"org.opencontainers.image.version={__version__}"]
    recipe = ["--file", str(RECIPES[name]), "--tag", image_name(name), str(context)]
    _run(store, ["buildah", *place, "bud", *how, *labels, *recipe])
    archive.unlink(missing_ok=True)
    to = f"docker-archive:{archive}:{image_name(name)}"
    _run(store, ["buildah", *place, "push", "--quiet", image_name(name), to])


def _run(store: Path, command: list[str]) -> None:
    environ = os.environ | {"TMPDIR": str(store), "HOME": str(store)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:1])} failed: {done.stderr}")


def main() -> int:
    """Build both and say where they are."""
    parser = argparse.ArgumentParser(description="build the images")
    parser.add_argument("--context", type=Path, default=PROJECT)
    parser.add_argument("--output", type=Path, default=PROJECT / "dist" / "images")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    with storage_covered() if os.geteuid() == 0 else nullcontext():
        for name in RECIPES:
            archive = asked.output.resolve() / f"{name}.tar"
            with tempfile.TemporaryDirectory() as store:
                build(name, asked.context.resolve(), archive, Path(store))
            sys.stdout.write(f"{archive}: {archive.stat().st_size / 10**6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
