"""Sources to bytecode, by the interpreter that will run it, the same bytes every time.

``compiled`` starts Debian's interpreter on this very file, since bytecode is the business of one
version of Python.  What surprised us: marshal writes whether an object is shared, which it takes
from reference counts; so the same source gives other bytes depending on what else the process
has done.  A fresh process that always does the same in the same order gives the same bytes.
Sources get names relative to the bundle, or every folder of every builder would be in them.

Docstrings and assertions are left out (``-OO``).
"""

from __future__ import annotations

import _imp
import json
import marshal
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from closure import Module

HEADING = MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
"""Of a .pyc file: made from a source of a hash that nobody checks (PEP 552): there is none."""


class Bytecode(NamedTuple):
    """Compiled modules: ``modules`` as .pyc files, ``shelves`` as ``start`` reads them.

    ``frozen`` are the names of those that the interpreter has inside.
    """

    modules: dict[str, bytes]
    shelves: dict[str, bytes]
    frozen: tuple[str, ...]


def compiled(
    python: str, modules: Sequence[Module], shelves: Mapping[str, Sequence[str]]
) -> Bytecode:
    """Compile modules, and put some of them on shelves, in the order given."""
    sources = [[one.name, str(one.path), shown_path(one), one.is_package] for one in modules]
    done = subprocess.run(
        [python, "-I", "-S", "-B", __file__],
        input=json.dumps([sources, [list(names) for names in shelves.values()]]).encode(),
        capture_output=True,
        check=False,
        env={},
    )
    if done.returncode:
        raise SystemExit(f"compiling failed: {done.stderr.decode()}")
    files, made, frozen = marshal.loads(done.stdout)  # noqa: S302 - our own process's
    by_name = dict(zip([one.name for one in modules], files, strict=True))
    return Bytecode(by_name, dict(zip(shelves, made, strict=True)), frozen)


def shown_path(module: Module) -> str:
    """Return the path that tracebacks show."""
    return module.name.replace(".", "/") + ("/__init__.py" if module.is_package else ".py")


def _work() -> None:
    """Be the fresh process: sources on standard input, bytecode on standard output."""
    sources, shelves = json.load(sys.stdin)
    codes = {
        name: (
            is_package,
            compile(Path(path).read_bytes(), shown, "exec", dont_inherit=True, optimize=2),
        )
        for name, path, shown, is_package in sources
    }
    files = [HEADING + marshal.dumps(code) for _, code in codes.values()]
    made = [marshal.dumps([(name, *codes[name]) for name in shelf]) for shelf in shelves]
    frozen = tuple(name for name in codes if _imp.is_frozen(name))
    sys.stdout.buffer.write(marshal.dumps((files, made, frozen)))


if __name__ == "__main__":
    _work()
