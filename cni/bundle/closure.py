"""Which modules a program can import, found by reading: its own, and theirs, and so on.

Every ``import`` counts, also those inside functions, but for blocks under ``TYPE_CHECKING``: they
never run.  A name that is nowhere to be found is left out: most are for other systems, and are
imported under ``try``.  What is imported by a name made at run time cannot be seen and has to be
listed (``contents.ALSO``).
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence
    from pathlib import Path


class Module(NamedTuple):
    """A module found: its name, its source or extension, whether it is a package."""

    name: str
    path: Path
    is_package: bool = False

    @property
    def is_source(self) -> bool:
        """Whether it is Python and not compiled C."""
        return self.path.suffix == ".py"


class Finder:
    """Finds modules by name in folders, the first of which wins."""

    def __init__(self, folders: Sequence[Path], unwanted: Container[str]) -> None:
        """Look in ``folders``; act as if the modules named ``unwanted`` were not there."""
        self._folders = tuple(folders)
        self._unwanted = unwanted

    def find(self, name: str) -> Module | None:
        """Return the module of that full name, None where there is none."""
        parts = name.split(".")
        if any(".".join(parts[:count]) in self._unwanted for count in range(1, len(parts) + 1)):
            return None
        for folder in self._folders:
            place = folder.joinpath(*parts)
            if (init := place / "__init__.py").is_file():
                return Module(name, init, is_package=True)
            if (source := place.with_name(place.name + ".py")).is_file():
                return Module(name, source)
            for extension in sorted(place.parent.glob(f"{place.name}.cpython-*.so")):
                return Module(name, extension)
        return None

    def closure(self, names: Sequence[str]) -> dict[str, Module]:
        """Return the modules of those names and all that they can import, by name."""
        found: dict[str, Module] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            module = None if name in found else self.find(name)
            if module is None:
                continue
            found[name] = module
            parent = name.rpartition(".")[0]
            waiting += [parent] if parent else []
            if module.is_source:
                waiting += imported(module)
        return dict(sorted(found.items()))


def imported(module: Module) -> Iterator[str]:
    """Walk over the names that a module's source imports; some may be no modules."""
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    for node in _running(ast.parse(module.path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Walk over a tree without what stands under ``if TYPE_CHECKING``."""
    yield node
    skipped: list[ast.AST] = []
    if isinstance(node, ast.If) and "TYPE_CHECKING" in {
        getattr(node.test, "id", ""),
        getattr(node.test, "attr", ""),
    }:
        skipped = list(node.body)
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield from _running(child)
