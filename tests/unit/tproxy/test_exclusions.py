"""What is left alone by owner, by network and by interface."""

from __future__ import annotations

import pytest

from kuma_net.errors import ConfigError
from kuma_net.netfilter.matches import Exclusions
from kuma_net.tproxy.config import Config, Outbound, OwnerExclusion, Redirect
from kuma_net.tproxy.exclusions import interface_exclusions, networks_of, output_exclusions
from kuma_net.values import BOTH_FAMILIES, Family, InterfacePattern, L4Proto, Network, PortSet
from lab.planned import planned, told

TCP, UDP = L4Proto.TCP, L4Proto.UDP


def exclusion(
    ids: tuple[int, int], *ports: int, protocols: tuple[L4Proto, ...] = (TCP, UDP)
) -> OwnerExclusion:
    """Return one rule of the per-owner grammar; without ports for all of them."""
    return OwnerExclusion(protocols, PortSet.of(*ports) if ports else PortSet.ALL, ids)


def rules_of(outbound: Outbound, **facts: object) -> list[str]:
    """Return the exclusions of a configuration in words."""
    return told(output_exclusions(planned(Config(redirect=Redirect(outbound=outbound)), **facts)))


def test_nothing_excluded_makes_no_rule() -> None:
    assert rules_of(Outbound()) == []


def test_users_precede_groups_and_groups_precede_networks() -> None:
    outbound = Outbound(
        exclude_ips=(Network.parse("10.0.0.0/8"),),
        exclude_for_gids=(exclusion((7, 7), 443, protocols=(TCP,)),),
        exclude_for_uids=(exclusion((5, 5), 53, protocols=(UDP,)),),
    )
    assert rules_of(outbound) == [
        "UDP to port 53 of user 5 leaves this chain",
        "TCP to port 443 of group 7 leaves this chain",
        "everything to 10.0.0.0/8 leaves this chain",
    ]


def test_what_one_plain_rule_cannot_say_is_one_match_on_many_boxes() -> None:
    asked = Outbound(exclude_for_uids=(exclusion((5, 5), 80), exclusion((6, 9), 90)))
    (rule,) = output_exclusions(planned(Config(redirect=Redirect(outbound=asked))))
    assert rule.matches == (
        Exclusions(
            "uid", ((6, 5, 5, 80, 80), (6, 6, 9, 90, 90), (17, 5, 5, 80, 80), (17, 6, 9, 90, 90))
        ),
    )
    assert rule.setting == "redirect.outbound.excludePortsForUIDs"


def test_networks_of_a_family_that_is_left_out_make_no_rule() -> None:
    only_v6 = Outbound(exclude_ips=(Network.parse("fd00::/8"),))
    assert rules_of(only_v6, ipv6=False, ipv6_reason="none") == []
    assert rules_of(only_v6) == ["everything to fd00::/8 leaves this chain"]


def test_networks_come_each_once_and_in_one_order() -> None:
    texts = ("fd00::/8", "10.2.0.0/16", "10.1.0.0/16", "10.2.0.0/16")
    listed = tuple(Network.parse(text) for text in texts)
    assert [str(network) for network in networks_of(listed, BOTH_FAMILIES)] == [
        "10.1.0.0/16",
        "10.2.0.0/16",
        "fd00::/8",
    ]
    assert [str(network) for network in networks_of(listed, (Family.IPV6,))] == ["fd00::/8"]


def test_networks_inside_others_add_nothing() -> None:
    listed = tuple(Network.parse(text) for text in ("10.1.0.0/16", "10.0.0.0/8"))
    assert [str(network) for network in networks_of(listed, BOTH_FAMILIES)] == ["10.0.0.0/8"]


def test_interfaces_are_left_alone_on_either_side_in_order_of_their_names() -> None:
    names = (InterfacePattern("wg0"), InterfacePattern("tun", wildcard=True))
    plan = planned(Config(redirect=Redirect(exclude_interfaces=names)))
    assert told(interface_exclusions(plan, "PREROUTING")) == [
        "everything coming in through tun+ leaves this chain",
        "everything coming in through wg0 leaves this chain",
    ]
    assert told(interface_exclusions(plan, "OUTPUT")) == [
        "everything going out through tun+ leaves this chain",
        "everything going out through wg0 leaves this chain",
    ]


def test_ranges_nested_without_measure_are_refused_by_their_setting() -> None:
    nested = tuple(exclusion((one, 9000 - one), 1 + one) for one in range(2000))
    with pytest.raises(
        ConfigError, match=r"excludePortsForUIDs.*these 2000 rules overlap too much"
    ):
        rules_of(Outbound(exclude_for_uids=nested))


def test_thousands_of_users_within_a_few_wide_ranges_are_no_trouble() -> None:
    wide = tuple(exclusion((0, 100_000), port) for port in range(10))
    single = tuple(exclusion((2 * one, 2 * one), 10 + one) for one in range(2000))
    assert len(rules_of(Outbound(exclude_for_uids=wide + single))) == 1
