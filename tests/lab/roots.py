"""Roots with next to nothing in them, for programs that must need nothing.

``Root`` is a folder of an agent's, with a bundle in it; programs are run with that folder as
their root directory (chroot(2)).  What is mounted in it ends with the agent's mount namespace.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from lab.cni import Answered, Caller
from lab.system import MS_BIND, mount

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MUSL = next(Path("/lib").glob("ld-musl-*.so.1"), Path("/lib/ld-musl.so.1"))
BUSYBOX = Path("/bin/busybox")
POD = "/pod"
"""Where a pod's network namespace is bound in a root."""


class Root:
    """A root directory with a bundle, as seen from inside: ``/kuma-cni`` and its folder."""

    def __init__(self, caller: Caller, place: Path, bundle: Path) -> None:
        """Copy the bundle to ``place``, which is not there yet."""
        self._caller = caller
        self.place = place
        shutil.copytree(bundle, place, symlinks=True)

    def add_proc(self) -> None:
        """Mount /proc."""
        self._caller.call(_mount_proc, str(self.place))

    def bind_pod(self, netns: str) -> None:
        """Make a pod's namespace appear as the file ``POD``."""
        self._caller.call(_bind, netns, str(self.place) + POD)

    def add_musl(self) -> None:
        """Make it a system of busybox and musl, as minimal images are."""
        for source, name in ((BUSYBOX, "bin/busybox"), (BUSYBOX, "bin/sh"), (MUSL, str(MUSL)[1:])):
            target = self.place / name
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source.resolve(), target)

    def ask(self, argv: Sequence[str], environ: Mapping[str, str], stdin: bytes = b"") -> Answered:
        """Run a program of the root, with exactly this environment."""
        return self._caller.call(_ask_inside, str(self.place), tuple(argv), dict(environ), stdin)

    def files(self) -> set[str]:
        """Return the paths of everything that is there now."""
        return {str(path.relative_to(self.place)) for path in self.place.rglob("*")}


def _mount_proc(place: str) -> None:
    Path(place, "proc").mkdir()
    mount("proc", f"{place}/proc", "proc")


def _bind(netns: str, place: str) -> None:
    Path(place).touch()
    mount(netns, place, "none", MS_BIND)


def _ask_inside(
    place: str, argv: tuple[str, ...], environ: dict[str, str], stdin: bytes
) -> Answered:
    # The interpreter of the test must not be looked for in there: the child changes its root and
    # is somebody else at once.
    done = subprocess.run(
        ["/usr/sbin/chroot", place, *argv],
        input=stdin,
        env=environ,
        capture_output=True,
        timeout=30,
        check=False,
        cwd=os.sep,
    )
    return Answered(done.returncode, done.stdout, done.stderr.decode(errors="replace"), 0.0)
