"""The init container's image as a kubelet runs it: Kuma's command lines, a read-only root."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kuma_net import __version__
from kuma_net.record import Record
from lab.archive import write_image
from lab.building import MissingProgram
from lab.bundle import launcher
from lab.case import PLAIN
from lab.images import INIT, init_image, room_for_images_here
from lab.injected import (
    ANNOTATIONS,
    EXCLUSIONS_DOCUMENT,
    GATEWAY_DOCUMENT,
    PLAIN_DOCUMENT,
    documented,
    for_init,
)
from lab.inside import Inside
from lab.networks import OURS, bridge, conflist
from lab.node import Node
from lab.podman import Podman
from lab.rows import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.host import Ended

SEALED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL")
AS_INIT = (*SEALED, "--user=0:0", "--cap-add=NET_ADMIN", "--cap-add=NET_RAW")
AS_SIDECAR = (*SEALED, "--user=5678:5678", "--security-opt=no-new-privileges")
"""How an injector has init containers run: kuma-init, and kuma-validation."""
BASE = "/tmp/transparent-proxy/base"
DOCUMENT = f"--config={BASE}/config.yaml"
VALIDATOR = ("install", "transparent-proxy-validator", "--config-file=/tmp/.kumactl")


class Pods:
    """A node with podman and our image; pods are containers that do nothing, as pauses are."""

    def __init__(self, node: Node, folder: Path) -> None:
        """Load the images."""
        self.node = node
        self.folder = folder
        node.write_network("10-lab.conflist", conflist(bridge()))
        node.call(room_for_images_here)
        self.podman = Podman(node)
        self.podman.load(write_image(folder / "busybox.tar"))
        self.podman.load(init_image())
        self._count = 0

    def start(self) -> str:
        """Start a pod; return its name."""
        self._count += 1
        self.podman.start(f"pod{self._count}", "lab")
        return f"pod{self._count}"

    def inside(self, pod: str) -> Inside:
        """Return a process in the pod's network namespace."""
        return Inside(self.node, self.netns(pod))

    def netns(self, pod: str) -> str:
        """Return the file of a pod's network namespace."""
        key = ("inspect", "--format", "{{.NetworkSettings.SandboxKey}}", pod)
        return self.podman.run(*key).stdout.strip()

    def plug(self, pod: str, annotations: Mapping[str, str]) -> None:
        """Have the plugin called for a pod, as containerd does."""
        sent = {ANNOTATIONS: annotations}
        entry = OURS | {"cniVersion": "1.0.0", "name": "lab", "runtimeConfig": sent}
        environ = {
            "CNI_COMMAND": "ADD",
            "CNI_CONTAINERID": pod,
            "CNI_NETNS": self.netns(pod),
            "CNI_IFNAME": "eth0",
            "CNI_PATH": "/opt/cni/bin",
            "CNI_ARGS": f"K8S_POD_NAMESPACE=demo;K8S_POD_NAME={pod}",
        }
        self.node.run([str(launcher())], stdin=json.dumps(entry), environ=environ)

    def init(self, pod: str, how: tuple[str, ...], *words: str, document: str = "") -> Ended:
        """Run an init container in a pod; a document stands where an injector puts it."""
        place = ["--network", f"container:{pod}", "--tmpfs", "/tmp:rw,mode=1777", "--rm"]
        if document:
            (self.folder / "config.yaml").write_text(document)
            place += ["--volume", f"{self.folder}:{BASE}:ro"]
        return self.podman.run("run", *place, *how, INIT, *words, check=False)

    def tool(self, pod: str, program: str, *words: str) -> Ended:
        """Run another program of the image in a pod, as root."""
        return self.init(pod, (*AS_INIT, f"--entrypoint=/usr/sbin/{program}"), *words)


@pytest.fixture(scope="module")
def pods() -> Iterator[Pods]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        try:
            node = Node("node", {})
        except MissingProgram as missing:
            pytest.skip(str(missing))
        try:
            yield Pods(node, Path(folder))
        except MissingProgram as missing:
            pytest.skip(str(missing))
        finally:
            node.stop()


# --- kuma-init ------------------------------------------------------------------------------------

