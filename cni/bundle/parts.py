"""The parts of the folder: interpreter and libraries, modules, TLS, the launcher beside it."""

from __future__ import annotations

import marshal
import os
import subprocess
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from architecture import PYTHON, VERSION, Architecture
from closure import Module
from compiling import HEADING, compiled
from contents import AT_START, EXTENSIONS, TLS_EXTENSION, TLS_LIBRARIES
from elf import read_elf
from folder import EPOCH, Folder, zipped
from shelves import read_runs, shelves

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).resolve().parent
LIBRARY = f"lib/python{VERSION}"
"""Where the interpreter looks for what it needs to start, below its own folder's parent."""
LANDMARK = f"{LIBRARY}/os.pyc"
"""By this file it knows the place; it is empty, as the real ``os`` is inside the interpreter."""
COMPILER = "musl-gcc"
PRELOAD = b"/etc/ld.so.preload"
"""ld.so(8)."""


def put_interpreter(folder: Folder, architecture: Architecture, extensions: list[Path]) -> None:
    """Add interpreter, loader, extension modules, and all libraries that they need."""
    if not Path(PYTHON).exists():
        raise SystemExit(f"there is no {PYTHON}: a bundle is made of Debian 12's interpreter")
    folder.copy(f"bin/python{VERSION}", Path(PYTHON), program=True)
    loader = Path(architecture.loader)
    folder.put(f"lib/{loader.name}", deaf(loader), loader, program=True)
    for path in extensions:
        folder.copy(f"{LIBRARY}/lib-dynload/{path.name}", path)
    for name, path in libraries([Path(PYTHON), *extensions], architecture).items():
        if name != loader.name:
            folder.copy(f"lib/{name}", path)


def deaf(loader: Path) -> bytes:
    """Return the loader without the name of a file that it would read on any machine.

    Libraries that a machine wants in each of its programs are not for ours, which may well have
    another C library than they.  No option keeps the loader from that file; an empty path does.
    """
    data = loader.read_bytes()
    if data.count(PRELOAD) != 1:
        raise SystemExit(f"{loader} names {PRELOAD.decode()} {data.count(PRELOAD)} times, not once")
    return data.replace(PRELOAD, bytes(len(PRELOAD)))


def libraries(files: Iterable[Path], architecture: Architecture) -> dict[str, Path]:
    """Return the libraries that some ELF files need, and those that these need, by soname.

    Raises SystemExit for one that is nowhere, and for a file of another machine.
    """
    found: dict[str, Path] = {}
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        elf = read_elf(file)
        if elf.machine != architecture.elf:
            raise SystemExit(f"{file} is not for {architecture.machine}")
        for name in set(elf.needed) - found.keys():
            places = [Path(one, name) for one in architecture.library_folders]
            places.append(Path(architecture.loader).with_name(name))
            path = next((place for place in places if place.exists()), None)
            if path is None:
                raise SystemExit(f"{file} needs {name}, which is nowhere to be found")
            found[name] = path
            waiting.append(path)
    return dict(sorted(found.items()))


def put_modules(folder: Folder, wanted: dict[str, Module]) -> None:
    """Add what is loaded before anything of ours, the shelves, and a zip file with the rest."""
    own = {"start": Module("start", HERE / "start.py"), "_ssl": Module("_ssl", HERE / "tls.py")}
    sources = {name: one for name, one in wanted.items() if one.is_source} | own
    lying = shelves(read_runs(), sources)
    bytecode = compiled(PYTHON, list(sources.values()), lying)
    homes = {name: f"shelves/{shelf}" for shelf, names in lying.items() for name in names}
    folder.put("start", bytecode.modules.pop("start").removeprefix(HEADING))
    # Version 2 writes nothing that depends on reference counts, see ``compiling``.
    folder.put("homes", marshal.dumps(dict(sorted(homes.items())), 2))
    for shelf, data in bytecode.shelves.items():
        folder.put(f"shelves/{shelf}", data)
    folder.put(LANDMARK, b"")
    plain = {"encodings", "encodings.aliases", *(f"encodings.{name}" for name in AT_START)}
    archived = {}
    for name, data in bytecode.modules.items():
        path = f"{name.replace('.', '/')}{'/__init__' if sources[name].is_package else ''}.pyc"
        if name in plain:
            folder.put(f"{LIBRARY}/{path}", data)
        elif name not in {*homes, *bytecode.frozen}:
            archived[path] = data
    folder.put("modules.zip", zipped(archived))


def put_tls(folder: Folder, architecture: Architecture) -> None:
    """Add what TLS needs, compressed; see ``tls``."""
    extension = next(EXTENSIONS.glob(f"{TLS_EXTENSION}.cpython-*.so"))
    found = libraries([extension], architecture)
    for name in TLS_LIBRARIES:
        folder.put(f"tls/{name}.z", zlib.compress(found[name].read_bytes(), 9), found[name])
    folder.put(f"tls/{TLS_EXTENSION}.so.z", zlib.compress(extension.read_bytes(), 9), extension)


def make_launcher(path: Path, folder: str, architecture: Architecture) -> None:
    """Compile the launcher, which has the folder's name inside; raises SystemExit."""
    names = {
        "FOLDER": folder,
        "LOADER": f"lib/{Path(architecture.loader).name}",
        "PYTHON": f"bin/python{VERSION}",
    }
    defined = [f'-D{name}="{text}"' for name, text in names.items()]
    options = ["-static", "-Os", "-s", "-Wl,--build-id=none", "-Wall", "-Wextra", "-Werror"]
    command = [COMPILER, *options, *defined, str(HERE / "launcher.c"), "-o", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SystemExit(f"there is no {COMPILER}: apt-get install musl-tools") from None
    if done.returncode:
        raise SystemExit(f"the launcher could not be compiled: {done.stderr}")
    path.chmod(0o755)
    os.utime(path, (EPOCH, EPOCH))
