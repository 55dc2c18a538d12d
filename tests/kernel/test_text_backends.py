"""Texts against the programs they are for: what they load is what was meant.

Random rulesets (``lab.rulesets``) hold every kind of match and target in odd company.  They are
loaded by iptables-restore in both flavours and by ``nft -f``; what iptables-save prints must read
back as the same ruleset, and ``nft list`` must show no difference to what the native backend
installs.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from kuma_net.backends.base import Stamp
from kuma_net.backends.nftables import Nftables
from kuma_net.netfilter.compare import without_reasons
from kuma_net.netfilter.contract import canonical, contract
from kuma_net.netfilter.digest import digest
from kuma_net.netfilter.expand import expand
from kuma_net.netfilter.flat import flatten
from kuma_net.netfilter.nft_text import LONGEST_COMMENT, render_nft
from kuma_net.netfilter.removal_text import render_removal, render_replacement
from kuma_net.netfilter.restore_text import render_restore
from kuma_net.netfilter.saved_text import parse_saved
from kuma_net.values import Family
from lab.host import Host
from lab.rulesets import rulesets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.netfilter.ruleset import Ruleset
    from kuma_net.netfilter.saved_text import Saved

PROGRAMS = {Family.IPV4: "iptables", Family.IPV6: "ip6tables"}
TABLES = ("raw", "mangle", "nat")
FLAVOURS = ("nft", "legacy")
FOREIGN = """*raw
-A PREROUTING -m comment --comment "their \\"quoted\\" 'note' \\\\ $x" -j NOTRACK
COMMIT
*nat
-N THEIRS
-A OUTPUT -p tcp -m mark --mark 5 -j RETURN
-A OUTPUT -j THEIRS
-A THEIRS -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 99
-A POSTROUTING -o eth9 -j MASQUERADE --random
COMMIT
*mangle
-A PREROUTING -m conntrack --ctstate INVALID -j DROP
-A OUTPUT -j MARK --set-xmark 0x5/0xff
COMMIT
"""
SPEAK = "import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', 9))"
STAMP = Stamp("1", "0123456789abcdef", "fedcba9876543210")

some = settings(max_examples=12, suppress_health_check=list(HealthCheck))
flavours = pytest.mark.parametrize("flavour", FLAVOURS)


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """Make a host with an empty network namespace."""
    made = Host("host")
    made.run(["ip", "link", "set", "lo", "up"])
    yield made
    made.stop()


def load(host: Host, flavour: str, family: Family, text: str) -> None:
    if text:
        host.run([f"{PROGRAMS[family]}-{flavour}-restore", "--noflush"], stdin=text)


def save(host: Host, flavour: str, family: Family) -> str:
    return host.run([f"{PROGRAMS[family]}-{flavour}-save", "-c"]).stdout


def rules_of(text: str) -> list[str]:
    """Return chains and rules with counters; the legacy flavour resets those of policies."""
    return [line for line in text.splitlines() if line[:1] == "[" or " - [" in line]


def clear(host: Host, flavour: str) -> None:
    """Take all rules away; the other flavour's, left by an earlier test, would drop packets."""
    text = "".join(f"*{table}\nCOMMIT\n" for table in TABLES)
    for family, program in PROGRAMS.items():
        for each in ("nft", "legacy"):
            host.run([f"{program}-{each}-restore"], stdin=text)
        assert not rules_of(save(host, flavour, family))


@flavours
@some
@given(ruleset=rulesets())
def test_what_iptables_restore_loads_iptables_save_gives_back(
    host: Host, flavour: str, ruleset: Ruleset
) -> None:
    for comments in (True, False):
        asked = canonical(ruleset) if comments else without_reasons(ruleset)
        clear(host, flavour)
        found: dict[Family, Saved] = {}
        for family in asked.families:
            text = render_restore(asked, family, stamp=str(STAMP), comments=comments)
            load(host, flavour, family, text)
            found[family] = parse_saved(save(host, flavour, family), family)
            assert found[family].strange == ()
            wanted = contract(expand(asked, family), None)
            assert flatten(contract(found[family].ruleset, None)) == flatten(wanted)
        both = contract(
            *[found[family].ruleset if family in found else None for family in PROGRAMS]
        )
        assert digest(both) == digest(asked)


@flavours
@some
@given(old=rulesets(), new=rulesets())
def test_replaced_and_removed_rules_leave_others_and_their_counters(
    host: Host, flavour: str, old: Ruleset, new: Ruleset
) -> None:
    clear(host, flavour)
    load(host, flavour, Family.IPV4, FOREIGN)
    host.run(["python3", "-c", SPEAK])
    before = rules_of(save(host, flavour, Family.IPV4))
    load(host, flavour, Family.IPV4, render_restore(old, Family.IPV4, stamp="s", verbose=True))
    found = parse_saved(save(host, flavour, Family.IPV4), Family.IPV4)
    load(host, flavour, Family.IPV4, render_replacement(found, new, stamp=str(STAMP)))
    found = parse_saved(save(host, flavour, Family.IPV4), Family.IPV4)
    wanted = contract(expand(new, Family.IPV4), None)
    assert flatten(contract(found.ruleset, None)) == flatten(wanted)
    assert found.stamp == str(STAMP)
    load(host, flavour, Family.IPV4, render_removal(found))
    assert rules_of(save(host, flavour, Family.IPV4)) == before


def apply_here(ruleset: Ruleset) -> None:
    Nftables().remove()
    Nftables().apply(ruleset, STAMP)


def shape(listing: str) -> list[str]:
    """Return the lines of ``nft list``, comments as short as nft takes them, elements sorted."""
    lines = [
        " | ".join(sorted(each.strip() for each in listed.partition("}")[0].split(",")))
        for listed in listing.split("elements = {")[1:]
    ]
    outside = "".join(
        part.partition("}")[2] if number else part
        for number, part in enumerate(listing.split("elements = {"))
    )
    for line in outside.splitlines():
        rule, mark, comment = line.partition(' comment "')
        lines.append(f"{rule}{mark}{comment[:LONGEST_COMMENT]}")
    return lines


@some
@given(ruleset=rulesets())
def test_nft_loads_what_the_native_backend_installs(host: Host, ruleset: Ruleset) -> None:
    asked = canonical(ruleset)
    host.run(["nft", "flush", "ruleset"])
    for _ in range(2):
        host.run(["nft", "-f", "-"], stdin=render_nft(asked, stamp=str(STAMP)))
    by_text = host.run(["nft", "list", "ruleset"]).stdout
    host.run(["nft", "flush", "ruleset"])
    host.call(apply_here, asked)
    by_backend = host.run(["nft", "list", "ruleset"]).stdout
    assert shape(by_text) == shape(by_backend)