NO_INBOUND = """
    workload     tcp world:80       -> outbound
    remote       tcp self:8080      -> direct
    workload     udp world:53       -> resolver
"""
EXCLUDED = """
    workload     tcp world:80       -> outbound
    workload     tcp world:3306     -> direct
    user 1234    tcp world:443      -> direct
    user 1234    udp world:53       -> direct
    workload     udp world:53       -> resolver
    remote       tcp self:9999      -> direct
    remote       tcp self:8080      -> inbound
"""
PLAIN_EXCLUDED = PLAIN + "\n    remote       tcp self:9902      -> direct\n"


class Shape(Record):
    """How an injector calls kuma-init for one kind of pod, and what becomes of packets then."""

    name: str
    words: tuple[str, ...]
    rows: str
    document: str = ""
    families: tuple[str, ...] = FAMILIES

    def __str__(self) -> str:
        """Return the name as pytest shows it."""
        return self.name.replace(" ", "-")


ALL_DNS = "--redirect-all-dns-traffic"
SHAPES = (
    Shape("plain arguments", ("--exclude-inbound-ports=9902,9001", ALL_DNS), PLAIN_EXCLUDED),
    Shape("arguments of a gateway", ("--redirect-inbound=false", ALL_DNS), NO_INBOUND),
    Shape(
        "arguments with exclusions",
        (
            "--ip-family-mode=ipv4",
            "--exclude-outbound-ports=3306,5432",
            "--exclude-outbound-ips=10.9.9.0/24,fd00:9::/64",
            "--exclude-outbound-ports-for-uids=tcp:443:1234",
            "--exclude-outbound-ports-for-uids=udp:53:1234",
            "--exclude-inbound-ports=9999,9902,9001",
            "--exclude-inbound-ips=192.168.7.0/24",
            ALL_DNS,
            "--drop-invalid-packets",
            "--iptables-logs",
        ),
        EXCLUDED,
        families=("ipv4",),
    ),
    Shape("a plain document", (DOCUMENT,), PLAIN_EXCLUDED, for_init(PLAIN_DOCUMENT)),
    Shape("a document of a gateway", (DOCUMENT,), NO_INBOUND, for_init(GATEWAY_DOCUMENT)),
    Shape(
        "a document with exclusions",
        (DOCUMENT,),
        EXCLUDED,
        for_init(EXCLUSIONS_DOCUMENT),
        families=("ipv4",),
    ),
)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_injectors_command_line_captures_a_pods_packets(pods: Pods, shape: Shape) -> None:
    pod = pods.start()
    verbose = () if shape.document else ("--verbose",)
    words = ("install", "transparent-proxy", *shape.words, *verbose)
    ended = pods.init(pod, AS_INIT, *words, document=shape.document)
    assert ended.status == 0, ended.stderr
    assert "backend nftables" in ended.stdout
    with pods.inside(pod) as inside:
        inside.check(shape.rows, shape.families)


def test_rules_are_listed_by_iptables_and_nft_of_the_image(pods: Pods) -> None:
    pod = pods.start()
    assert pods.init(pod, AS_INIT, "install", "transparent-proxy").status == 0
    listed = pods.tool(pod, "nft", "list", "ruleset")
    assert "redirect to :15006" in listed.stdout, listed.stderr
    assert pods.tool(pod, "nft", "-j", "list", "tables").stdout.startswith('{"nftables"')
    for program in ("iptables", "ip6tables"):
        saved = pods.tool(pod, f"{program}-save")
        assert saved.status == 0, saved.stderr
        assert pods.tool(pod, f"{program}-legacy-save").status == 0


@pytest.mark.parametrize("backend", ["iptables-nft", "iptables-legacy"])
def test_rules_can_be_installed_by_iptables_of_the_image(pods: Pods, backend: str) -> None:
    pod = pods.start()
    words = ("install", "transparent-proxy", "--backend", backend)
    ended = pods.init(pod, AS_INIT, *words)
    assert ended.status == 0, ended.stderr
    flavour = backend.removeprefix("iptables-")
    saved = pods.tool(pod, f"iptables-{flavour}-save", "-t", "nat").stdout
    assert "-A KUMA_MESH_INBOUND_REDIRECT -p tcp" in saved
    with pods.inside(pod) as inside:
        inside.check(PLAIN)
    assert pods.init(pod, AS_INIT, "uninstall", "transparent-proxy").status == 0
    assert "KUMA" not in pods.tool(pod, f"iptables-{flavour}-save", "-t", "nat").stdout


