"""Make the self-contained folder: ``python cni/bundle/build.py [--output DIR]``.

DIR (``dist/cni-bundle``) gets the launcher ``kuma-cni`` and beside it the folder
``kuma-cni-DIGEST``.  The same inputs give the same bytes: files are written in order, with one
time and two modes, and hold no path of the builder.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from architecture import PYTHON, VERSION, Architecture, this_architecture
from closure import Module
from compiling import Bytecode, compiled
from contents import AT_START, EXTENSIONS, ROOT, TLS_EXTENSION, TLS_LIBRARIES, modules
from elf import read_elf
from shelves import SHELVES

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).resolve().parent
EPOCH = 315_532_800
"""The first of January 1980, the oldest time that a zip file can tell; all files have it."""
LAUNCHER = "kuma-cni"


class Folder:
    """A folder in the making: contents by path, and what of the machine's files they are."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.files: dict[str, bytes] = {}
        self.programs: set[str] = set()
        self.origins: dict[str, Path] = {}

    def put(self, path: str, data: bytes) -> None:
        """Add a file; twice the same path is a mistake of ours."""
        assert path not in self.files, path  # noqa: S101 - as said
        self.files[path] = data

    def copy(self, path: str, origin: Path, *, program: bool = False) -> None:
        """Add a file of this machine as it is."""
        self.put(path, origin.read_bytes())
        self.origins[path] = origin
        if program:
            self.programs.add(path)

    def digest(self) -> str:
        """Return a name for exactly these contents."""
        total = sha256()
        for path, data in sorted(self.files.items()):
            kind = b"x" if path in self.programs else b"-"
            total.update(path.encode() + b"\0" + kind + sha256(data).digest())
        return total.hexdigest()[:16]

    def write(self, place: Path) -> None:
        """Write it all below ``place``, with fixed times and modes."""
        for path, data in sorted(self.files.items()):
            target = place / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(0o755 if path in self.programs else 0o644)
        for made in [*sorted(place.rglob("*")), place]:
            if made.is_dir():
                made.chmod(0o755)
            os.utime(made, (EPOCH, EPOCH))


def build(output: Path) -> Path:
    """Make a bundle and return where its launcher is; raises SystemExit with what is missing."""
    architecture = this_architecture()
    folder = Folder()
    wanted = modules()
    bytecode = compile_all(wanted)
    put_interpreter(folder, architecture, wanted)
    put_modules(folder, wanted, bytecode)
    put_tls(folder, architecture)
    name = f"{LAUNCHER}-{folder.digest()}"
    with tempfile.TemporaryDirectory(dir=_made(output.parent)) as made:
        unfinished = Path(made, "bundle")
        folder.write(unfinished / name)
        make_launcher(unfinished / LAUNCHER, name, architecture)
        os.utime(unfinished, (EPOCH, EPOCH))
        unfinished.chmod(0o755)
        shutil.rmtree(output, ignore_errors=True)
        unfinished.rename(output)
    return output / LAUNCHER


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def compile_all(wanted: dict[str, Module]) -> Bytecode:
    """Compile all sources, our own two for the bundle's start among them."""
    own = [Module("start", HERE / "start.py"), Module("_ssl", HERE / "tls.py")]
    sources = [*own, *(one for one in wanted.values() if one.is_source)]
    return compiled(PYTHON, sources, list(SHELVES.values()))


def put_interpreter(folder: Folder, architecture: Architecture, wanted: dict[str, Module]) -> None:
    """Add interpreter, loader, extension modules, and all libraries that they need."""
    extensions = {
        one.path.name: one.path
        for one in wanted.values()
        if not one.is_source and one.name != TLS_EXTENSION
    }
    folder.copy(f"bin/python{VERSION}", Path(PYTHON), program=True)
    loader = Path(architecture.loader)
    folder.copy(f"lib/{loader.name}", loader, program=True)
    for name, path in extensions.items():
        folder.copy(f"lib/python{VERSION}/lib-dynload/{name}", path)
    for name, path in libraries([Path(PYTHON), *extensions.values()], architecture).items():
        if name != loader.name:
            folder.copy(f"lib/{name}", path)


def libraries(files: Iterable[Path], architecture: Architecture) -> dict[str, Path]:
    """Return the libraries that some ELF files need, and those that these need, by soname."""
    found: dict[str, Path] = {}
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        elf = read_elf(file)
        if elf.machine != architecture.elf:
            raise SystemExit(f"{file} is not for {architecture.machine}")
        for name in set(elf.needed) - found.keys():
            places = [Path(one, name) for one in architecture.library_folders]
            path = next((place for place in places if place.exists()), None)
            if path is None:
                raise SystemExit(f"{file} needs {name}, which is nowhere to be found")
            found[name] = path
            waiting.append(path)
    return dict(sorted(found.items()))


def put_modules(folder: Folder, wanted: dict[str, Module], bytecode: Bytecode) -> None:
    """Add what is loaded at the start as plain files, the shelves, and the rest as a zip file."""
    library = f"lib/python{VERSION}"
    folder.put("start", bytecode.modules.pop("start")[16:])
    for name, data in zip(SHELVES, bytecode.shelves, strict=True):
        folder.put(f"{name}.shelf", data)
    plain = {"os", "encodings", "encodings.aliases", *(f"encodings.{name}" for name in AT_START)}
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(bytecode.modules.items()):
            is_package = name in wanted and wanted[name].is_package
            path = name.replace(".", "/") + ("/__init__.pyc" if is_package else ".pyc")
            if name in plain or name.startswith("encodings."):
                folder.put(f"{library}/{path}", data)
            else:
                entry = zipfile.ZipInfo(path)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, data)
    folder.put("modules.zip", zipped.getvalue())


def put_tls(folder: Folder, architecture: Architecture) -> None:
    """Add what TLS needs, compressed."""
    extension = next(EXTENSIONS.glob(f"{TLS_EXTENSION}.cpython-*.so"))
    found = libraries([extension], architecture)
    for name, path in [(f"{TLS_EXTENSION}.so", extension)] + [
        (name, found[name]) for name in TLS_LIBRARIES
    ]:
        folder.put(f"tls/{name}.z", zlib.compress(path.read_bytes(), 9))
        folder.origins[f"tls/{name}.z"] = path


def make_launcher(path: Path, folder: str, architecture: Architecture) -> None:
    """Compile the launcher, which has the folder's name inside."""
    names = {
        "FOLDER": folder,
        "LOADER": f"lib/{Path(architecture.loader).name}",
        "PYTHON": f"bin/python{VERSION}",
    }
    defined = [f'-D{name}="{text}"' for name, text in names.items()]
    options = ["-static", "-Os", "-s", "-Wl,--build-id=none", "-Wall", "-Wextra", "-Werror"]
    command = ["musl-gcc", *options, *defined, str(HERE / "launcher.c"), "-o", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the launcher could not be compiled: {done.stderr}")
    path.chmod(0o755)
    os.utime(path, (EPOCH, EPOCH))


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
