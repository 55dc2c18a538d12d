"""Start-up is a feature: what the lean entry point may load, whoever changed what."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from record import captured, request
from shelves import read_runs

from contracts.tree import ROOT

# Modules written in Python that may be loaded beside ours: each one costs, these were weighed.
WEIGHED = {"__future__", "_collections_abc", "abc", "genericpath", "os", "posixpath", "stat"}

FORBIDDEN = {
    "argparse",
    "asyncio",
    "click",
    "collections",
    "contextlib",
    "ctypes",
    "dataclasses",
    "enum",
    "functools",
    "hashlib",
    "inspect",
    "ipaddress",
    "json",
    "logging",
    "pathlib",
    "re",
    "shutil",
    "socket",
    "struct",
    "subprocess",
    "tempfile",
    "threading",
    "typing",
    "yaml",
}

PROGRAM = """
import sys
sys.path[:0] = {folders!r}
before = set(sys.modules)
{work}
loaded = {{
    name: getattr(module, "__file__", None) or ""
    for name, module in sys.modules.items() if name not in before
}}
import json
print("\\n" + json.dumps(loaded))
"""

DRY_RUN = """
from kuma_net.cli.init import main
main(["--dry-run", "--kuma-dp-user", "5678", "--redirect-dns"])
"""


PLUGIN = """
from kuma_cni.cli.main import main
main([])
"""
INSTALLER_HELP = """
from kuma_cni.cli.install import main
main(["--help"])
"""
DOCUMENTS = {
    "JSON": '{"kumaDPUser": "5678", "redirect": {"inbound": {"excludePorts": [9901]}}}',
    "YAML": 'kumaDPUser: "5678"\nredirect:\n  inbound:\n    excludePorts:\n    - 9901\n',
}


def loaded_by(
    work: str, environ: Mapping[str, str] | None = None, stdin: str = ""
) -> dict[str, str]:
    """Return the modules a bare interpreter loads for some work, with the file of each."""
    program = PROGRAM.format(folders=[str(ROOT), str(ROOT / "cni")], work=work)
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=dict(environ or {}),
    )
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def strangers(loaded: dict[str, str]) -> list[str]:
    """Return the modules that are neither ours nor written in C nor weighed."""
    # Which codec the interpreter loads depends on where it runs, not on us.
    own = ("kuma_cni", "kuma_net", "encodings")
    return sorted(
        name
        for name, file in loaded.items()
        if name.partition(".")[0] not in own and name not in WEIGHED and file.endswith(".py")
    )


def test_importing_the_lean_entry_point_loads_little() -> None:
    loaded = loaded_by("import kuma_net.cli.init")
    assert FORBIDDEN & loaded.keys() == set()
    assert strangers(loaded) == []


def test_a_whole_dry_run_loads_little() -> None:
    loaded = loaded_by(DRY_RUN)
    assert FORBIDDEN & loaded.keys() == set()
    assert strangers(loaded) == []


def loaded_by_add(folder: Path, annotations: dict[str, str]) -> dict[str, str]:
    """Return what the plugin loads for an ADD, as far as it comes without root."""
    environ = {
        "CNI_COMMAND": "ADD",
        "CNI_CONTAINERID": "c0ffee",
        "CNI_NETNS": str(folder / "no-namespace"),
        "CNI_IFNAME": "eth0",
        "CNI_PATH": str(folder),
        "CNI_ARGS": "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web",
    }
    return loaded_by(PLUGIN, environ, request(annotations, folder))


def test_the_plugin_loads_next_to_nothing_for_a_pod_outside_the_mesh(tmp_path: Path) -> None:
    loaded = loaded_by_add(tmp_path, {"some": "annotation"})
    assert FORBIDDEN & loaded.keys() == set()
    assert strangers(loaded) == []
    layers = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("kuma_net.")}
    assert (
        layers & {f"kuma_net.{name}" for name in ("actions", "backends", "netlink", "tproxy")}
        == set()
    )


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_plugin_loads_little_to_understand_a_document(document: str, tmp_path: Path) -> None:
    loaded = loaded_by_add(tmp_path, captured(DOCUMENTS[document]))
    assert "kuma_net.tproxy.sources" in loaded
    assert FORBIDDEN & loaded.keys() == set()
    assert strangers(loaded) == []


@pytest.mark.parametrize("run", [name for name in read_runs() if name != "init"])
def test_whole_runs_of_the_plugin_load_our_own_modules_alone(run: str) -> None:
    # As root, tests/cni/test_bundle_contents.py holds these lists to what is loaded.
    strange = [name for name in read_runs()[run] if not name.startswith(("kuma_net", "kuma_cni"))]
    assert strange == ["__future__"]


def test_the_installers_help_costs_no_library() -> None:
    loaded = loaded_by(INSTALLER_HELP)
    assert {"asyncio", "click", "h11", "h2", "http.client", "ssl", "yaml"} & loaded.keys() == set()


def test_importing_the_package_loads_nothing_but_itself() -> None:
    assert list(loaded_by("import kuma_net")) == ["kuma_net"]
    ours = [name for name in loaded_by("import kuma_net.values") if name.startswith("kuma_net")]
    assert sorted(ours) == ["kuma_net", "kuma_net.record", "kuma_net.values"]
