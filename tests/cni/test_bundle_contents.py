"""What is in the bundle: all it needs, nothing that tells of the builder, the same every time."""

from __future__ import annotations

import ast
import json
import marshal
import re
import shutil
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from architecture import ARCHITECTURES, this_architecture
from closure import Finder, imported
from contents import UNWANTED, modules
from elf import read_elf
from folder import Folder
from parts import make_launcher
from provenance import Package
from record import record
from sbom import address
from shelves import read_runs, shelves

from kuma_net import __version__
from lab.bundle import ROOT, bundle
from lab.cni import Caller
from lab.inside_bundle import command, folder_of, run_inside
from lab.processes import eventually

MOST = 15 * 2**20
IMPORT_ALL = """
import importlib, zipimport
archive = zipimport.zipimporter(sys.path[-1])
names = [path[:-4].replace("/", ".").removesuffix(".__init__") for path in archive._files]
for name in sorted([*names, *homes]):
    if not name.endswith("__main__"):
        try:
            importlib.import_module(name)
        except Exception as problem:
            print(name, repr(problem))
"""
TLS = """
import ssl
print(ssl.OPENSSL_VERSION)
print(len(ssl.create_default_context(cadata=None).get_ciphers()) > 5)
print([line.split()[-1] for line in open("/proc/self/maps") if "libcrypto" in line][0])
"""


LIGHTER = """
from kuma_cni.spec import request
print(request.read_request.__annotations__, request.read_request.__doc__)
print(request.Request.__annotations__["verb"], "Verb" in vars(request))
def fail():
    request.read_request(None, b"")
try:
    fail()
except Exception as problem:
    import traceback
    last = traceback.extract_tb(problem.__traceback__)[-1]
    print(last.filename, last.lineno > 1)
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the sources, in a folder of another name and length."""
    place = tmp_path_factory.mktemp("a-folder-with-a-rather-long-name") / "sources"
    for name in ("kuma_net", "cni/kuma_cni", "cni/bundle", "LICENSE"):
        source, target = ROOT / name, place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return place


