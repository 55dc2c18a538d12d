"""Make the self-contained folder: ``python cni/bundle/build.py [--output DIR]``.

DIR (``dist/cni-bundle``) gets the launcher ``kuma-cni`` and beside it the folder
``kuma-cni-DIGEST``.  The same inputs give the same bytes: files are written in order, with one
time and two modes, and hold no path of the builder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from architecture import this_architecture
from contents import ROOT, STANDARD_LIBRARY, TLS_EXTENSION, modules
from folder import EPOCH, Folder
from parts import make_launcher, put_interpreter, put_modules, put_tls
from provenance import (
    MUSL,
    debian_package,
    debian_packages,
    licence_texts,
    our_package,
    python_packages,
)
from sbom import bill

sys.path.insert(0, str(ROOT))
from kuma_net import __version__

LAUNCHER = "kuma-cni"


def build(output: Path) -> Path:
    """Make a bundle and return where its launcher is; raises SystemExit with what is missing."""
    architecture = this_architecture()
    wanted = modules()
    folder = Folder()
    extensions = {one.name: one.path for one in wanted.values() if not one.is_source}
    extensions.pop(TLS_EXTENSION)
    put_interpreter(folder, architecture, list(extensions.values()))
    put_modules(folder, wanted)
    put_tls(folder, architecture)
    put_papers(folder, [one.path for one in wanted.values()])
    name = f"{LAUNCHER}-{folder.digest()}"
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".bundle-") as made:
        unfinished = Path(made, "bundle")
        folder.write(unfinished / name)
        make_launcher(unfinished / LAUNCHER, name, architecture)
        unfinished.chmod(0o755)
        os.utime(unfinished, (EPOCH, EPOCH))
        shutil.rmtree(output, ignore_errors=True)
        unfinished.rename(output)
    return output / LAUNCHER


def put_papers(folder: Folder, sources: list[Path]) -> None:
    """Add licences and the bill of materials; ``sources`` are those of the modules."""
    debian = [path for path in sources if path.is_relative_to(STANDARD_LIBRARY)]
    owners = debian_packages([*folder.origins.values(), *debian])
    names = sorted({*owners.values(), MUSL})
    packages = [our_package(__version__), *map(debian_package, names), *python_packages()]
    for path, text in licence_texts(packages).items():
        folder.put(path, text)
    by_path = {name: owners[origin] for name, origin in folder.origins.items()}
    listed = bill("kuma-cni-bundle", packages, folder.files, by_path, folder.digest())
    folder.put("sbom.spdx.json", listed)


def main() -> int:
    """Build and say where."""
    parser = argparse.ArgumentParser(description="make the self-contained executable")
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "cni-bundle")
    launcher = build(parser.parse_args().output.resolve())
    size = sum(path.lstat().st_size for path in launcher.parent.rglob("*") if path.is_file())
    sys.stdout.write(f"{launcher}: {size / 2**20:.2f} MiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
