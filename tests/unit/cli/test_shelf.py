"""The shelf: loaded when fresh, left alone whenever anything about it is in doubt."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kuma_net.cli import shelf
from kuma_net.cli.shelf import MODULES, place, put

ROOT = Path(shelf.__file__).parents[2]
TAKEN = """
import sys
sys.path.insert(0, {root!r})
from kuma_net.cli.shelf import take
print(take({path!r}), "sample" in sys.modules, "sample.part" in sys.modules)
if "sample" in sys.modules:
    import sample.part
    from importlib import import_module, reload
    print(sample.part.VALUE, sample.part.__file__, sample.part.__package__, sample.__path__)
    print(sample.__spec__.submodule_search_locations, sample.part.__spec__.has_location)
    print(reload(sample.part).VALUE, sample.part is import_module("sample.part"))
"""


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Return a folder with a package ``sample`` and its module ``part``."""
    package = tmp_path / "sample"
    package.mkdir()
    package.joinpath("__init__.py").write_text("")
    package.joinpath("part.py").write_text("import sample\nVALUE = 7\n")
    return tmp_path


def filled(sample: Path) -> str:
    """Put the sample on a shelf and return the shelf's path."""
    sys.path.insert(0, str(sample))
    try:
        return put(str(sample / "cache" / "a.shelf"), ["sample", "sample.part"])
    finally:
        sys.path.remove(str(sample))
        for name in ("sample", "sample.part"):
            sys.modules.pop(name, None)


def taken(path: str) -> list[str]:
    """Take from a shelf in a fresh interpreter; return the lines that tell what came of it."""
    program = TAKEN.format(root=str(ROOT), path=path)
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_what_is_taken_is_what_an_import_would_have_given(sample: Path) -> None:
    first, *rest = taken(filled(sample))
    package = sample / "sample"
    assert first == "True True True"
    assert rest == [
        f"7 {package / 'part.py'} sample [{str(package)!r}]",
        f"[{str(package)!r}] True",
        "7 True",
    ]


def test_a_changed_source_leaves_the_whole_shelf_alone(sample: Path) -> None:
    path = filled(sample)
    os.utime(sample / "sample" / "part.py", (1, 1))
    assert taken(path) == ["False False False"]


def test_a_source_of_another_size_leaves_the_whole_shelf_alone(sample: Path) -> None:
    path = filled(sample)
    part = sample / "sample" / "part.py"
    times = part.stat()
    part.write_text("VALUE = 8  # longer than it was before\n")
    os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert taken(path) == ["False False False"]


@pytest.mark.parametrize("damage", [b"", b"'3.2 (another interpreter)'\n", None])
def test_a_shelf_that_cannot_be_read_is_left_alone(sample: Path, damage: bytes | None) -> None:
    path = Path(filled(sample))
    data = path.read_bytes()
    path.write_bytes(data[:-100] if damage is None else damage + data[:10])
    assert taken(str(path)) == ["False False False"]


def test_a_missing_shelf_is_nothing(sample: Path) -> None:
    assert taken(str(sample / "none.shelf")) == ["False False False"]


def test_the_shelf_stands_beside_the_bytecode_of_this_interpreter() -> None:
    assert place().endswith(f"/cli/__pycache__/kuma-init.{sys.implementation.cache_tag}.shelf")


def test_every_module_is_listed_once_and_exists() -> None:
    assert len(MODULES) == len(set(MODULES))
    for name in MODULES:
        path = ROOT.joinpath(*name.split("."))
        assert path.with_suffix(".py").exists() or path.joinpath("__init__.py").exists(), name
