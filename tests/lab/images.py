"""The container images to test with, built when an input has changed since the last time.

Archives lie in ``.venv/cni-images`` by a digest of what they are made of; see ``lab.bundle``, which
is the greater part of it.  ``podman load`` and ``ctr images import`` take them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from hashlib import sha256
from pathlib import Path

from kuma_net import __version__
from lab.bundle import BUILDER as BUNDLE_BUILDER
from lab.bundle import bundle
from lab.cached import cached
from lab.system import mount

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".venv" / "cni-images"
BUILDER = ROOT / "cni" / "images"
RECIPES = (ROOT / "Dockerfile.init", ROOT / "cni" / "Dockerfile")
INIT, CNI = f"localhost/kuma-init:{__version__}", f"localhost/kuma-cni:{__version__}"
"""Names of the images in their archives."""


def init_image() -> Path:
    """Return the archive of the init container's image."""
    return images_of(bundle()) / "kuma-init.tar"


def cni_image() -> Path:
    """Return the archive of the image with plugin and installer."""
    return images_of(bundle()) / "kuma-cni.tar"


def room_for_images_here() -> None:
    """Give podman on a node a place that holds more than a host's /run; it ends with the node."""
    Path("/run/containers").mkdir()
    mount("lab-images", "/run/containers", "tmpfs", options="mode=0700,size=1g")


def images_of(made_of: Path) -> Path:
    """Return the folder with both archives of a bundle; AssertionError with what builders say."""
    return cached(CACHE, _inputs(made_of), partial(build, made_of))


def _inputs(made_of: Path) -> str:
    found = sha256(" ".join(sorted(path.name for path in made_of.iterdir())).encode())
    scripts = (*sorted(BUILDER.glob("*.py")), *sorted(BUNDLE_BUILDER.glob("*.py")))
    for path in (*scripts, *RECIPES):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def build(made_of: Path, output: Path) -> None:
    """Build both archives anew from a bundle, into a folder that must not be there."""
    with tempfile.TemporaryDirectory(dir=CACHE) as context:
        roots = Path(context, "dist", "images")
        _run("roots.py", "--bundle", str(made_of), "--output", str(roots))
        _run("archives.py", "--context", context, "--output", str(output))


def _run(script: str, *words: str) -> None:
    command = [sys.executable, str(BUILDER / script), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