def test_without_words_the_image_installs(pods: Pods) -> None:
    pod = pods.start()
    ended = pods.init(pod, AS_INIT)
    assert "installed (IPv4 and IPv6, backend nftables)" in ended.stdout
    again = pods.init(pod, AS_INIT)
    assert "nothing to do: installed already" in again.stdout


def test_without_net_admin_it_says_which_capability_is_missing(pods: Pods) -> None:
    ended = pods.init(pods.start(), (*SEALED, "--user=0:0"))
    assert ended.status == 1
    assert "CAP_NET_ADMIN" in ended.stdout + ended.stderr


def test_net_admin_alone_is_enough_where_the_kernel_has_nf_tables(pods: Pods) -> None:
    network = f"--network=container:{pods.start()}"
    how = (*SEALED, "--user=0:0", "--cap-add=NET_ADMIN")  # and not even /tmp to write
    ended = pods.podman.run("run", "--rm", network, *how, INIT, check=False)
    assert ended.status == 0, ended.stderr
    assert "installed (IPv4 and IPv6, backend nftables)" in ended.stdout


# --- kuma-validation ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "document"),
    [
        (("--ip-family-mode=dualstack", "--validation-server-port=15006"), ""),
        ((f"--transparent-proxy-config={BASE}/config.yaml",), PLAIN_DOCUMENT),
    ],
    ids=["arguments", "a document"],
)
def test_the_validator_proves_capture_as_the_sidecars_user(
    pods: Pods, words: tuple[str, ...], document: str
) -> None:
    pod = pods.start()
    assert pods.init(pod, AS_INIT).status == 0
    ended = pods.init(pod, AS_SIDECAR, *VALIDATOR, *words, document=document)
    assert ended.status == 0, ended.stdout + ended.stderr
    for promise in ("IPv4 inbound", "IPv4 passthrough", "IPv6 inbound", "IPv6 passthrough"):
        assert any(
            line.startswith(promise) and " proven: " in line for line in ended.stdout.splitlines()
        )


def test_the_validator_proves_what_the_plugin_did(pods: Pods) -> None:
    pod = pods.start()
    pods.plug(pod, documented(PLAIN_DOCUMENT))
    words = (*VALIDATOR, f"--transparent-proxy-config={BASE}/config.yaml")
    ended = pods.init(pod, AS_SIDECAR, *words, document=PLAIN_DOCUMENT)
    assert ended.status == 0, ended.stdout + ended.stderr
    assert ended.stdout.count(" proven: ") == 4
    install = ("install", "transparent-proxy", DOCUMENT)
    later = pods.init(pod, AS_INIT, *install, document=PLAIN_DOCUMENT)
    assert "nothing to do: installed already" in later.stdout


@pytest.mark.slow
def test_the_validator_fails_where_no_rules_are(pods: Pods) -> None:
    words = ("--ip-family-mode=ipv4", "--validation-server-port=15006")
    ended = pods.init(pods.start(), AS_SIDECAR, *VALIDATOR, *words)
    assert ended.status == 1
    assert "IPv4 inbound     not proven" in ended.stdout
    assert "kuma-cni logs POD" in ended.stdout + ended.stderr


# --- the programs of the image --------------------------------------------------------------------


def test_programs_are_found_by_their_names_with_an_empty_environment(pods: Pods) -> None:
    pod = pods.start()
    bare = ("--unsetenv-all", "--entrypoint=/usr/bin/kuma-init")
    assert pods.init(pod, (*AS_INIT, *bare), "--version").stdout == f"kuma-net {__version__}\n"
    for program in ("kuma-init", "kuma-net", "kumactl"):
        how = (*AS_SIDECAR, f"--entrypoint=/usr/bin/{program}")
        assert __version__ in pods.init(pod, how, "--version").stdout
