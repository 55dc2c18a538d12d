"""The shape of the tree and what its texts may not say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import kuma_net
from contracts.tree import PACKAGE, PACKAGES, ROOT, files, shown, texts


def mirrored(*words: str) -> re.Pattern[str]:
    """Return a pattern of words that are written backwards here, lest this file find itself."""
    return re.compile("|".join(re.escape(word[::-1]) for word in words))


UNFINISHED = mirrored("ODOT", "EMXIF", 3 * "X", "rorrEdetnemelpmItoN")
PACKAGE_INDEX = mirrored("lru-xedni", "gro.ipyp", "detsohnohtyp", "gro.naibed.bed")


@pytest.mark.parametrize("folder", ["tests", "dns", "cni", "bench", "docs"])
def test_folders_that_would_shadow_an_import_name_are_no_packages(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_every_package_says_what_lives_in_it() -> None:
    folders = {
        path.parent
        for path in files()
        if path.suffix == ".py" and PACKAGES.keys() & set(path.parents)
    }
    assert [
        shown(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()
    ] == []


def test_no_folder_stands_empty_but_for_its_init() -> None:
    inits = [init for package in PACKAGES for init in package.glob("*/__init__.py")]
    for init in inits:
        assert [path for path in init.parent.glob("*.py") if path != init], shown(init)


def test_nothing_is_left_unfinished() -> None:
    hits = [
        f"{shown(path)}: {found.group()}"
        for path, text in texts()
        if path.suffix in {".py", ".sh", ""}
        for found in UNFINISHED.finditer(text)
    ]
    assert hits == []


def test_no_text_names_a_place_on_somebodys_machine() -> None:
    # Where the project lies, unless that is a place every machine has.
    common = {"/", "/home/", "/opt/", "/root/", "/src/", "/srv/", "/tmp/", "/usr/src/"}
    places = {f"{ROOT}/", f"{ROOT.parent}/".replace("//", "/")} - common
    hits = [shown(path) for path, text in texts() if any(place in text for place in places)]
    assert hits == []


def test_no_text_names_a_package_index() -> None:
    assert [shown(path) for path, text in texts() if PACKAGE_INDEX.search(text)] == []


def test_texts_end_with_one_newline_and_have_no_trailing_blanks() -> None:
    hand_written = [(path, text) for path, text in texts() if path.suffix != ".svg" and text]
    ends = [shown(path) for path, text in hand_written if not text.endswith("\n")]
    assert ends == []
    ours = [(path, text) for path, text in hand_written if path.suffix in {".py", ".md", ".toml"}]
    assert [shown(path) for path, text in ours if re.search(r"[ \t]+$", text, re.MULTILINE)] == []


# --- packaging ----------------------------------------------------------------------------------


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_stands_in_one_place() -> None:
    assert "version" in project()["project"]["dynamic"]  # type: ignore[index]
    mentions = [
        shown(path)
        for path, text in texts()
        if path.suffix in {".py", ".toml"}
        and path.is_relative_to(PACKAGE)
        and re.search(rf'"{re.escape(kuma_net.__version__)}"', text)
    ]
    assert mentions == ["kuma_net/__init__.py"]
    assert f"## {kuma_net.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_script_shadows_kumactl() -> None:
    scripts = project()["project"]["scripts"]  # type: ignore[index]
    assert sorted(scripts) == ["kuma-cni", "kuma-cni-install", "kuma-dns", "kuma-init", "kuma-net"]


def test_the_extras_have_their_stable_names() -> None:
    extras = project()["project"]["optional-dependencies"]  # type: ignore[index]
    assert {"cni", "dev", "dns", "envoy"} <= set(extras)


def test_the_readme_begins_with_the_makefiles_first_two_targets() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets[:2] == ["demo", "test"]
    readme = (ROOT / "README.md").read_text()
    assert 0 < readme.index("make demo") < readme.index("make test")


def test_each_ignored_finding_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    ignores = re.findall(r'^  "[A-Z]+[0-9]*",.*$', text, re.MULTILINE)
    assert [line for line in ignores if "#" not in line] == []
    noqa = re.compile(r"# noqa(?!: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - )")
    python = [(path, text) for path, text in texts() if path.suffix == ".py"]
    hits = [shown(path) for path, text in python if path != Path(__file__) and noqa.search(text)]
    assert hits == []
