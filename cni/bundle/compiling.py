"""Sources to bytecode, by the interpreter that will run it, the same bytes every time.

``compiled`` starts Debian's interpreter on this very file, since bytecode is the business of one
version of Python.  What surprised us: marshal writes whether an object is shared, which it takes
from reference counts; so the same source gives other bytes depending on what else the process
has done.  A fresh process that always does the same in the same order gives the same bytes.
Sources get names relative to the bundle, or every folder of every builder would be in them.

Docstrings and assertions are left out (``-OO``), and of the places in the source the columns: lines
do for a traceback, and a third of the bytes is saved, which the interpreter would have to read.
"""

from __future__ import annotations

import _imp
import ast
import json
import marshal
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import CodeType

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
        [python, "-I", "-S", "-B", "-X", "no_debug_ranges", __file__],
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


class _Lighter(ast.NodeTransformer):
    """Leaves out of our own modules what only type checkers read.

    Annotations of classes stay: records are made of them (``kuma_net.record``).
    """

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave out the annotations of a function."""
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Leave out what stands under ``if TYPE_CHECKING``."""
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse or ast.Pass()
        return node


def _code(name: str, path: str, shown: str) -> CodeType:
    """Compile a module."""
    tree = ast.parse(Path(path).read_bytes(), shown)
    if name.partition(".")[0] in {"kuma_net", "kuma_cni"}:
        tree = ast.fix_missing_locations(_Lighter().visit(tree))
    return compile(tree, shown, "exec", dont_inherit=True, optimize=2)


def _work() -> None:
    """Be the fresh process: sources on standard input, bytecode on standard output."""
    sources, shelves = json.load(sys.stdin)
    codes = {
        name: (is_package, _code(name, path, shown)) for name, path, shown, is_package in sources
    }
    files = [HEADING + marshal.dumps(code) for _, code in codes.values()]
    made = [marshal.dumps([(name, *codes[name]) for name in shelf]) for shelf in shelves]
    frozen = tuple(name for name in codes if _imp.is_frozen(name))
    sys.stdout.buffer.write(marshal.dumps((files, made, frozen)))


if __name__ == "__main__":
    _work()
