"""What machines and containers behind a bridge send is outbound."""

from __future__ import annotations

from kuma_net.tproxy.config import Config, Dns, Redirect, VirtualNetwork
from kuma_net.tproxy.facts import DnsServers
from kuma_net.tproxy.vnet import vnet_rules, vnet_zones
from kuma_net.values import InterfacePattern, Network
from lab.planned import planned, told


def items_of(*texts: str) -> tuple[VirtualNetwork, ...]:
    """Read virtual networks given as IFACE:CIDR."""
    return tuple(
        VirtualNetwork(InterfacePattern.parse(name), Network.parse(cidr))
        for name, cidr in (text.split(":", 1) for text in texts)
    )


def rules_of(*texts: str, dns: Dns | None = None, **facts: object) -> list[str]:
    """Return the rules of virtual networks given as IFACE:CIDR."""
    redirect = Redirect(dns=dns or Dns(), vnet=items_of(*texts))
    return told(vnet_rules(planned(Config(redirect=redirect), **facts)))


def test_dns_comes_first_then_what_leaves_the_network() -> None:
    assert rules_of("br0:10.1.0.0/16", "br0:fd00::/64") == [
        "UDP coming in through br0 to port 53 goes to port 15053 of this machine",
        (
            "TCP to anything but 10.1.0.0/16 or fd00::/64 coming in through br0 "
            "goes to port 15001 of this machine"
        ),
    ]


def test_a_network_of_one_family_keeps_its_dns_rule_to_that_family() -> None:
    assert rules_of("br0:10.1.0.0/16")[0] == (
        "IPv4 UDP coming in through br0 to port 53 goes to port 15053 of this machine"
    )


def test_where_there_is_one_family_only_no_rule_names_it() -> None:
    told_rules = rules_of("br0:10.1.0.0/16", ipv6=False, ipv6_reason="none")
    assert told_rules[0].startswith("UDP coming in")


def test_networks_of_a_family_that_is_left_out_make_no_rule() -> None:
    assert rules_of("br0:fd00::/64", ipv6=False, ipv6_reason="none") == []


def test_dns_over_tcp_is_captured_too_where_it_was_asked_for() -> None:
    found = rules_of("br+:10.1.0.0/16", dns=Dns(enabled=True, capture_all=True, tcp=True))
    assert found[1] == (
        "IPv4 TCP coming in through br+ to port 53 goes to port 15053 of this machine"
    )


def test_interfaces_come_in_order_of_their_names() -> None:
    found = rules_of("docker0:10.2.0.0/16", "br0:10.1.0.0/16")
    assert [rule.split(" through ")[1].split()[0] for rule in found] == [
        "br0",
        "docker0",
        "br0",
        "docker0",
    ]


def zones_of(*texts: str, dns: Dns, names: DnsServers | None = None) -> list[str]:
    """Return the zone rules of virtual networks given as IFACE:CIDR."""
    config = Config(redirect=Redirect(dns=dns, vnet=items_of(*texts)))
    return told(vnet_zones(planned(config, dns=names)))


ALL_DNS = Dns(enabled=True, capture_all=True)


def test_queries_are_tracked_in_the_zone_that_the_resolvers_answers_are_tracked_in() -> None:
    assert zones_of("br0:10.1.0.0/16", "br0:fd00::/64", dns=ALL_DNS) == [
        "UDP coming in through br0 to port 53 is tracked in zone 2"
    ]
    assert zones_of("br0:10.1.0.0/16", dns=ALL_DNS) == [
        "IPv4 UDP coming in through br0 to port 53 is tracked in zone 2"
    ]


def test_a_family_without_dns_capture_has_no_zones() -> None:
    server = DnsServers("/etc/resolv.conf", (Network.parse("10.0.0.1"),))
    dns = Dns(enabled=True)
    assert zones_of("br0:fd00::/64", dns=dns, names=server) == []
    assert zones_of("br0:10.1.0.0/16", "br0:fd00::/64", dns=dns, names=server) == [
        "IPv4 UDP coming in through br0 to port 53 is tracked in zone 2"
    ]


def test_without_dns_capture_or_the_split_there_are_no_zones() -> None:
    assert zones_of("br0:10.1.0.0/16", dns=Dns()) == []
    assert zones_of("br0:10.1.0.0/16", dns=ALL_DNS.replace(skip_zone_split=True)) == []
