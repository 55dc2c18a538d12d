"""The image of plugin and installer, as a DaemonSet runs it: with a node's folders, sealed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from lab.building import MissingProgram
from lab.images import CNI, cni_image, room_for_images_here
from lab.networks import bridge, conflist
from lab.node import BIN_DIR, CONF_DIR, Node
from lab.podman import Podman
from lab.processes import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lab.host import Ended

SEALED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--user=0:0")
FOLDERS = (f"--volume={BIN_DIR}:/host/opt/cni/bin", f"--volume={CONF_DIR}:/host/etc/cni/net.d")
LIST = "10-lab.conflist"
ONCE = ("SLEEP=false", "KUMA_CNI_REPAIR=false", "KUMA_CNI_HTTP=off")


class Machine:
    """A node with podman, our image, and the configuration of a primary network."""

    def __init__(self, node: Node) -> None:
        """Load the image."""
        self.node = node
        node.write_network(LIST, conflist(bridge()))
        node.call(room_for_images_here)
        self.podman = Podman(node)
        self.podman.load(cni_image())

    def run(self, environ: Sequence[str], *words: str, how: tuple[str, ...] = ()) -> Ended:
        """Run the image with the node's folders mounted."""
        said = [f"--env={pair}" for pair in environ]
        place = ("run", "--network=host", "--tmpfs=/tmp:rw,mode=1777", *SEALED, *FOLDERS)
        return self.podman.run(*place, *said, *how, CNI, *words, check=False)

    def plugins(self) -> list[str]:
        """Return the types of the plugins in the node's list."""
        network: dict[str, Any] = json.loads(self.node.read(f"{CONF_DIR}/{LIST}"))
        return [plugin["type"] for plugin in network["plugins"]]


@pytest.fixture
def machine() -> Iterator[Machine]:
    try:
        node = Node("node", {})
    except MissingProgram as missing:
        pytest.skip(str(missing))
    try:
        yield Machine(node)
    except MissingProgram as missing:
        pytest.skip(str(missing))
    finally:
        node.stop()


def test_it_installs_once_and_the_installed_plugin_runs(machine: Machine) -> None:
    ended = machine.run(ONCE)
    assert ended.status == 0, ended.stdout + ended.stderr
    assert machine.plugins() == ["bridge", "kuma-cni"]
    probe = {"CNI_COMMAND": "VERSION", "CNI_PATH": BIN_DIR}
    said = machine.node.run([f"{BIN_DIR}/kuma-cni"], stdin='{"cniVersion":"1.0.0"}', environ=probe)
    assert "1.1.0" in json.loads(said.stdout)["supportedVersions"]
    pod = {"CNI_CONTAINERID": "c", "CNI_NETNS": "/none", "CNI_IFNAME": "eth0"}
    entry = {"cniVersion": "1.0.0", "name": "lab", "type": "kuma-cni"}
    passed = machine.node.run(
        [f"{BIN_DIR}/kuma-cni"],
        stdin=json.dumps(entry),
        environ=probe | pod | {"CNI_COMMAND": "ADD"},
    )
    assert json.loads(passed.stdout)["cniVersion"] == "1.0.0"


def test_kumas_own_chart_can_run_it(machine: Machine) -> None:
    words = ("-c", "--", "sleep 0 && exec /install-cni")
    ended = machine.run(ONCE, *words, how=("--entrypoint=sh",))
    assert ended.status == 0, ended.stdout + ended.stderr
    assert machine.plugins() == ["bridge", "kuma-cni"]


def test_it_stays_is_ready_by_kumas_probe_and_leaves_the_plugin_when_it_ends(
    machine: Machine,
) -> None:
    stay = ("KUMA_CNI_REPAIR=false", "KUMA_CNI_HTTP=127.0.0.1:19154")
    machine.run(stay, how=("--detach", "--name=agent"))
    probe = ("exec", "agent", "cat", "/tmp/ready")
    assert eventually(lambda: machine.podman.run(*probe, check=False).status == 0), logs(machine)
    machine.podman.run("stop", "--time", "10", "agent")
    assert machine.plugins() == ["bridge", "kuma-cni"]


def logs(machine: Machine) -> str:
    """Return what the installer has said."""
    ended = machine.podman.run("logs", "agent", check=False)
    return ended.stdout + ended.stderr
