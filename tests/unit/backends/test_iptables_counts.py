"""Counters of rows, added up to those of rules."""

from __future__ import annotations

from kuma_net.backends.base import RuleCount
from kuma_net.backends.iptables_counts import counts
from kuma_net.netfilter.contract import contract
from kuma_net.netfilter.saved_text import parse_saved
from kuma_net.values import Family

COMMENT = '-m comment --comment "kuma/mesh/transparent/proxy/x"'
V4 = f"""*nat
:OUTPUT ACCEPT [0:0]
:KUMA_MESH_INBOUND - [0:0]
[1:10] -A OUTPUT -d 10.0.0.0/8 {COMMENT} -j RETURN
[2:20] -A OUTPUT -d 172.16.0.0/12 {COMMENT} -j RETURN
[4:40] -A OUTPUT -p tcp {COMMENT} -j KUMA_MESH_INBOUND
[8:80] -A KUMA_MESH_INBOUND -p tcp {COMMENT} -j RETURN
COMMIT
"""
V6 = f"""*nat
:OUTPUT ACCEPT [0:0]
:KUMA_MESH_INBOUND - [0:0]
[16:160] -A OUTPUT -d fd00::/8 {COMMENT} -j RETURN
[32:320] -A OUTPUT -p tcp {COMMENT} -j KUMA_MESH_INBOUND
[64:640] -A KUMA_MESH_INBOUND -p tcp {COMMENT} -j RETURN
COMMIT
"""


def test_rows_of_a_rule_and_of_both_families_are_added() -> None:
    found = [parse_saved(V4, Family.IPV4), parse_saved(V6, Family.IPV6)]
    ruleset = contract(found[0].ruleset, found[1].ruleset)
    assert counts(ruleset, found) == (
        RuleCount("nat OUTPUT", 0, 19, 190),
        RuleCount("nat OUTPUT", 1, 36, 360),
        RuleCount("KUMA_MESH_INBOUND", 0, 72, 720),
    )


def test_without_counters_everything_has_seen_nothing() -> None:
    saved = parse_saved("*nat\n:KUMA_MESH_X - [0:0]\n-A KUMA_MESH_X -j RETURN\n", Family.IPV4)
    ruleset = contract(saved.ruleset, None)
    assert counts(ruleset, [saved]) == (RuleCount("KUMA_MESH_X", 0, 0, 0),)
