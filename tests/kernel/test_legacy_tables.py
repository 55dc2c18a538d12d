"""Legacy tables of a real kernel, read without a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.host.legacy_tables import read_tables, table_names
from kuma_net.netfilter.listing import Listing, read_listing
from kuma_net.values import BOTH_FAMILIES, Family
from lab.agent import CallError
from lab.host import Host, call_as
from lab.kumactl import FOREIGN, KUMACTL

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = {Family.IPV4: "iptables", Family.IPV6: "ip6tables"}


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a host with an empty network namespace."""
    made = Host("host")
    yield made
    made.stop()


def load(host: Host, texts: dict[Family, str]) -> None:
    for family, text in texts.items():
        host.run([f"{PROGRAMS[family]}-legacy-restore", "--noflush"], stdin=text)


def test_where_nobody_made_a_table_there_is_none(host: Host) -> None:
    assert host.call(table_names, Family.IPV4) == ()
    assert host.call(table_names, Family.IPV6) == ()


def test_without_the_capability_that_is_told(host: Host) -> None:
    load(host, FOREIGN)
    with pytest.raises(CallError, match="refused to list legacy IPv4 tables: Operation not perm"):
        host.call(call_as, 1000, read_tables, Family.IPV4, ("nat",))
    assert host.call(call_as, 1000, table_names, Family.IPV4) == ()


def read_here(family: Family) -> Listing:
    return read_tables(family, table_names(family))


ODD = {
    Family.IPV4: """\
*filter
:ODD - [0:0]
-A INPUT -s 1.2.3.4/255.0.255.0 ! -i eth+ -p icmp -g ODD
-A INPUT -f -j ACCEPT
-A ODD
-A ODD ! -p tcp -j RETURN
COMMIT
*nat
-A POSTROUTING ! -d 10.0.0.0/8 ! -o br-+ -j MASQUERADE
-A PREROUTING -p tcp -m multiport ! --dports 1,2:3,4 -m comment --comment "it's \\"x\\"" -j RETURN
COMMIT
""",
    Family.IPV6: """\
*mangle
:ODD - [0:0]
-A PREROUTING ! -s fd00::/8 -p udp -m udp ! --sport 5:6 --dport 7 -j ODD
-A ODD -j DROP
COMMIT
""",
}


@pytest.mark.parametrize("family", BOTH_FAMILIES, ids=str)
def test_legacy_tables_are_read_as_iptables_save_prints_them(host: Host, family: Family) -> None:
    """Words that we do not read are ``--unknown``; all others are those of iptables-save."""
    for texts in (FOREIGN, KUMACTL, ODD):
        load(host, texts)
    printed = read_listing(host.run([f"{PROGRAMS[family]}-legacy-save"]).stdout)
    read = host.call(read_here, family)
    assert read.chains == printed.chains
    assert len(read.rules) == len(printed.rules)
    for ours, theirs in zip(read.rules, printed.rules, strict=True):
        known = [word for word in ours.words if word != "--unknown"]
        if "--unknown" in ours.words:
            assert (ours.table, ours.chain) == (theirs.table, theirs.chain)
            assert set(known) <= set(theirs.words)
        else:
            assert ours == theirs.replace(words=_numbered(theirs.words))


def _numbered(words: tuple[str, ...]) -> tuple[str, ...]:
    """iptables-save names some protocols that we leave as numbers."""
    return tuple("1" if word == "icmp" else word for word in words)
