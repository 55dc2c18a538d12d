"""One family, each rule in a form iptables can express."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kuma_net.netfilter import expand as module
from kuma_net.netfilter.expand import expand
from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    Exclusions,
    FamilyIs,
    OwnerGid,
    OwnerUid,
    Source,
    SourcePort,
)
from kuma_net.netfilter.packet import Packet
from kuma_net.netfilter.rows import port_lists
from kuma_net.netfilter.ruleset import Rule, Ruleset
from kuma_net.netfilter.simulate import simulate
from kuma_net.values import BOTH_FAMILIES, Family
from lab.rulesets import packets, rulesets


def fits_one_line(rule: Rule) -> bool:
    for match in rule.matches:
        match match:
            case FamilyIs() | Exclusions():
                return False
            case Source(networks) | Destination(networks):
                if len(networks) != 1:
                    return False
            case OwnerUid(ids) | OwnerGid(ids):
                if len(ids.intervals) != 1:
                    return False
            case SourcePort(ports) | DestinationPort(ports):
                if len(list(port_lists(ports))) != 1:
                    return False
            case _:
                pass
    return True


@settings(max_examples=25)
@given(rulesets(families=[BOTH_FAMILIES]), st.sampled_from(BOTH_FAMILIES))
def test_every_rule_fits_one_line(ruleset: Ruleset, family: Family) -> None:
    one = expand(ruleset, family)
    assert one.families == (family,)
    assert all(fits_one_line(rule) for _, rule in one.rules())


@settings(max_examples=25)
@given(rulesets(families=[BOTH_FAMILIES]), packets())
def test_expanded_rules_mean_the_same(ruleset: Ruleset, packet: Packet) -> None:
    whole, one = simulate(ruleset, packet), simulate(expand(ruleset, packet.family), packet)
    assert (whole.outcome, whole.port, whole.zone, whole.logged) == (
        (one.outcome, one.port, one.zone, one.logged)
    )


def test_the_ways_back_are_offered_here_too() -> None:
    assert module.__all__ == sorted(module.__all__)
    assert all(callable(getattr(module, name)) for name in module.__all__)
