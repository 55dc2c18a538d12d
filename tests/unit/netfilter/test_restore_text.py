"""The input of iptables-restore, word for word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from kuma_net.netfilter.matches import (
    CtState,
    Destination,
    DestinationPort,
    FamilyIs,
    InInterface,
    Not,
    OutInterface,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
    exclusions,
)
from kuma_net.netfilter.restore_text import Style, quoted, render_restore, rule_text
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.values import (
    BOTH_FAMILIES,
    Family,
    IdSet,
    InterfacePattern,
    L4Proto,
    Network,
    PortSet,
)
from lab.rulesets import rulesets
from lab.tables import Tables

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.targets import Target

V4, V6 = Family.IPV4, Family.IPV6
TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)
MANY = PortSet.of(*range(1, 41, 2))
SMALL = Ruleset(
    BOTH_FAMILIES,
    (
        HookChain(
            "raw",
            "OUTPUT",
            after=(Rule((UDP, DestinationPort(PortSet.of(53))), CtZone(1), "zone", "dns.zone"),),
        ),
        HookChain("mangle", "PREROUTING", (), (Rule((CtState("INVALID"),), Drop(), "bad"),)),
        HookChain(
            "nat",
            "OUTPUT",
            (
                Rule((Destination((Network.parse("10.0.0.0/8"),)),), Return(), "network"),
                Rule((OwnerUid(IdSet.of(1)),), Return(), "user"),
            ),
            (Rule((TCP,), Jump("KUMA_MESH_OUT"), "all"),),
        ),
    ),
    (Chain("nat", "KUMA_MESH_OUT", (Rule((TCP,), Redirect(15001), "to the port"),)),),
)


def test_the_text_of_ipv4() -> None:
    assert render_restore(SMALL, V4) == (
        "* raw\n"
        '-A OUTPUT -m comment --comment "kuma/mesh/transparent/proxy/zone [dns.zone]"'
        " -p udp --dport 53 -j CT --zone 1\n"
        "COMMIT\n"
        "* nat\n"
        "-N KUMA_MESH_OUT\n"
        '-I OUTPUT 1 -m comment --comment "kuma/mesh/transparent/proxy/network"'
        " -d 10.0.0.0/8 -j RETURN\n"
        '-I OUTPUT 2 -m comment --comment "kuma/mesh/transparent/proxy/user"'
        " -m owner --uid-owner 1 -j RETURN\n"
        '-A OUTPUT -m comment --comment "kuma/mesh/transparent/proxy/all"'
        " -p tcp -j KUMA_MESH_OUT\n"
        '-A KUMA_MESH_OUT -m comment --comment "kuma/mesh/transparent/proxy/to the port"'
        " -p tcp -j REDIRECT --to-ports 15001\n"
        "COMMIT\n"
        "* mangle\n"
        '-A PREROUTING -m comment --comment "kuma/mesh/transparent/proxy/bad"'
        " -m conntrack --ctstate INVALID -j DROP\n"
        "COMMIT\n"
    )


def test_positions_grow_over_the_rules_of_the_family() -> None:
    lines = render_restore(SMALL, V6, comments=False).splitlines()
    assert "-I OUTPUT 1 -m owner --uid-owner 1 -j RETURN" in lines
    assert not any("10.0.0.0" in line for line in lines)


def test_verbose_text_has_long_options_and_headings() -> None:
    assert render_restore(SMALL, V6, verbose=True, comments=False) == (
        "* raw\n"
        "\n"
        "# Rules:\n"
        "--append OUTPUT --protocol udp --destination-port 53 --jump CT --zone 1\n"
        "\n"
        "COMMIT\n"
        "\n"
        "* nat\n"
        "\n"
        "# Custom Chains:\n"
        "--new-chain KUMA_MESH_OUT\n"
        "\n"
        "# Rules:\n"
        "--insert OUTPUT 1 --match owner --uid-owner 1 --jump RETURN\n"
        "--append OUTPUT --protocol tcp --jump KUMA_MESH_OUT\n"
        "--append KUMA_MESH_OUT --protocol tcp --jump REDIRECT --to-ports 15001\n"
        "\n"
        "COMMIT\n"
        "\n"
        "* mangle\n"
        "\n"
        "# Rules:\n"
        "--append PREROUTING --match conntrack --ctstate INVALID --jump DROP\n"
        "\n"
        "COMMIT\n"
    )


def test_a_family_the_ruleset_has_not_has_no_text() -> None:
    assert render_restore(SMALL.replace(families=(V4,)), V6, stamp="s") == ""


def test_the_stamp_stands_in_a_chain_that_no_packet_enters() -> None:
    lines = render_restore(SMALL, V4, stamp="kuma-net 1").splitlines()
    assert "-N KUMA_MESH_STAMP" in lines
    told = '"kuma/mesh/transparent/proxy/kuma-net 1"'
    assert f"-A KUMA_MESH_STAMP -m comment --comment {told} -j RETURN" in lines
    assert not any("STAMP_" in line for line in lines)


def test_rules_that_nothing_tells_from_a_strangers_are_copied() -> None:
    lines = render_restore(SMALL, V4, stamp="kuma-net 1", comments=False).splitlines()
    assert [line for line in lines if "STAMP" in line] == [
        "-N KUMA_MESH_STAMP_OUTPUT_2",
        "-A KUMA_MESH_STAMP_OUTPUT_2 -p udp --dport 53 -j CT --zone 1",
        "-N KUMA_MESH_STAMP_OUTPUT_1",
        "-N KUMA_MESH_STAMP",
        "-A KUMA_MESH_STAMP_OUTPUT_1 -d 10.0.0.0/8 -j RETURN",
        "-A KUMA_MESH_STAMP_OUTPUT_1 -m owner --uid-owner 1 -j RETURN",
        "-A KUMA_MESH_STAMP -j RETURN",
        "-N KUMA_MESH_STAMP_PREROUTING_2",
        "-A KUMA_MESH_STAMP_PREROUTING_2 -m conntrack --ctstate INVALID -j DROP",
    ]


def test_without_a_stamp_nothing_is_copied() -> None:
    assert "STAMP" not in render_restore(SMALL, V4, comments=False)


@pytest.mark.parametrize(
    ("matches", "target", "text"),
    [
        ((Not(TCP),), Return(), "! -p tcp -j RETURN"),
        ((Source((Network.parse("10.0.0.0/8"),)),), Accept(), "-s 10.0.0.0/8 -j ACCEPT"),
        ((Not(Destination((Network.parse("::1"),))),), Drop(), "! -d ::1/128 -j DROP"),
        ((InInterface(InterfacePattern.parse("br+")),), Return(), "-i br+ -j RETURN"),
        ((Not(OutInterface(InterfacePattern.parse("lo"))),), Return(), "! -o lo -j RETURN"),
        ((TCP, SourcePort(PortSet.of(1))), Jump("X"), "-p tcp --sport 1 -j X"),
        ((TCP, SourcePort(PortSet.of((1, 9)))), Jump("X"), "-p tcp --sport 1:9 -j X"),
        (
            (TCP, DestinationPort(PortSet.of(1, (3, 9)))),
            Return(),
            "-p tcp -m multiport --dports 1,3:9 -j RETURN",
        ),
        (
            (TCP, Not(DestinationPort(PortSet.of((3, 9))))),
            Return(),
            "-p tcp ! --dport 3:9 -j RETURN",
        ),
        (
            (TCP, Not(SourcePort(MANY))),
            Return(),
            (
                "-p tcp -m multiport ! --sports 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29"
                " -m multiport ! --sports 31,33,35,37,39 -j RETURN"
            ),
        ),
        (
            (
                TCP,
                SourcePort(PortSet.of(1, 3)),
                Not(DestinationPort(PortSet.of(*range(1, 33, 2)))),
            ),
            Return(),
            (
                "-p tcp ! --dport 31 -m multiport --sports 1,3"
                " -m multiport ! --dports 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29 -j RETURN"
            ),
        ),
        ((OwnerUid(IdSet.of((1, 9))),), Return(), "-m owner --uid-owner 1-9 -j RETURN"),
        ((OwnerGid(IdSet.of(7)),), Return(), "-m owner --gid-owner 7 -j RETURN"),
        ((Not(CtState("NEW")),), Return(), "-m conntrack ! --ctstate NEW -j RETURN"),
        ((), Log("OUTPUT:", 7), "-j LOG --log-prefix OUTPUT: --log-level 7"),
        ((), Log('a "b"', 4), '-j LOG --log-prefix "a \\"b\\"" --log-level 4'),
    ],
)
def test_a_rule_as_text(matches: tuple[Match, ...], target: Target, text: str) -> None:
    assert rule_text(Rule(matches, target, "w"), Style(comments=False)) == text


@pytest.mark.parametrize(
    "match", [FamilyIs(V4), Not(FamilyIs(V4)), exclusions("uid", [(6, 1, 1, 1, 1)])]
)
def test_a_rule_that_is_not_expanded_is_refused(match: Match) -> None:
    with pytest.raises(ValueError, match="not expanded"):
        rule_text(Rule((match,), Return(), ""), Style())


def test_a_rule_without_a_reason_has_no_comment() -> None:
    assert rule_text(Rule((), Return(), ""), Style()) == "-j RETURN"


def test_comments_are_quoted_and_cut_to_what_the_kernel_takes() -> None:
    assert quoted('a "b" \\ c\nd') == '"a \\"b\\" \\\\ c d"'
    text = rule_text(Rule((), Return(), "é" * 200), Style())
    inside = text.split('"')[1]
    assert inside.startswith("kuma/mesh/transparent/proxy/é")
    assert 250 < len(inside.encode()) <= 255


@settings(max_examples=25)
@given(rulesets())
def test_every_text_loads(ruleset: Ruleset) -> None:
    for family in ruleset.families:
        for verbose in (False, True):
            tables = Tables()
            tables.load(render_restore(ruleset, family, stamp="s", verbose=verbose))
            chains = {name for _, name in tables.chains}
            assert {chain.name for chain in ruleset.chains} <= chains
