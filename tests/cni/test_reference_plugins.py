"""Our plugin in chains with the reference plugins, driven as libcni drives them.

Every order, kind of network and version that Debian's plugins (1.1.1) know; and the verbs that no
packaged runtime sends: CHECK, GC, STATUS.  The plugin is the program that pip installs.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from kuma_net.record import Record
from lab import libcni
from lab.agent import CallError
from lab.building import MissingProgram
from lab.case import PLAIN
from lab.inside import Inside
from lab.libcni import Attachment, Network
from lab.networks import OURS, PORTMAP, STATE_DIR, WITNESS, Addressing, bridge, conflist, ptp
from lab.node import BIN_DIR, Node
from lab.pods import ALONE, MESH, UNTOUCHED
from lab.senders import Probe, send
from lab.servers import Landing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lab.libcni import Json

VERSIONS = ("0.3.1", "0.4.0", "1.0.0")
"""Those that the reference plugins can chain with."""
LOOPBACK = Network(conflist({"type": "loopback"}, name="loopback"))
"""The network that runtimes attach every pod to first."""
HOST_PORT = 18080
PORT_MAPPINGS = [{"hostPort": HOST_PORT, "containerPort": 8080, "protocol": "tcp"}]
"""Given where CHECK is not asked: portmap 1.1.1 looks for the rules of an IPv4 pod in ip6tables,
too, and cannot find them."""
_numbers = itertools.count(1)


class Chain(Record):
    """A network with our plugin somewhere in it."""

    name: str
    plugins: tuple[Json, ...]
    version: str = "1.0.0"

    def __str__(self) -> str:
        """Return the name as pytest shows it."""
        return f"{self.name}, {self.version}".replace(" ", "-")

    @property
    def network(self) -> Network:
        """The list."""
        return Network(conflist(*self.plugins, version=self.version))


IPV4 = Addressing(ipv6="")
"""What most pods here have: ptp waits for IPv6 addresses to be nobody else's."""
CHAINS = [
    Chain(f"{kind} with ours {place}", plugins, version)
    for version in VERSIONS
    for kind, main in (("bridge", bridge(IPV4)), ("ptp", ptp(IPV4)))
    for place, plugins in (
        ("last", (main, PORTMAP, OURS)),
        ("in the middle", (main, OURS, PORTMAP)),
        ("first", (OURS, main, PORTMAP)),
    )
]
BRIDGE = Network(conflist(bridge(IPV4), PORTMAP, OURS))


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    try:
        node = Node("node", {"kuma-cni": Path(sys.executable).with_name("kuma-cni")})
    except MissingProgram as missing:
        pytest.skip(str(missing))
    yield node
    node.stop()


class Pod:
    """A network namespace that a runtime made, with lo up; a context manager."""

    def __init__(
        self, node: Node, annotations: Mapping[str, str], port_mappings: Sequence[Json] = ()
    ) -> None:
        """Name it; annotations and port mappings are what the runtime offers for it."""
        self.node = node
        self.name = f"pod-{next(_numbers)}"
        self.attachment = Attachment(
            container_id=f"{self.name}-container",
            netns=f"/run/netns/{self.name}",
            args=f"IgnoreUnknown=1;K8S_POD_NAMESPACE=demo;K8S_POD_NAME={self.name}",
            capability_args={
                "io.kubernetes.cri.pod-annotations": dict(annotations),
                "portMappings": port_mappings,
            },
        )

    def __enter__(self) -> Self:
        """Make the namespace."""
        self.node.run(["ip", "netns", "add", self.name])
        self.node.call(libcni.add, LOOPBACK, self.attachment.replace(ifname="lo"))
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the namespace."""
        self.node.run(["ip", "netns", "del", self.name])

    def inside(self) -> Inside:
        """Enter it."""
        return Inside(self.node, self.attachment.netns)

    def add(self, network: Network) -> Json:
        """Attach it."""
        return self.node.call(libcni.add, network, self.attachment)

    def check(self, network: Network) -> bool:
        """Ask whether all is well."""
        return self.node.call(libcni.check, network, self.attachment)

    def delete(self, network: Network) -> None:
        """Detach it."""
        self.node.call(libcni.delete, network, self.attachment)


# --- chains --------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_in_every_chain_pods_are_captured_checked_and_released(node: Node, chain: Chain) -> None:
    checks = chain.version != "0.3.1"
    with Pod(node, MESH, () if checks else PORT_MAPPINGS) as pod:
        result = pod.add(chain.network)
        assert result["cniVersion"] == chain.version
        assert pod.check(chain.network) == checks
        with pod.inside() as inside:
            assert [address_of(ip) for ip in result["ips"]] == [inside.addresses[0]]
            inside.check(PLAIN, ("ipv4",))
            assert checks or by_host_port(node) == ("app", 15006)
            pod.delete(chain.network)
            assert inside.rules() == ""
        assert "CNI-DN" not in rules_of(node)
        pod.delete(chain.network)


@pytest.mark.parametrize("main", [bridge(), ptp()], ids=["bridge", "ptp"])
def test_pods_of_both_families_are_captured_in_both(node: Node, main: Json) -> None:
    network = Network(conflist(main, OURS))
    with Pod(node, MESH) as pod:
        result = pod.add(network)
        assert pod.check(network)
        with pod.inside() as inside:
            assert [address_of(ip) for ip in result["ips"]] == list(inside.addresses)
            inside.check(PLAIN)
        assert pod.check(network)
        pod.delete(network)


def address_of(ip: Mapping[str, Any]) -> str:
    """Return the address of an entry of a result, without its length."""
    return str(ip["address"]).partition("/")[0]


def by_host_port(node: Node) -> tuple[str, int]:
    """Return where a connection to the pod's port on the node lands."""
    landing = node.call(send, Probe("tcp", ("10.77.0.1", HOST_PORT)))
    assert isinstance(landing, Landing), landing
    return landing.host, landing.port


