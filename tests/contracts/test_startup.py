"""Start-up is a feature: what the lean entry point may load, whoever changed what."""

from __future__ import annotations

import json
import subprocess
import sys

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
sys.path.insert(0, {root!r})
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


def loaded_by(work: str) -> dict[str, str]:
    """Return the modules a bare interpreter loads for some work, with the file of each."""
    program = PROGRAM.format(root=str(ROOT), work=work)
    finished = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def strangers(loaded: dict[str, str]) -> list[str]:
    """Return the modules that are neither ours nor written in C nor weighed."""
    # Which codec the interpreter loads depends on where it runs, not on us.
    own = ("kuma_net", "encodings")
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


def test_importing_the_package_loads_nothing_but_itself() -> None:
    assert list(loaded_by("import kuma_net")) == ["kuma_net"]
    ours = [name for name in loaded_by("import kuma_net.values") if name.startswith("kuma_net")]
    assert sorted(ours) == ["kuma_net", "kuma_net.record", "kuma_net.values"]