def built(sources: Path, output: Path) -> Path:
    """Build a bundle of a copy of the sources."""
    argv = [sys.executable, f"{sources}/cni/bundle/build.py", "--output", str(output)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return output


def contents(bundle: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return mode, time and bytes of everything in a bundle."""
    return {
        str(path.relative_to(bundle)): (
            path.stat().st_mode,
            int(path.stat().st_mtime) if path.is_file() else 0,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in bundle.rglob("*")
    }


def test_the_same_sources_elsewhere_give_the_same_bytes(copy: Path, tmp_path: Path) -> None:
    shutil.copytree(copy, tmp_path / "sources")
    one = contents(built(copy, tmp_path / "one"))
    assert contents(built(tmp_path / "sources", tmp_path / "another" / "place")) == one
    assert [name for name, (_, _, data) in one.items() if str(copy).encode() in data] == []


def test_the_folders_name_tells_its_contents() -> None:
    folders = [Folder() for _ in range(4)]
    for folder in folders:
        folder.put("a", b"1")
    folders[1].put("b", b"")
    folders[2].put("a\0-", b"")
    folders[3].copy("b", Path("/dev/null"), program=True)
    assert len({folder.digest() for folder in folders}) == 4
    with pytest.raises(ValueError, match="is there already"):
        folders[0].put("a", b"2")


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in bundle().rglob("*") if path.is_file()) <= MOST


def test_the_launcher_needs_no_library() -> None:
    assert read_elf(bundle() / "kuma-cni").needed == ()
    assert (bundle() / "kuma-cni").stat().st_size < 32_768


def test_every_module_in_it_can_be_imported_in_it() -> None:
    assert run_inside(bundle(), IMPORT_ALL) == ""


def test_code_lacks_what_only_readers_and_checkers_need_but_tells_lines() -> None:
    assert run_inside(bundle(), LIGHTER).splitlines() == [
        "{} None",
        "Verb False",
        "kuma_cni/spec/request.py True",
    ]


def test_nothing_of_ours_imports_what_is_left_out() -> None:
    ours = [module for name, module in modules().items() if name.startswith("kuma_")]
    assert len(ours) > 200
    missed = {
        f"{module.name}: {name}"
        for module in ours
        for name in imported(module)
        if {name, name.partition(".")[0], name.rpartition(".")[0]} & UNWANTED
    }
    assert missed == set()


def test_tls_works_from_libraries_unpacked_into_memory() -> None:
    version, has_ciphers, mapped = run_inside(bundle(), TLS).splitlines()
    assert version.startswith("OpenSSL 3.")
    assert has_ciphers == "True"
    assert mapped == "(deleted)"  # of memfd_create(2)


def test_tls_works_where_files_in_memory_must_not_be_executed() -> None:
    caller = Caller()  # the setting is one of its process namespace
    try:
        caller.write("/proc/sys/vm/memfd_noexec", "2")
        said = caller.run(command(folder_of(bundle()), TLS)).stdout
    finally:
        caller.stop()
    assert said.startswith("OpenSSL 3.")


def test_shelves_hold_what_the_usual_runs_load_in_that_order() -> None:
    assert record() == read_runs(), "run: python cni/bundle/record.py"


def test_a_shelf_has_what_the_same_runs_load() -> None:
    runs = {"one": ["a", "b", "c"], "two": ["b", "c", "d"], "three": ["gone", "c", "e"]}
    assert shelves(runs, "abcde") == {
        "one": ["a"],
        "one+two": ["b"],
        "one+three+two": ["c"],
        "three": ["e"],
        "two": ["d"],
    }


# --- papers -------------------------------------------------------------------------------------


def test_the_bill_of_materials_names_every_file_with_its_checksums() -> None:
    folder = folder_of(bundle())
    bill = json.loads((folder / "sbom.spdx.json").read_text())
    assert bill["spdxVersion"] == "SPDX-2.3"
    listed = {
        entry["fileName"].removeprefix("./"): entry["checksums"][1]["checksumValue"]
        for entry in bill["files"]
    }
    real = {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "sbom.spdx.json"
    }
    assert listed == real


def test_the_bill_of_materials_holds_together() -> None:
    folder = folder_of(bundle())
    bill = json.loads((folder / "sbom.spdx.json").read_text())
    named = [entry["SPDXID"] for entry in (bill, *bill["packages"], *bill["files"])]
    assert len(named) == len(set(named))
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name) for name in named)
    ends = {
        entry[end]
        for entry in bill["relationships"]
        for end in ("spdxElementId", "relatedSpdxElement")
    }
    assert ends == set(named)
    packages = {entry["name"] for entry in bill["packages"]}
    assert {"kuma-net", "python3.11-minimal", "libc6", "libssl3", "musl-dev", "h2"} <= packages
    for entry in bill["packages"]:
        licence = folder / entry["licenseComments"].removeprefix("in full: ")
        assert len(licence.read_text()) > 500, entry["name"]


def test_a_package_has_its_url() -> None:
    debian = Package("deb", "libc6", "2.36-9+deb12u1", "", architecture="amd64")
    assert address(debian) == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u1?arch=amd64"
    assert address(Package("generic", "KUMA-net", "0.1.0", "")) == "pkg:generic/kuma-net@0.1.0"


def test_licences_that_are_pointed_at_are_there() -> None:
    folder = folder_of(bundle()) / "licences"
    common = {path.name for path in (folder / "common-licenses").iterdir()}
    assert {"GPL-2", "LGPL-2.1", "Apache-2.0"} <= common


# --- upgrading ----------------------------------------------------------------------------------


def saying(place: Path, code: str) -> Path:
    """Make another bundle: a folder of another name, with its launcher, that runs some code."""
    folder = place / "kuma-cni-0123456789abcdef"
    shutil.copytree(folder_of(bundle()), folder)
    compiled = compile(f"import os, sys\nsys.stdout.write({code})", "start", "exec")
    (folder / "start").write_bytes(marshal.dumps(compiled))
    make_launcher(place / "kuma-cni", folder.name, this_architecture())
    return place


def test_the_rest_of_the_environment_is_passed_on(tmp_path: Path) -> None:
    place = saying(
        tmp_path / "bundle", "repr((dict(os.environ), sys.argv[2:], sys.flags.isolated))"
    )
    kept = {
        "CNI_ARGS": "K8S_POD_NAME=LD_PRELOAD=x",
        "KUBERNETES_SERVICE_HOST": "192.0.2.1",
        "LANGUAGES": "",
        "LDAP": "1",
        "MY_PYTHON": "1",
        "PATH": "/usr/bin",
        "TZX": "é",
    }
    dropped = dict.fromkeys(("LANG", "LC_CTYPE", "LD_PRELOADED", "PYTHONX", "TZ"), "x")
    argv = ["odd/name", "--word", "", "a b", "-c", "é"]
    done = subprocess.run(
        argv, executable=place / "kuma-cni", env=kept | dropped, capture_output=True, check=True
    )
    expected = (kept | {"LC_ALL": "C", "TZ": "UTC0"}, ["name", *argv[1:]], 1)
    assert ast.literal_eval(done.stdout.decode()) == expected


def test_it_is_replaced_while_it_runs_and_no_call_fails(tmp_path: Path) -> None:
    newer = saying(tmp_path / "newer", r"'newer\n'")
    place = tmp_path / "bin"
    shutil.copytree(bundle(), place)
    old = folder_of(place)
    said: list[tuple[int, str]] = []
    stopping = threading.Event()

    def ask() -> None:
        while not stopping.is_set():
            argv = [f"{place}/kuma-cni", "--version"]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            said.append((done.returncode, done.stdout + done.stderr))

    callers = [threading.Thread(target=ask) for _ in range(3)]
    for caller in callers:
        caller.start()
    assert eventually(lambda: len(said) > 10)
    shutil.copytree(folder_of(newer), place / folder_of(newer).name)
    shutil.copy(newer / "kuma-cni", place / ".kuma-cni.new")
    (place / ".kuma-cni.new").rename(place / "kuma-cni")
    before = len(said)
    assert eventually(lambda: len(said) > before + 10)
    shutil.rmtree(old)  # whoever began before has ended
    assert eventually(lambda: len(said) > before + 20)
    stopping.set()
    for caller in callers:
        caller.join()
    assert {code for code, _ in said} == {0}
    versions = [text for _, text in said]
    assert versions[0] == f"kuma-cni {__version__}\n"
    assert versions[-1] == "newer\n"
    assert len(set(versions)) == 2


# --- the builder's parts ------------------------------------------------------------------------


def test_each_architecture_has_its_own_names() -> None:
    for field in range(len(ARCHITECTURES[0])):
        assert len({one[field] for one in ARCHITECTURES}) == len(ARCHITECTURES)
    assert this_architecture("aarch64").library_folders[0] == "/lib/aarch64-linux-gnu"
    with pytest.raises(SystemExit, match="no bundle can be made for riscv64: known are x86_64"):
        this_architecture("riscv64")


def test_libraries_are_read_from_elf_files_as_the_loader_does(tmp_path: Path) -> None:
    (tmp_path / "no-elf").write_bytes(b"#!/bin/sh\n")
    with pytest.raises(ValueError, match="no 64-bit little-endian ELF file"):
        read_elf(tmp_path / "no-elf")
    found = read_elf(Path("/usr/bin/python3.11"))
    assert found.machine == this_architecture().elf
    shown = subprocess.run(
        ["readelf", "--dynamic", "/usr/bin/python3.11"], capture_output=True, text=True, check=True
    )
    assert list(found.needed) == re.findall(r"\(NEEDED\).*\[(.*)\]", shown.stdout)


def test_what_a_program_can_import_is_found_by_reading(tmp_path: Path) -> None:
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    texts = {
        "__init__.py": "",
        "one.py": "import missing\ndef late():\n    from package import two as other\n",
        "two.py": "from .inner import three\nif TYPE_CHECKING:\n    import hidden\n",
        "inner/__init__.py": "",
        "inner/three.py": "from ..four import NAME\nimport unwanted.part\nimport ext\n",
        "four.py": "",
        "five.py": "",
    }
    for name, text in texts.items():
        (package / name).write_text(text)
    for name in ("hidden.py", "unwanted.py", "ext.cpython-311-x86_64-linux-gnu.so"):
        (tmp_path / name).touch()
    found = Finder([tmp_path], {"unwanted"}).closure(["package.one"])
    assert list(found) == [
        "ext",
        "package",
        "package.four",
        "package.inner",
        "package.inner.three",
        "package.one",
        "package.two",
    ]
    assert not found["ext"].is_source
    assert found["package.inner"].is_package