@pytest.mark.parametrize("version", VERSIONS)
def test_the_result_goes_through_as_it_came(node: Node, version: str) -> None:
    network = Network(conflist(bridge(IPV4), WITNESS, OURS, WITNESS, version=version))
    with Pod(node, MESH) as pod:
        pod.add(network)
        before, after = node.calls(pod.attachment.container_id)
        assert before["network"]["prevResult"] == after["network"]["prevResult"]
        assert before["network"]["prevResult"]["cniVersion"] == version
        pod.delete(network)


def test_a_pod_outside_the_mesh_goes_through_untouched(node: Node) -> None:
    with Pod(node, ALONE) as pod, pod.inside() as before:
        pod.add(BRIDGE)
        assert before.rules() == ""
        assert pod.check(BRIDGE)
        with pod.inside() as inside:
            inside.check(UNTOUCHED, ("ipv4",))
        pod.delete(BRIDGE)


def test_rules_of_portmap_on_the_node_are_none_of_ours(node: Node) -> None:
    with Pod(node, MESH, PORT_MAPPINGS) as pod:
        pod.add(Network(conflist(bridge(IPV4), PORTMAP)))
        before = rules_of(node)
        assert "CNI-DN" in before
        alone = Network(conflist(OURS, version="1.1.0"))
        node.call(libcni.add, alone, pod.attachment)
        assert rules_of(node) == before
        with pod.inside() as inside:
            inside.check(PLAIN, ("ipv4",))
            assert by_host_port(node) == ("app", 15006)
        assert pod.check(alone)
        pod.delete(alone)
        assert rules_of(node) == before
        pod.delete(BRIDGE)


def rules_of(node: Node) -> str:
    """Return the node's own rules, without counters."""
    return node.run(["nft", "--stateless", "list", "ruleset"]).stdout


# --- drift ---------------------------------------------------------------------------------------

TAMPERED = {
    "the table is gone": "delete table inet {table}",
    "a chain is empty": "flush chain inet {table} {chain}",
    "a rule is there that is not ours": "add rule inet {table} {chain} accept",
}


@pytest.mark.parametrize(
    "command", TAMPERED.values(), ids=[name.replace(" ", "-") for name in TAMPERED]
)
@pytest.mark.parametrize(
    "plugins", [(bridge(IPV4), PORTMAP, OURS), (OURS, ptp(IPV4), PORTMAP)], ids=["last", "first"]
)
def test_check_fails_when_the_rules_were_tampered_with_until_add_comes_again(
    node: Node, plugins: tuple[Json, ...], command: str
) -> None:
    network = Network(conflist(*plugins))
    with Pod(node, MESH) as pod:
        pod.add(network)
        assert pod.check(network)
        with pod.inside() as inside:
            table, chain = first_chain(inside.rules())
            words = command.format(table=table, chain=chain).split()
            assert inside.call(tamper_here, tuple(words)) == 0
            with pytest.raises(CallError, match=r"kuma-cni: .* \(code 102\): .+"):
                pod.check(network)
            node.call(add_alone_here, pod.attachment)
            assert pod.check(network)
        pod.delete(network)


def first_chain(rules: str) -> tuple[str, str]:
    """Return the names of the table and of its first chain in a listing."""
    lines = [line.split() for line in rules.splitlines()]
    table = next(words[2] for words in lines if words[:1] == ["table"])
    return table, next(words[1] for words in lines if words[:1] == ["chain"])


def add_alone_here(attachment: Attachment) -> None:
    """Have our plugin ADD once more, without the others."""
    libcni.add(Network(conflist(OURS, name="once-more")), attachment)


def tamper_here(words: tuple[str, ...]) -> int:
    """Run a command of nft."""
    return subprocess.run(("nft", *words), check=False).returncode


# --- verbs that no packaged runtime sends --------------------------------------------------------

