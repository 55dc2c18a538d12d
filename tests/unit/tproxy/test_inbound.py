"""What becomes of a connection that arrives."""

from __future__ import annotations

from kuma_net.tproxy.config import Config, Inbound, Redirect
from kuma_net.tproxy.inbound import inbound_chain, inbound_redirect_chain
from kuma_net.values import InterfacePattern, Network, PortSet
from lab.planned import planned, told

CAPTURED = "TCP goes through KUMA_MESH_INBOUND_REDIRECT"


def rules_of(inbound: Inbound, *interfaces: str, **facts: object) -> list[str]:
    """Return the inbound chain of a configuration in words."""
    excluded = tuple(InterfacePattern.parse(name) for name in interfaces)
    redirect = Redirect(inbound=inbound, exclude_interfaces=excluded)
    return told(inbound_chain(planned(Config(redirect=redirect), **facts)).rules)


def test_everything_that_arrives_is_captured() -> None:
    assert rules_of(Inbound()) == [CAPTURED]


def test_nothing_is_captured_when_switched_off() -> None:
    off = Inbound(enabled=False, exclude_ports=PortSet.of(80))
    assert rules_of(off) == ["TCP leaves this chain"]


def test_exclusions_go_interface_network_session_port() -> None:
    inbound = Inbound(
        exclude_ports=PortSet.of(80, (90, 99)), exclude_ips=(Network.parse("10.0.0.1"),)
    )
    assert rules_of(inbound, "wg0", session_ports=PortSet.of(22)) == [
        "everything coming in through wg0 leaves this chain",
        "everything from 10.0.0.1/32 leaves this chain",
        "TCP to port 22 leaves this chain",
        "TCP to port 80 or 90-99 leaves this chain",
        CAPTURED,
    ]


def test_listed_ports_win_over_excluded_ones_but_not_over_the_session() -> None:
    inbound = Inbound(include_ports=PortSet.of(22, 80), exclude_ports=PortSet.of(80))
    assert rules_of(inbound, session_ports=PortSet.of(22)) == [
        "TCP to port 22 leaves this chain",
        "TCP to port 22 or 80 goes through KUMA_MESH_INBOUND_REDIRECT",
    ]


def test_the_redirect_chain_is_there_even_while_inbound_capture_is_off() -> None:
    chain = inbound_redirect_chain(planned(Config(redirect=Redirect(Inbound(enabled=False)))))
    assert (chain.name, told(chain.rules)) == (
        "KUMA_MESH_INBOUND_REDIRECT",
        ["TCP goes to port 15006 of this machine"],
    )


def test_names_and_ports_follow_the_configuration() -> None:
    inbound = Inbound(port=1, chain_name="IN", redirect_chain_name="TO_IN")
    plan = planned(Config(redirect=Redirect(inbound)))
    assert inbound_chain(plan).name == "KUMA_MESH_IN"
    assert told(inbound_chain(plan).rules) == ["TCP goes through KUMA_MESH_TO_IN"]
    assert told(inbound_redirect_chain(plan).rules) == ["TCP goes to port 1 of this machine"]


def test_sidecars_of_old_listen_for_ipv6_on_a_port_of_its_own() -> None:
    config = Config(redirect=Redirect(Inbound(port_ipv6=15010)))
    assert told(inbound_redirect_chain(planned(config)).rules) == [
        "IPv6 TCP goes to port 15010 of this machine",
        "TCP goes to port 15006 of this machine",
    ]
    alone = planned(config.replace(ip_family_mode="ipv4"))
    assert told(inbound_redirect_chain(alone).rules) == ["TCP goes to port 15006 of this machine"]
