"""What becomes of a connection that is sent."""

from __future__ import annotations

from kuma_net.tproxy.config import Config, Outbound, Redirect
from kuma_net.tproxy.outbound import outbound_chain, outbound_redirect_chain
from kuma_net.values import Network, PortSet
from lab.planned import planned, told

NO_LOOPS = [
    "everything from 127.0.0.6/32 or ::6/128 going out through lo leaves this chain",
    (
        "TCP to anything but 127.0.0.1/32 or ::1/128 going out through lo of user 5678 "
        "goes through KUMA_MESH_INBOUND_REDIRECT"
    ),
    "everything of user 5678 leaves this chain",
    "TCP going out through lo leaves this chain",
    "everything to 127.0.0.1/32 or ::1/128 leaves this chain",
]
CAPTURED = "everything goes through KUMA_MESH_OUTBOUND_REDIRECT"


def rules_of(outbound: Outbound, **facts: object) -> list[str]:
    """Return the outbound chain of a configuration in words."""
    plan = planned(Config(redirect=Redirect(outbound=outbound)), **facts)
    return told(outbound_chain(plan).rules)


def networks(*texts: str) -> tuple[Network, ...]:
    """Return networks from their texts."""
    return tuple(Network.parse(text) for text in texts)


def test_everything_that_is_sent_is_captured_but_what_would_loop() -> None:
    assert rules_of(Outbound()) == [*NO_LOOPS, CAPTURED]


def test_nothing_is_captured_when_switched_off() -> None:
    assert rules_of(Outbound(enabled=False)) == ["TCP leaves this chain"]


def test_excluded_ports_come_first() -> None:
    excluded = Outbound(exclude_ports=PortSet.of(3306))
    assert rules_of(excluded) == ["TCP to port 3306 leaves this chain", *NO_LOOPS, CAPTURED]


def test_listed_ports_win_over_excluded_ones() -> None:
    listed = Outbound(include_ports=PortSet.of(80), exclude_ports=PortSet.of(80))
    assert rules_of(listed)[len(NO_LOOPS) :] == [
        "TCP to port 80 goes through KUMA_MESH_OUTBOUND_REDIRECT"
    ]


def test_only_listed_networks_are_captured() -> None:
    listed = Outbound(include_ips=networks("fd00::/8", "10.0.0.0/8"))
    assert rules_of(listed)[len(NO_LOOPS) :] == [
        "everything to 10.0.0.0/8 or fd00::/8 goes through KUMA_MESH_OUTBOUND_REDIRECT"
    ]


def test_listed_ports_of_listed_networks() -> None:
    both = Outbound(include_ips=networks("10.0.0.0/8"), include_ports=PortSet.of(80))
    assert rules_of(both)[len(NO_LOOPS) :] == [
        "TCP to 10.0.0.0/8 to port 80 goes through KUMA_MESH_OUTBOUND_REDIRECT"
    ]


def test_listed_networks_of_a_family_that_is_left_out_capture_nothing() -> None:
    listed = Outbound(include_ips=networks("fd00::/8"))
    assert len(rules_of(listed, ipv6=False, ipv6_reason="none")) == len(NO_LOOPS)


def test_the_redirect_chain_sends_to_the_outbound_port() -> None:
    chain = outbound_redirect_chain(planned(Config()))
    assert (chain.name, told(chain.rules)) == (
        "KUMA_MESH_OUTBOUND_REDIRECT",
        ["TCP goes to port 15001 of this machine"],
    )
