"""Wish and machine together: what a plan decides, and every way it refuses."""

from __future__ import annotations

import pytest

from kuma_net.errors import ConfigError
from kuma_net.tproxy.config import Config, Dns, Inbound, Origin, Outbound, Redirect, VirtualNetwork
from kuma_net.tproxy.facts import Account, DnsServers, HostFacts
from kuma_net.tproxy.plan import USERADD, Plan, plan
from kuma_net.values import BOTH_FAMILIES, Family, InterfacePattern, Network

SIDECAR = Account(5678, "UID 5678")
FACTS = HostFacts(account=SIDECAR)


def dns_plan(asked: Dns, **facts: object) -> Plan:
    """Plan DNS capture on a machine that differs in ``facts``."""
    return plan(Config(redirect=Redirect(dns=asked)), FACTS.replace(**facts))


def servers(*texts: str, error: str = "") -> DnsServers:
    """Return what a resolv.conf with these name servers reads as."""
    found = tuple(Network.parse(text) for text in texts)
    return DnsServers("/etc/resolv.conf", found, error)


def refusal(config: Config, facts: HostFacts = FACTS) -> str:
    """Return the message of the refusal."""
    with pytest.raises(ConfigError) as refused:
        plan(config, facts)
    return str(refused.value)


def test_defaults_take_both_families_and_the_accounts_number() -> None:
    found = plan(Config(), FACTS)
    assert (found.families, found.uid, found.dns, found.notes) == (BOTH_FAMILIES, 5678, None, ())


def test_ipv4_mode_leaves_ipv6_out_without_a_word() -> None:
    found = plan(Config(ip_family_mode="ipv4"), FACTS)
    assert (found.families, found.notes) == ((Family.IPV4,), ())


def test_a_machine_without_ipv6_is_planned_for_ipv4_and_says_why() -> None:
    found = plan(Config(), FACTS.replace(ipv6=False, ipv6_reason="no interface has an address"))
    assert found.families == (Family.IPV4,)
    assert found.notes == ("IPv6 is left out: no interface has an address",)


def test_an_unknown_user_is_refused_with_the_command_that_makes_it() -> None:
    config = Config(kuma_dp_user="envoy", origins={"kumaDPUser": Origin("flag --kuma-dp-user")})
    message = refusal(config, HostFacts())
    assert "kumaDPUser: 'envoy' (from flag --kuma-dp-user)" in message
    assert USERADD in message


def test_no_account_at_all_names_both_that_were_looked_for() -> None:
    assert "neither UID 5678 nor a user kuma-dp exists" in refusal(Config(), HostFacts())


def test_a_user_id_that_the_user_namespace_does_not_map_is_refused() -> None:
    message = refusal(Config(), FACTS.replace(unmapped_uid=True))
    assert "does not exist in the user namespace" in message


@pytest.mark.parametrize("name", ["", "IN BOUND", "IN-BOUND", "X" * 19, "ÄRGER"])
def test_a_chain_name_that_iptables_would_refuse_is_refused(name: str) -> None:
    message = refusal(Config(redirect=Redirect(inbound=Inbound(chain_name=name))))
    assert "redirect.inbound.chainName" in message
    assert "letters, digits and _" in message


@pytest.mark.parametrize("name", ["STAMP", "STAMP_OUTPUT_1"])
def test_the_stamps_chain_names_are_kept_for_us(name: str) -> None:
    message = refusal(Config(redirect=Redirect(outbound=Outbound(chain_name=name))))
    assert "kept for kuma-net itself" in message


def test_two_chains_of_one_name_are_refused() -> None:
    both = Redirect(Inbound(chain_name="SAME"), Outbound(chain_name="SAME"))
    assert "redirect.inbound.chainName has the same name" in refusal(Config(redirect=both))


