"""Rules that kumactl left behind, in tables of a real kernel: all of them go, nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.backends import leftovers
from kuma_net.backends.nftables import Nftables
from kuma_net.backends.restore import Restore
from kuma_net.host.legacy_tables import table_names
from kuma_net.host.netlink_socket import NetlinkSocket
from kuma_net.netfilter.listing import read_listing
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.config import Config
from kuma_net.values import BOTH_FAMILIES, Family
from lab.host import Host
from lab.installing import stamp_of
from lab.kumactl import FOREIGN, KUMACTL, bare
from lab.planned import planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.backends.base import Applied, Kind
    from kuma_net.netfilter.listing import Listing
    from kuma_net.netfilter.nf_tables import TableFamily
    from kuma_net.netfilter.ruleset import Ruleset

PROGRAMS = {Family.IPV4: "iptables", Family.IPV6: "ip6tables"}
ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
KINDS: tuple[Kind, ...] = ("iptables-nft", "iptables-legacy")
both_kinds = pytest.mark.parametrize("kind", KINDS)
with_and_without_comments = pytest.mark.parametrize(
    "texts", [KUMACTL, bare(KUMACTL)], ids=["commented", "bare"]
)


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a host with an empty network namespace."""
    made = Host("host")
    yield made
    made.stop()


def load(host: Host, kind: Kind, texts: dict[Family, str]) -> None:
    flavour = kind.removeprefix("iptables")
    for family, text in texts.items():
        host.run([f"{PROGRAMS[family]}{flavour}-restore", "--noflush"], stdin=text)


def listing(host: Host, kind: Kind) -> list[str]:
    """Return chains and rules with their counters, tables that hold nothing left out."""
    flavour = kind.removeprefix("iptables")
    lines: list[str] = []
    for program in PROGRAMS.values():
        table = ""
        for line in host.run([f"{program}{flavour}-save", "-c"]).stdout.splitlines():
            table = line if line.startswith("*") else table
            if "] -A " in line or " - [" in line:
                lines.append(f"{program} {table} {line}")
    return sorted(lines)


SPEAK = "import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', 9))"
"""A packet, so that the counters of foreign rules are not all zero."""


def remove_here(kind: Kind) -> Applied:
    return Restore(kind, environ=ENVIRON).remove()


def holders_here() -> tuple[Kind, ...]:
    return leftovers.holders()


@both_kinds
@with_and_without_comments
def test_all_of_kumactls_rules_go_and_foreign_ones_keep_their_counters(
    host: Host, kind: Kind, texts: dict[Family, str]
) -> None:
    load(host, kind, FOREIGN)
    host.run(["ip", "link", "set", "lo", "up"])
    host.run(["python3", "-c", SPEAK])
    before = listing(host, kind)
    assert any("[1:29]" in line for line in before)
    load(host, kind, texts)
    assert host.call(holders_here) == (kind,)
    applied = host.call(remove_here, kind)
    assert applied.changed
    assert applied.processes == (2 if kind == "iptables-legacy" else 0)
    assert len([note for note in applied.notes if "kumactl" in note]) == 2
    assert listing(host, kind) == before
    assert host.call(holders_here) == ()
    assert not host.call(remove_here, kind).changed


@with_and_without_comments
def test_the_nftables_backend_takes_them_away_in_its_own_transaction(
    host: Host, texts: dict[Family, str]
) -> None:
    load(host, "iptables-nft", FOREIGN)
    before = listing(host, "iptables-nft")
    load(host, "iptables-nft", texts)
    ruleset = compile_ruleset(planned(Config()))
    applied = host.call(apply_natively_here, ruleset)
    assert (applied.changed, applied.processes) == (True, 0)
    assert len([note for note in applied.notes if "kumactl" in note]) == 2
    assert listing(host, "iptables-nft") == before
    assert host.call(holders_here) == ("nftables",)
    assert not host.call(apply_natively_here, ruleset).changed


def apply_natively_here(ruleset: Ruleset) -> Applied:
    return Nftables().apply(ruleset, stamp_of(ruleset))


@both_kinds
def test_in_an_empty_namespace_there_is_nothing_and_no_table_springs_up(
    host: Host, kind: Kind
) -> None:
    assert host.call(holders_here) == ()
    assert not host.call(remove_here, kind).changed
    assert host.call(table_names, Family.IPV4) == ()
    assert host.run(["nft", "list", "tables"]).stdout == ""


def test_a_lone_commented_rule_of_an_interrupted_install_goes_too(host: Host) -> None:
    rule = "-A OUTPUT -p udp -m comment --comment kuma/mesh/transparent/proxy/x -j CT --zone 1"
    load(host, "iptables-nft", {Family.IPV4: f"*raw\n{rule}\nCOMMIT\n"})
    assert host.call(remove_here, "iptables-nft").changed
    assert listing(host, "iptables-nft") == []


def test_what_may_be_anybodys_is_told_and_stays(host: Host) -> None:
    texts = bare(KUMACTL)
    load(host, "iptables-nft", texts)
    drop = "*mangle\n-A PREROUTING -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n"
    load(host, "iptables-nft", {Family.IPV4: drop})
    applied = host.call(remove_here, "iptables-nft")
    assert "ctstate INVALID -j DROP" in applied.notes[1]
    assert len(listing(host, "iptables-nft")) == 1


@pytest.mark.parametrize("family", BOTH_FAMILIES, ids=str)
def test_rules_of_iptables_nft_are_read_with_the_meaning_that_its_save_prints(
    host: Host, family: Family
) -> None:
    load(host, "iptables-nft", KUMACTL)
    printed = read_listing(host.run([f"{PROGRAMS[family]}-nft-save"]).stdout)
    read = host.call(nft_listing_here, family)
    assert sorted(read.chains) == sorted(printed.chains)
    options = [
        sorted((rule.table, rule.chain, *sorted(rule.options().items())) for rule in listing.rules)
        for listing in (read, printed)
    ]
    assert options[0] == options[1]


def nft_listing_here(family: Family) -> Listing:
    with NetlinkSocket() as kernel:
        places: list[tuple[TableFamily | None, str]] = [
            ("ip" if family == Family.IPV4 else "ip6", table) for table in leftovers.TABLES
        ]
        (marked,) = leftovers.marked_in(kernel, places)
    return leftovers.nft_listing(marked)