ALONE_IN_LIST = Network(conflist(OURS, version="1.1.0"))


def test_status_says_that_the_node_can_serve(node: Node) -> None:
    assert node.call(libcni.status, ALONE_IN_LIST)
    assert not node.call(os.path.exists, STATE_DIR)


def test_garbage_is_collected_and_what_is_valid_stays(node: Node) -> None:
    with Pod(node, MESH) as valid, Pod(node, MESH) as stale:
        for pod in (valid, stale):
            pod.add(ALONE_IN_LIST)
        assert node.call(libcni.collect_garbage, ALONE_IN_LIST, [valid.attachment])
        assert valid.check(ALONE_IN_LIST)
        with valid.inside() as kept, stale.inside() as released:
            assert kept.rules() != ""
            assert released.rules() == ""
        valid.delete(ALONE_IN_LIST)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_older_list_is_asked_neither_for_garbage_nor_for_its_status(
    node: Node, version: str
) -> None:
    older = Network(conflist(OURS, version=version))
    assert not node.call(libcni.status, older)
    assert not node.call(libcni.collect_garbage, older, [])


# --- accidents -----------------------------------------------------------------------------------


def test_a_delete_reaches_us_when_a_plugin_before_us_failed_to_add(node: Node) -> None:
    wrong = {"type": "tuning", "sysctl": {"net.ipv4.no_such_thing": "1"}}
    broken = Network(conflist(bridge(IPV4), wrong, OURS, WITNESS))
    with Pod(node, MESH) as pod:
        with pytest.raises(CallError, match="tuning"):
            pod.add(broken)
        pod.delete(broken)
        verbs = [call["verb"] for call in node.calls(pod.attachment.container_id)]
        assert verbs == ["DEL"]
        with pod.inside() as inside:
            assert inside.rules() == ""


def test_what_we_added_goes_when_a_plugin_behind_us_failed(node: Node) -> None:
    with Pod(node, MESH) as pod:
        wrong = [{"hostPort": -1, "containerPort": 8080, "protocol": "tcp"}]
        offered = dict(pod.attachment.capability_args) | {"portMappings": wrong}
        pod.attachment = pod.attachment.replace(capability_args=offered)
        network = Network(conflist(bridge(IPV4), OURS, PORTMAP))
        with pytest.raises(CallError, match="portmap"):
            pod.add(network)
        with pod.inside() as inside:
            assert inside.rules() != ""
            pod.attachment = pod.attachment.replace(
                capability_args={"io.kubernetes.cri.pod-annotations": MESH}
            )
            pod.delete(network)
            assert inside.rules() == ""


def test_a_network_namespace_that_is_gone_can_still_be_deleted(node: Node) -> None:
    with Pod(node, MESH) as pod:
        pod.add(BRIDGE)
    pod.delete(BRIDGE)
    pod.attachment = pod.attachment.replace(netns="")
    pod.delete(BRIDGE)


@pytest.mark.parametrize("netns", ["/proc/1/ns/net", "/proc/self/ns/net", "/run/netns/link"])
def test_the_nodes_own_network_is_never_captured(node: Node, netns: str) -> None:
    node.call(link_here, "/run/netns/link")
    before = rules_of(node)
    pod = Pod(node, MESH)
    pod.attachment = pod.attachment.replace(netns=netns)
    with pytest.raises(CallError, match=r"kuma-cni: .* \(code 8\)"):
        pod.add(ALONE_IN_LIST)
    pod.delete(ALONE_IN_LIST)
    assert rules_of(node) == before


def link_here(path: str) -> None:
    """Make a link to the node's own network namespace."""
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).unlink(missing_ok=True)
    Path(path).symlink_to("/proc/1/ns/net")


# --- costs ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["ADD", "CHECK", "DEL"])
def test_no_process_is_started_beside_the_plugin_itself(node: Node, verb: str) -> None:
    with Pod(node, MESH) as pod:
        pod.add(ALONE_IN_LIST)
        plugin = next(iter(ALONE_IN_LIST.plugins(pod.attachment)))
        pid, last = node.call(counted_here, verb, plugin, pod.attachment.environ)
        assert pid == last
        pod.delete(ALONE_IN_LIST)


def counted_here(verb: str, plugin: Json, environ: dict[str, str]) -> tuple[int, int]:
    """Run a verb; return the plugin's process number, and the last one that was given.

    Numbers are given in a row (pid_namespaces(7)), and nothing else runs on this node: whatever
    the plugin had started, a thread even, would have had the next ones.
    """
    told = {"CNI_COMMAND": verb, "CNI_PATH": BIN_DIR, **environ}
    with subprocess.Popen(
        (f"{BIN_DIR}/kuma-cni",),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=os.environ | told,
    ) as process:
        process.communicate(json.dumps(plugin).encode())
    assert process.returncode == 0
    return process.pid, int(Path("/proc/loadavg").read_text(encoding="ascii").split()[-1])
