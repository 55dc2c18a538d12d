"""Modules: size, documentation, tests, exports, nothing patched."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import kuma_net
from contracts.tree import PACKAGES, package_of, python_files, shown, tree_of

LONGEST_FILE = 400
LONGEST_FUNCTION = 50
SHIPPED = python_files("kuma_net", "cni/kuma_cni", "dns/kuma_dns")
MEASURED = python_files("kuma_net", "cni", "dns/kuma_dns", "bench", "docs")
EFFECT_FOLDERS = {
    *("host", "serving", "backends", "actions", "cli", "server"),
    *("plugin", "kubernetes", "cri", "repair", "installer"),
}

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
PublicName = tuple[str, FunctionNode | ast.ClassDef]


def is_public(name: str) -> bool:
    return not name.startswith("_")


def public_names(body: list[ast.stmt], prefix: str = "") -> Iterator[PublicName]:
    """Walk over the public functions, classes and methods of a body, nested conditions included."""
    for node in body:
        if isinstance(node, ast.If):
            yield from public_names(node.body + node.orelse, prefix)
        if isinstance(node, FunctionNode | ast.ClassDef) and is_public(node.name):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_names(node.body, f"{prefix}{node.name}.")


@pytest.mark.parametrize("path", MEASURED, ids=shown)
def test_files_and_functions_keep_within_their_budget(path: Path) -> None:
    assert path.read_text().count("\n") <= LONGEST_FILE
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(tree_of(path))
        if isinstance(node, FunctionNode)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


@pytest.mark.parametrize("path", SHIPPED, ids=shown)
def test_every_module_and_public_name_is_documented(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree), "the module has no docstring"
    bare = [name for name, node in public_names(tree.body) if needs_words(node)]
    assert bare == []


def needs_words(node: FunctionNode | ast.ClassDef) -> bool:
    """Whether a definition has no docstring and is no setter of something that has one."""
    marks = {getattr(mark, "attr", getattr(mark, "id", "")) for mark in node.decorator_list}
    return not ast.get_docstring(node) and not marks & {"overload", "override", "setter"}


@pytest.mark.parametrize("path", SHIPPED, ids=shown)
def test_no_class_has_a_name_that_says_nothing(path: Path) -> None:
    empty_words = ("Manager", "Helper", "Util", "Utils", "Data", "Info")
    names = [node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)]
    assert [name for name in names if name.endswith(empty_words)] == []


def test_every_module_has_its_test_file() -> None:
    real = {
        path.name for path in python_files("tests/kernel", "tests/cni", "tests/dns", "tests/e2e")
    }
    missing = []
    for path in SHIPPED:
        if path.name in {"__init__.py", "__main__.py"}:
            continue
        package = package_of(path)
        place = path.relative_to(package)
        name = f"test_{place.stem.rstrip('_')}.py"
        unit = PACKAGES[package] / place.parent / name
        if not unit.exists() and not (place.parts[0] in EFFECT_FOLDERS and name in real):
            missing.append(f"{shown(path)}: {shown(unit)}")
    assert missing == []


def test_every_unit_test_file_has_its_module() -> None:
    modules = {
        str(PACKAGES[package_of(path)] / path.relative_to(package_of(path))) for path in SHIPPED
    }
    strays = []
    for path in python_files("tests/unit"):
        stem = path.stem.removeprefix("test_")
        # test_plan_refusals.py belongs to plan.py: a module may have several test files.
        words = stem.split("_")
        stems = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
        candidates = {str(path.parent / f"{name}{end}.py") for name in stems for end in ("", "_")}
        if path.stem.startswith("test_") and not candidates & modules:
            strays.append(shown(path))
    assert strays == []


def test_exports_are_sorted_and_complete() -> None:
    names = list(kuma_net.__all__)
    assert names == sorted(set(names))
    for name in names:
        assert getattr(kuma_net, name) is not None
    assert set(names) <= set(dir(kuma_net))
    with pytest.raises(AttributeError):
        kuma_net.nothing_of_that_name  # noqa: B018 - asked for its error


@pytest.mark.parametrize("path", SHIPPED, ids=shown)
def test_every_module_can_be_imported_alone(path: Path) -> None:
    parts = path.relative_to(package_of(path).parent).with_suffix("").parts
    importlib.import_module(".".join(part for part in parts if part != "__init__"))


@pytest.mark.parametrize("path", python_files(), ids=shown)
def test_nothing_is_patched_or_impersonated(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            assert not any(name.name in {"mock", "unittest"} for name in node.names)
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in {"mock", "unittest"}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            patches = (node.value.id, node.attr) == ("monkeypatch", "setattr")
            assert not patches, f"line {node.lineno}: hand in the world as a parameter"
