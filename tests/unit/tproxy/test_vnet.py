"""What machines and containers behind a bridge send is outbound."""

from __future__ import annotations

from kuma_net.tproxy.config import Config, Dns, Redirect, VirtualNetwork
from kuma_net.tproxy.vnet import vnet_rules
from kuma_net.values import InterfacePattern, Network
from lab.planned import planned, told


def rules_of(*texts: str, dns: Dns | None = None, **facts: object) -> list[str]:
    """Return the rules of virtual networks given as IFACE:CIDR."""
    items = tuple(
        VirtualNetwork(InterfacePattern.parse(name), Network.parse(cidr))
        for name, cidr in (text.split(":", 1) for text in texts)
    )
    redirect = Redirect(dns=dns or Dns(), vnet=items)
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
