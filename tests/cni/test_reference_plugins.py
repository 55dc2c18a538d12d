"""Our plugin in chains with the reference plugins, driven as libcni drives them.

Every order, kind of network and version that Debian's plugins (1.1.1) know, and CHECK, which no
packaged runtime sends.  The plugin is the program that pip installs.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from kuma_net.record import Record
from lab import libcni
from lab.agent import CallError
from lab.attached import Pod
from lab.case import PLAIN
from lab.injected import INJECTED
from lab.libcni import Attachment, Network
from lab.networks import OURS, PORTMAP, WITNESS, Addressing, bridge, conflist, ptp
from lab.node import Node
from lab.pods import ALONE, UNTOUCHED
from lab.senders import Probe, send
from lab.servers import Landing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.libcni import Json

VERSIONS = ("0.3.1", "0.4.0", "1.0.0")
"""Those that the reference plugins can chain with."""
HOST_PORT = 18080
PORT_MAPPINGS = [{"hostPort": HOST_PORT, "containerPort": 8080, "protocol": "tcp"}]
"""Given where CHECK is not asked: portmap 1.1.1 looks for the rules of an IPv4 pod in ip6tables,
too, and cannot find them."""


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


# --- chains --------------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_in_every_chain_pods_are_captured_checked_and_released(node: Node, chain: Chain) -> None:
    checks = chain.version != "0.3.1"
    with Pod(node, INJECTED, () if checks else PORT_MAPPINGS) as pod:
        result = pod.add(chain.network)
        assert result["cniVersion"] == chain.version
        assert pod.check(chain.network) == checks
        with pod.inside() as inside:
            assert [address_of(ip) for ip in result["ips"]] == [inside.addresses[0]]
            inside.check(PLAIN, ("ipv4",))
            assert checks or by_host_port(node) == ("app", 15006)
            pod.delete(chain.network)
            assert inside.rules() == ""
        assert "CNI-DN" not in node.rules()
        pod.delete(chain.network)


@pytest.mark.parametrize(
    ("main", "families"),
    [
        (bridge(), ("ipv4", "ipv6")),
        (ptp(), ("ipv4", "ipv6")),
        (bridge(Addressing(ipv4="")), ("ipv6",)),
    ],
    ids=["bridge", "ptp", "bridge with IPv6 alone"],
)
def test_pods_are_captured_in_the_families_they_have(
    node: Node, main: Json, families: tuple[str, ...]
) -> None:
    network = Network(conflist(main, OURS))
    with Pod(node, INJECTED) as pod:
        result = pod.add(network)
        assert pod.check(network)
        with pod.inside() as inside:
            assert [address_of(ip) for ip in result["ips"]] == list(filter(None, inside.addresses))
            inside.check(PLAIN, families)
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
    with Pod(node, INJECTED) as pod:
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
    with Pod(node, INJECTED, PORT_MAPPINGS) as pod:
        pod.add(Network(conflist(bridge(IPV4), PORTMAP)))
        before = node.rules()
        assert "CNI-DN" in before
        alone = Network(conflist(OURS, version="1.1.0"))
        node.call(libcni.add, alone, pod.attachment)
        assert node.rules() == before
        with pod.inside() as inside:
            inside.check(PLAIN, ("ipv4",))
            assert by_host_port(node) == ("app", 15006)
        assert pod.check(alone)
        pod.delete(alone)
        assert node.rules() == before
        pod.delete(BRIDGE)


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
    with Pod(node, INJECTED) as pod:
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
