"""What comes after the plugin: addresses, and an init container that would install the same.

The plugin is called before a pod's network is ready; a ``kuma-init`` runs when all is there, with
the document or the flags that the same injector wrote.  It must find equal rules and send nothing,
and CHECK must find at any time what it found at first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.attaching import Attached, state
from lab.host import Host
from lab.injected import (
    EXCLUSIONS_DOCUMENT,
    GATEWAY_DOCUMENT,
    PLAIN_DOCUMENT,
    document,
    documented,
    single,
)
from lab.programs import link_kumactl, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LISTED_DNS = document(("captureAll: true", "captureAll: false"))
NOT_CNI = document(("cniMode: true", "cniMode: false"))
EXCLUSIONS = single(
    "kuma.io/transparent-proxying-ip-family-mode=ipv4",
    "traffic.kuma.io/drop-invalid-packets=true",
    "traffic.kuma.io/exclude-inbound-ips=192.168.7.0/24",
    "traffic.kuma.io/exclude-inbound-ports=9999,9902",
    "traffic.kuma.io/exclude-outbound-ips=10.9.9.0/24,fd00:9::/64",
    "traffic.kuma.io/exclude-outbound-ports=3306,5432",
    "traffic.kuma.io/exclude-outbound-ports-for-uids=tcp:443:1234;udp:53:1234",
    "traffic.kuma.io/iptables-logs=true",
)
EXCLUSIONS_FLAGS = (
    "--ip-family-mode=ipv4 --exclude-outbound-ports=3306,5432 "
    "--exclude-outbound-ips=10.9.9.0/24,fd00:9::/64 "
    "--exclude-outbound-ports-for-uids=tcp:443:1234 "
    "--exclude-outbound-ports-for-uids=udp:53:1234 --exclude-inbound-ports=9999,9902,9001 "
    "--exclude-inbound-ips=192.168.7.0/24 --redirect-all-dns-traffic --drop-invalid-packets "
    "--iptables-logs --verbose"
)
BY_FLAGS = {
    "plain": (single(), "--exclude-inbound-ports=9902,9001 --redirect-all-dns-traffic --verbose"),
    "gateway": (
        single(gateway=True),
        "--redirect-inbound=false --redirect-all-dns-traffic --verbose",
    ),
    "exclusions": (EXCLUSIONS, EXCLUSIONS_FLAGS),
}
"""Annotations of Kuma 2.x's injector, and the flags that it gives to the init container."""
DOCUMENTS = {
    "plain": PLAIN_DOCUMENT,
    "gateway": GATEWAY_DOCUMENT,
    "exclusions": EXCLUSIONS_DOCUMENT,
    "listed DNS": LISTED_DNS,
    "an init container's": NOT_CNI,
}
SERVERS = ("192.0.2.53", "2001:db8:53::53")


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a pod's network as it begins: a loopback interface that is down."""
    made = Host("pod")
    link_kumactl(made)
    yield made
    made.stop()


def attach(host: Host, folder: Path, annotations: Mapping[str, str]) -> Attached:
    """Call ADD for a network that has nothing yet."""
    assert host.run(["ip", "address"]).stdout.count("inet") == 0
    attached = Attached(folder, host, annotations, dns_servers=SERVERS)
    attached.add()
    assert attached.drift() == ""
    return attached


def make_ready(host: Host) -> None:
    """Do what comes late: the loopback interface, a link with both ends, addresses."""
    host.run(["ip", "link", "set", "lo", "up"])
    host.run(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "other"])
    for link in ("eth0", "other"):
        host.run(["ip", "link", "set", link, "up"])
    host.run(["ip", "address", "add", "10.0.0.5/24", "dev", "eth0"])
    host.run(["ip", "address", "add", "fd00::5/64", "dev", "eth0", "nodad"])


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS)
def test_an_init_container_with_the_same_document_sends_nothing(
    text: str, host: Host, tmp_path: Path
) -> None:
    attached = attach(host, tmp_path, documented(text))
    make_ready(host)
    before = state(host)
    host.write("/run/config.yaml", text)
    said = run(host, "kumactl install transparent-proxy --config=/run/config.yaml")
    assert said.status == 0, said
    assert state(host) == before
    assert attached.drift() == ""


@pytest.mark.parametrize(("annotations", "flags"), BY_FLAGS.values(), ids=BY_FLAGS)
def test_an_init_container_with_the_flags_of_the_same_injector_sends_nothing(
    annotations: dict[str, str], flags: str, host: Host, tmp_path: Path
) -> None:
    attached = attach(host, tmp_path, annotations)
    make_ready(host)
    before = state(host)
    said = run(host, f"kumactl install transparent-proxy {flags}")
    assert said.status == 0, said
    assert state(host) == before
    assert attached.drift() == ""


def test_in_cni_mode_an_init_container_may_come_early_too(host: Host, tmp_path: Path) -> None:
    attach(host, tmp_path, documented(PLAIN_DOCUMENT))
    before = state(host)
    host.write("/run/config.yaml", PLAIN_DOCUMENT)
    assert run(host, "kumactl install transparent-proxy --config=/run/config.yaml").status == 0
    assert state(host) == before


def test_check_finds_the_same_at_every_moment(host: Host, tmp_path: Path) -> None:
    attached = attach(host, tmp_path, documented(PLAIN_DOCUMENT))
    steps = (
        "ip link set lo up",
        "ip link add eth0 type veth peer name other",
        "ip link set eth0 up",
        "ip address add 10.0.0.5/24 dev eth0",
        "ip link set other up",
        "ip address add fd00::5/64 dev eth0",
        "ip address flush dev eth0",
        "ip link set eth0 down",
    )
    for step in steps:
        host.run(step.split())
        assert attached.drift() == "", step
    assert state(host)[2], "::6 outlives the loopback interface's coming up"


def test_rules_for_ipv6_that_another_plugin_switches_off_later_are_no_drift(
    host: Host, tmp_path: Path
) -> None:
    """As ``tuning`` does behind us in a chain; its switch also takes ``::6`` away."""
    attached = attach(host, tmp_path, documented(PLAIN_DOCUMENT))
    make_ready(host)
    host.sysctl("net.ipv6.conf.all.disable_ipv6", "1")
    assert not state(host)[2]
    assert attached.drift() == ""
    host.run(["nft", "flush", "chain", "inet", "kuma_net", "KUMA_MESH_INBOUND"])
    assert "excluded port" in attached.drift()
