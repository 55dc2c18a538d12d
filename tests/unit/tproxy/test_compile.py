"""From a plan to the ruleset: which hook chains there are and what stands in them, in order."""

from __future__ import annotations

import pytest

from kuma_net.netfilter.contract import canonical
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.config import Config, Dns, Inbound, Log, Outbound, Redirect, VirtualNetwork
from kuma_net.values import InterfacePattern, Network
from lab.planned import planned, told

ALL_DNS = Dns(enabled=True, capture_all=True)
BRIDGE = VirtualNetwork(InterfacePattern("br0"), Network.parse("10.1.0.0/16"))
TO_INBOUND = "TCP goes through KUMA_MESH_INBOUND"
TO_OUTBOUND = "TCP goes through KUMA_MESH_OUTBOUND"


def hooks(config: Config, *, own_table: bool = True) -> list[str]:
    """Return the hook chains of a configuration's ruleset."""
    ruleset = compile_ruleset(planned(config, own_table=own_table))
    return [f"{hook.table} {hook.hook}" for hook in ruleset.hooks]


def sides(config: Config, hook: str) -> tuple[list[str], list[str]]:
    """Return what stands ahead of and behind foreign rules in a nat hook chain."""
    ruleset = compile_ruleset(planned(config, own_table=False))
    (chain,) = (c for c in ruleset.hooks if (c.table, c.hook) == ("nat", hook))
    return told(chain.before), told(chain.after)


def test_without_dns_and_drops_only_nat_is_touched() -> None:
    assert hooks(Config()) == ["nat PREROUTING", "nat OUTPUT"]


def test_dns_needs_the_raw_table_and_dropping_the_mangle_table() -> None:
    config = Config(redirect=Redirect(dns=ALL_DNS), drop_invalid_packets=True)
    assert hooks(config) == [
        "raw PREROUTING",
        "raw OUTPUT",
        "mangle PREROUTING",
        "nat PREROUTING",
        "nat OUTPUT",
    ]


def test_the_four_chains_are_there_whatever_is_switched_off() -> None:
    off = Redirect(Inbound(enabled=False), Outbound(enabled=False))
    ruleset = compile_ruleset(planned(Config(redirect=off)))
    assert [chain.name for chain in ruleset.chains] == [
        "KUMA_MESH_INBOUND",
        "KUMA_MESH_INBOUND_REDIRECT",
        "KUMA_MESH_OUTBOUND",
        "KUMA_MESH_OUTBOUND_REDIRECT",
    ]


def test_exclusions_and_dns_precede_foreign_rules_and_the_jump_follows_them() -> None:
    before, after = sides(Config(redirect=Redirect(dns=ALL_DNS)), "OUTPUT")
    assert before == [
        "UDP to port 53 of user 5678 leaves this chain",
        "UDP to port 53 goes to port 15053 of this machine",
    ]
    assert after == [TO_OUTBOUND]


def test_an_inserted_outbound_jump_precedes_foreign_rules() -> None:
    config = Config(redirect=Redirect(outbound=Outbound(insert=True)))
    assert sides(config, "OUTPUT") == ([TO_OUTBOUND], [])


def test_the_log_rule_precedes_the_appended_inbound_jump() -> None:
    before, after = sides(Config(log=Log(enabled=True, level=4)), "PREROUTING")
    assert before == []
    assert after == ["everything is logged as 'PREROUTING:' at level 4", TO_INBOUND]


def test_an_inserted_inbound_jump_leaves_the_log_rule_behind_foreign_rules() -> None:
    config = Config(log=Log(enabled=True), redirect=Redirect(inbound=Inbound(insert=True)))
    before, after = sides(config, "PREROUTING")
    assert before == [TO_INBOUND]
    assert after == ["everything is logged as 'PREROUTING:' at level 7"]


def test_virtual_networks_bring_the_inbound_jump_to_the_front() -> None:
    before, after = sides(Config(redirect=Redirect(vnet=(BRIDGE,))), "PREROUTING")
    assert (before[-1], after) == (TO_INBOUND, [])


def test_in_a_table_of_our_own_nothing_stands_behind_foreign_rules() -> None:
    config = Config(redirect=Redirect(dns=ALL_DNS), log=Log(enabled=True))
    ruleset = compile_ruleset(planned(config))
    assert all(not hook.after for hook in ruleset.hooks)


def test_excluded_interfaces_stand_at_the_head_of_the_other_tables_too() -> None:
    wireguard = (InterfacePattern("wg0"),)
    redirect = Redirect(dns=ALL_DNS, exclude_interfaces=wireguard)
    ruleset = compile_ruleset(planned(Config(redirect=redirect, drop_invalid_packets=True)))
    heads = {f"{hook.table} {hook.hook}": told(hook.rules)[0] for hook in ruleset.hooks}
    assert heads == {
        "raw PREROUTING": "everything coming in through wg0 leaves this chain",
        "raw OUTPUT": "everything going out through wg0 leaves this chain",
        "mangle PREROUTING": "everything coming in through wg0 leaves this chain",
        "nat PREROUTING": TO_INBOUND,
        "nat OUTPUT": "everything going out through wg0 leaves this chain",
    }


def test_without_comments_no_rule_says_why() -> None:
    ruleset = compile_ruleset(planned(Config(comments_disabled=True)))
    assert {(rule.why, rule.setting) for _, rule in ruleset.rules()} == {("", "")}


def test_what_is_compiled_is_in_canonical_form() -> None:
    for bare in (True, False):
        config = Config(redirect=Redirect(dns=ALL_DNS, vnet=(BRIDGE,)), comments_disabled=bare)
        ruleset = compile_ruleset(planned(config))
        assert canonical(ruleset) == ruleset


EVERYWHERE = (Network.parse("0.0.0.0/0"), Network.parse("::/0"))
EVERY_LINK = InterfacePattern.parse("+")


@pytest.mark.parametrize(
    "redirect",
    [
        Redirect(inbound=Inbound(exclude_ips=EVERYWHERE)),
        Redirect(outbound=Outbound(include_ips=EVERYWHERE[:1])),
        Redirect(outbound=Outbound(exclude_ips=EVERYWHERE[1:])),
        Redirect(vnet=(VirtualNetwork(EVERY_LINK, Network.parse("10.0.0.0/8")),)),
        Redirect(vnet=(VirtualNetwork(InterfacePattern("br0"), EVERYWHERE[0]),)),
        Redirect(exclude_interfaces=(EVERY_LINK,)),
    ],
    ids=["arriving", "one-family", "the-other", "any-bridge", "any-network", "any-interface"],
)
def test_what_matches_everything_is_not_asked(redirect: Redirect) -> None:
    """iptables-save does not print such a match back, so it would differ when read again."""
    ruleset = compile_ruleset(planned(Config(redirect=redirect)))
    assert canonical(ruleset) == ruleset