def test_all_violations_come_at_once() -> None:
    config = Config(
        redirect=Redirect(inbound=Inbound(chain_name="?"), dns=Dns(enabled=True)),
    )
    facts = HostFacts(dns=servers(error="No such file or directory"))
    with pytest.raises(ConfigError) as refused:
        plan(config, facts)
    assert [violation.path for violation in refused.value.violations] == [
        "kumaDPUser",
        "redirect.inbound.chainName",
        "redirect.dns.resolvConfigPath",
    ]


def test_capture_all_needs_no_resolv_conf() -> None:
    found = dns_plan(Dns(enabled=True, capture_all=True), dns=servers(error="gone"))
    assert found.dns is not None
    assert (found.dns.families, found.dns.servers, found.dns.zone_split) == (
        BOTH_FAMILIES,
        (),
        True,
    )


def test_only_the_families_of_the_name_servers_have_dns_capture() -> None:
    found = dns_plan(Dns(enabled=True), dns=servers("10.0.0.53"))
    assert found.dns is not None
    assert found.dns.families == (Family.IPV4,)
    assert found.notes == ("no DNS capture over IPv6: /etc/resolv.conf names no IPv6 name server",)


@pytest.mark.parametrize("read", [None, servers()])
def test_without_any_name_server_there_is_no_dns_capture(read: DnsServers | None) -> None:
    found = dns_plan(Dns(enabled=True), dns=read)
    assert found.dns is None
    assert len(found.notes) == 2


def test_dockers_resolver_and_capture_all_leave_the_zones_unsplit_and_say_so() -> None:
    found = dns_plan(Dns(enabled=True, capture_all=True), docker_output=(Family.IPV4,))
    assert found.dns is not None
    assert not found.dns.zone_split
    assert "Docker's resolver" in found.notes[0]


def test_a_split_that_was_switched_off_is_not_mentioned() -> None:
    asked = Dns(enabled=True, capture_all=True, skip_zone_split=True)
    found = dns_plan(asked, docker_output=(Family.IPV4,))
    assert found.dns is not None
    assert (found.dns.zone_split, found.notes) == (False, ())


def test_dockers_chain_is_within_reach_only_in_a_shared_table() -> None:
    asked, read = Dns(enabled=True), servers("127.0.0.11")
    own = dns_plan(asked, dns=read, docker_output=(Family.IPV4,))
    shared = dns_plan(asked, dns=read, docker_output=(Family.IPV4,), own_table=False)
    assert own.dns is not None
    assert shared.dns is not None
    assert (own.dns.docker, shared.dns.docker) == ((), (Family.IPV4,))


def vnets(*texts: str, exclude: str = "") -> Plan:
    """Plan virtual networks given as IFACE:CIDR."""
    items = tuple(
        VirtualNetwork(InterfacePattern.parse(name), Network.parse(cidr))
        for name, cidr in (text.split(":", 1) for text in texts)
    )
    excluded = (InterfacePattern.parse(exclude),) if exclude else ()
    return plan(Config(redirect=Redirect(vnet=items, exclude_interfaces=excluded)), FACTS)


def test_virtual_networks_are_ordered_by_interface_and_family() -> None:
    found = vnets("docker0:fd00::/64", "br+:10.2.0.0/16", "docker0:172.17.0.0/16")
    kept = [f"{item.interface}:{item.network}" for item in found.vnet]
    assert kept == ["br+:10.2.0.0/16", "docker0:172.17.0.0/16", "docker0:fd00::/64"]


def test_the_last_network_of_an_interface_and_family_wins_and_the_other_is_named() -> None:
    found = vnets("br0:10.1.0.0/16", "br0:10.2.0.0/16", "br0:10.2.0.0/16")
    assert [str(item.network) for item in found.vnet] == ["10.2.0.0/16"]
    (note,) = found.notes
    assert "br0:10.1.0.0/16 is left out" in note
    assert "10.2.0.0/16 comes later" in note


def test_a_virtual_network_on_an_excluded_interface_is_left_out() -> None:
    found = vnets("br0:10.1.0.0/16", exclude="br+")
    assert (found.vnet, found.notes) == (
        (),
        ("virtual network br0 is left out: excluded interface",),
    )
