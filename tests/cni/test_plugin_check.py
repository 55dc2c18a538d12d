"""CHECK in real namespaces: whatever somebody changed is named, what others may do is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.attaching import OURS, Attached, nft
from lab.injected import PLAIN_DOCUMENT, documented

if TYPE_CHECKING:
    from pathlib import Path

    from lab.host import Host

PLAIN = documented(PLAIN_DOCUMENT)


TAMPERED: dict[str, tuple[tuple[str, ...], str]] = {
    "a table that is gone": ((f"delete table {OURS}",), "missing: all 19 rules"),
    "a table that sleeps": ((f"add table {OURS} {{ flags dormant; }}",), "dormant"),
    "a chain that is empty": ((f"flush chain {OURS} KUMA_MESH_INBOUND",), "excluded port"),
    "a chain of somebody else": (
        (f"add chain {OURS} mine {{ type filter hook input priority 0; }}",),
        "mine",
    ),
    "a rule that is gone": (("delete rule {to the outbound port}",), "to the outbound port"),
    "a rule that comes first": (
        (f"insert rule {OURS} KUMA_MESH_OUTBOUND.ipv6 tcp dport 99 accept",),
        "rule 0 of chain KUMA_MESH_OUTBOUND.ipv6: none of ours",
    ),
    "a rule that comes last": (
        (f"add rule {OURS} nat_output tcp dport 98 return",),
        "of chain nat_output: none of ours",
    ),
    "a rule with another port": (
        ("replace rule {to the inbound port} meta l4proto tcp counter redirect to :9999",),
        "missing: nat KUMA_MESH_INBOUND_REDIRECT, rule 1: TCP goes to port 15006",
    ),
    "a rule for another user": (
        ("replace rule {DNS queries of the sidecar} udp dport 53 meta skuid 77 counter return",),
        "missing: nat OUTPUT, rule 1: UDP to port 53 of user 5678",
    ),
    "a port too many in a set": (
        (f"add element {OURS} inbound_exclude_ports {{ 80 }}",),
        "80",
    ),
    "a port that is gone from a set": (
        (f"delete element {OURS} inbound_exclude_ports {{ 9902 }}",),
        "9902",
    ),
    "a family that is let pass": (
        (f"delete element {OURS} KUMA_MESH_OUTBOUND {{ ipv6 }}",),
        "map KUMA_MESH_OUTBOUND is not as we write it",
    ),
}
"""Commands of nft, a rule by words of its comment in braces; and what CHECK then names."""


@pytest.mark.parametrize("what", TAMPERED)
def test_check_names_what_somebody_changed(what: str, host: Host, tmp_path: Path) -> None:
    attached = Attached(tmp_path, host, PLAIN)
    attached.add()
    assert attached.drift() == ""
    commands, named = TAMPERED[what]
    for command in commands:
        nft(host, command)
    assert named in attached.drift()
    assert attached.lines()[-1]["event"] == "failed"
    attached.add()
    assert attached.drift() == ""


def test_check_names_the_address_that_is_gone(host: Host, tmp_path: Path) -> None:
    attached = Attached(tmp_path, host, PLAIN)
    attached.add()
    host.run(["ip", "address", "del", "::6/128", "dev", "lo"])
    assert attached.drift().startswith("missing: ::6/128 on the loopback interface")
    attached.add()
    assert attached.drift() == ""


def test_check_fails_where_nothing_was_ever_installed(host: Host, tmp_path: Path) -> None:
    drift = Attached(tmp_path, host, PLAIN).drift().splitlines()
    assert drift[0] == "missing: all 19 rules"
    assert len(drift) == 2


def test_check_does_not_mind_what_others_add(host: Host, tmp_path: Path) -> None:
    attached = Attached(tmp_path, host, PLAIN)
    attached.add()
    nft(host, "add table inet later")
    nft(host, "add chain inet later out { type nat hook output priority -150; }")
    nft(host, "add rule inet later out tcp dport 80 accept")
    host.run(["iptables-nft", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-j", "ACCEPT"])
    host.run(["ip", "address", "add", "10.9.8.7/24", "dev", "eth0"])
    assert attached.drift() == ""
