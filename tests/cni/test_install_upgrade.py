"""The real bundle: replaced while it is called again and again, and called by its names."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from kuma_cni.installer.binaries import Executable
from lab.bundle import BUILDER, bundle
from lab.installer import LIST, Node

if TYPE_CHECKING:
    from pathlib import Path

CALLS = 30
PROBE = {"CNI_COMMAND": "VERSION", "CNI_PATH": "/opt/cni/bin"}


@pytest.fixture(scope="module")
def made() -> Path:
    return bundle()


NEXT = "kuma-cni-00112233445566ff"
COMPILE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from architecture import this_architecture
from build import make_launcher
make_launcher(Path(sys.argv[2]), sys.argv[3], this_architecture())
"""


def another(made: Path, place: Path) -> Path:
    """Return the same bundle under another name, as the next version would have one."""
    place.mkdir()
    (folder,) = made.glob("kuma-cni-*")
    (place / NEXT).symlink_to(folder)
    launcher = str(place / "kuma-cni")
    subprocess.run([sys.executable, "-c", COMPILE, BUILDER, launcher, NEXT], check=True)
    return place


def test_an_upgrade_loses_no_call(made: Path, tmp_path: Path) -> None:
    node = Node(tmp_path)
    versions = [str(made), str(another(made, tmp_path / "next"))]
    Executable(versions[0], [str(node.bin)]).install()
    over, installed = threading.Event(), list[bool]()

    def upgrade() -> None:
        while not over.is_set():
            installed.append(Executable(versions[len(installed) % 2], [str(node.bin)]).install())

    upgrades = threading.Thread(target=upgrade)
    upgrades.start()
    try:
        for _ in range(CALLS):
            said = subprocess.run(
                [node.bin / "kuma-cni"],
                input='{"cniVersion": "1.0.0"}',
                env=PROBE,
                capture_output=True,
                text=True,
                check=True,
            )
            assert "1.1.0" in json.loads(said.stdout)["supportedVersions"]
    finally:
        over.set()
        upgrades.join()
    assert any(installed[1:])


@pytest.mark.parametrize("name", ["kuma-cni-install", "install-cni"])
def test_the_bundle_installs_itself_by_its_names(made: Path, tmp_path: Path, name: str) -> None:
    node = Node(tmp_path)
    node.put({"10-calico.conflist": LIST})
    del node.environ["KUMA_CNI_SOURCE_DIR"]
    (tmp_path / name).symlink_to(made / "kuma-cni")
    environ = {**node.environ, "SLEEP": "false"}
    subprocess.run([tmp_path / name], env=environ, check=True, capture_output=True)
    assert node.types() == ["calico", "kuma-cni"]
    assert (node.bin / "kuma-cni").read_bytes() == (made / "kuma-cni").read_bytes()
    subprocess.run([tmp_path / name, "check"], env=environ, check=True, capture_output=True)
    probed = subprocess.run(
        [node.bin / "kuma-cni"],
        input='{"cniVersion": "1.0.0"}',
        env=PROBE,
        text=True,
        check=True,
        capture_output=True,
    )
    assert "supportedVersions" in probed.stdout
    subprocess.run([tmp_path / name, "uninstall"], env=environ, check=True, capture_output=True)
    assert node.files() == {"10-calico.conflist": LIST}
    assert list(node.bin.iterdir()) == []
