"""The machine as it is seen from a pod's namespace: the kernel's word, and nobody else's."""

from __future__ import annotations

from kuma_cni.plugin.machine import PodMachine
from kuma_net.host.links import links
from kuma_net.tproxy.config import Config, Dns, Redirect
from kuma_net.tproxy.facts import Account, DnsServers, HostFacts
from kuma_net.values import Network, PortSet
from lab.host import Host

SERVER = Network.parse("10.96.0.10")
ALL_DNS = Redirect(dns=Dns(enabled=True, resolv_conf="/etc/resolv.conf"))


def facts_here(config: Config) -> HostFacts:
    """Return the facts of this process's namespace, where users above 9,999 are not mapped."""
    return PodMachine(lambda uid: uid < 10_000, (SERVER,)).facts(config, own_table=True)


def test_users_are_numbers_whoever_the_node_knows(host: Host) -> None:
    host.write("/etc/passwd", "root:x:0:0::/:/bin/sh\n")
    facts = host.call(facts_here, Config())
    assert (facts.account, facts.unmapped_uid) == (Account(5678, "default number"), False)
    facts = host.call(facts_here, Config(kuma_dp_user="77777"))
    assert (facts.account, facts.unmapped_uid) == (Account(77777, "number given"), True)


def test_name_servers_are_those_that_were_sent(host: Host) -> None:
    host.write("/etc/resolv.conf", "nameserver 192.0.2.99\n")
    assert host.call(facts_here, Config()).dns is None
    found = host.call(facts_here, Config(redirect=ALL_DNS)).dns
    assert found == DnsServers("runtimeConfig.dns", (SERVER,))


def test_there_is_neither_a_session_nor_docker(host: Host) -> None:
    facts = host.call(facts_here, Config(redirect=ALL_DNS))
    assert (facts.session_ports, facts.docker_output) == (PortSet(), ())


def test_ipv6_is_expected_before_any_address_and_until_it_is_switched_off(host: Host) -> None:
    host.run(["ip", "address", "flush", "dev", "eth0"])
    assert host.call(facts_here, Config()).ipv6
    assert not host.call(facts_here, Config(ip_family_mode="ipv4")).ipv6
    host.run(["ip", "link", "set", "eth0", "up"])
    assert host.call(facts_here, Config()).ipv6
    host.sysctl("net.ipv6.conf.eth0.disable_ipv6", "1")
    facts = host.call(facts_here, Config())
    assert not facts.ipv6
    assert "switched off on every interface" in facts.ipv6_reason
    host.sysctl("net.ipv6.conf.eth0.disable_ipv6", "0")
    host.run(["ip", "link", "set", "eth0", "mtu", "1279"])
    assert not host.call(facts_here, Config()).ipv6
    host.run(["ip", "link", "set", "eth0", "mtu", "1280"])
    assert host.call(facts_here, Config()).ipv6
    host.sysctl("net.ipv6.conf.lo.disable_ipv6", "1")
    assert "loopback" in host.call(facts_here, Config()).ipv6_reason


def test_the_kernel_says_which_links_take_part_in_ipv6(host: Host) -> None:
    host.sysctl("net.ipv6.conf.eth0.disable_ipv6", "1")
    found = {link.name: (link.loopback, link.ipv6) for link in host.call(links)}
    assert found == {"lo": (True, True), "eth0": (False, False)}


def test_only_the_native_backend_is_asked() -> None:
    machine = PodMachine()
    assert machine.holders() == ("nftables",)
    assert machine.holders(besides="nftables") == ()
    assert machine.ask_watcher("status") is None
