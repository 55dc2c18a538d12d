"""The script for ``nft -f``, word for word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from kuma_net.errors import NoBackend
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
from kuma_net.netfilter.nft_text import LONGEST_COMMENT, quoted, render_nft
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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.targets import Target

V4, V6 = Family.IPV4, Family.IPV6
TCP, UDP = Protocol(L4Proto.TCP), Protocol(L4Proto.UDP)


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(Network.parse, texts))


def interface(text: str) -> InterfacePattern:
    return InterfacePattern.parse(text)


def output(*rules: Rule, families: tuple[Family, ...] = BOTH_FAMILIES) -> Ruleset:
    return Ruleset(families, (HookChain("nat", "OUTPUT", rules),), ())


def script_of(*matches: Match, target: Target | None = None, setting: str = "") -> str:
    return render_nft(output(Rule(matches, target or Return(), "", setting)))


def rules_of(script: str) -> list[str]:
    """Return the rules of nat_output."""
    lines = script.split("chain nat_output {\n")[1].split("\t}", maxsplit=1)[0].splitlines()
    return [line.strip() for line in lines[1:]]


def test_the_script_replaces_the_table_whether_it_is_there_or_not() -> None:
    hooks = (
        HookChain("raw", "PREROUTING", (Rule((UDP,), CtZone(2), "zone", "some.zone"),)),
        HookChain("nat", "OUTPUT", (), (Rule((TCP,), Jump("OUT"), "all of it"),)),
    )
    chains = (
        Chain("nat", "OUT", (Rule((TCP,), Redirect(15001), "a", "port"), Rule((), Return(), "b"))),
    )
    assert render_nft(Ruleset(BOTH_FAMILIES, hooks, chains), stamp="kuma-net 1") == (
        """table inet kuma_net
delete table inet kuma_net
table inet kuma_net {
	comment "kuma-net 1"

	chain raw_prerouting {
		type filter hook prerouting priority -300; policy accept;
		meta l4proto udp counter ct zone set 2 comment "zone [some.zone]"
	}

	chain nat_output {
		type nat hook output priority -101; policy accept;
		meta l4proto tcp counter jump OUT comment "all of it"
	}

	chain OUT {
		meta l4proto tcp counter redirect to :15001 comment "a [port]"
		counter return comment "b"
	}
}
"""
    )


def test_one_family_has_a_table_of_its_own() -> None:
    script = render_nft(output(Rule((TCP,), Return(), ""), families=(V6,)))
    assert script.startswith("table ip6 kuma_net\ndelete table ip6 kuma_net\n")
    assert "comment" not in script


@pytest.mark.parametrize(
    ("matches", "words"),
    [
        ((Not(TCP),), "meta l4proto != tcp"),
        ((FamilyIs(V6), TCP), "meta nfproto ipv6 meta l4proto tcp"),
        ((InInterface(interface("br+")),), 'iifname "br*"'),
        ((Not(OutInterface(interface("lo"))),), 'oifname != "lo"'),
        ((TCP, SourcePort(PortSet.of(53))), "meta l4proto tcp th sport 53"),
        ((TCP, Not(SourcePort(PortSet.of(53)))), "meta l4proto tcp th sport != 53"),
        ((UDP, DestinationPort(PortSet.of((5, 9)))), "meta l4proto udp th dport 5-9"),
        ((UDP, Not(DestinationPort(PortSet.of((5, 9))))), "meta l4proto udp th dport != 5-9"),
        ((OwnerUid(IdSet.of(5678)),), "meta skuid 5678"),
        ((OwnerGid(IdSet.of((1000, 1999))),), "meta skgid 1000-1999"),
        ((CtState("INVALID"),), "ct state invalid"),
        ((Not(CtState("NEW")),), "ct state and new == 0"),
        ((Source(networks("10.0.0.0/8")),), "meta nfproto ipv4 ip saddr 10.0.0.0/8"),
        ((Not(Destination(networks("::1"))),), "meta nfproto ipv6 ip6 daddr != ::1"),
    ],
)
def test_a_question_in_the_words_of_nft(matches: tuple[Match, ...], words: str) -> None:
    script = render_nft(output(Rule(matches, Return(), "")))
    lines = [line.strip() for line in script.splitlines()]
    assert f"{words} counter return" in lines


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Accept(), "accept"),
        (Drop(), "drop"),
        (Redirect(15001), "redirect to :15001"),
        (CtZone(258), "ct zone set 258"),
        (Log("OUTPUT:", 7), 'log prefix "OUTPUT:" level debug'),
    ],
)
def test_a_target_in_the_words_of_nft(target: Target, words: str) -> None:
    assert rules_of(script_of(TCP, target=target)) == [f"meta l4proto tcp counter {words}"]


def test_several_values_are_a_set_named_after_the_setting() -> None:
    ports = DestinationPort(PortSet.of(22, 80, (8000, 8999), 9090, 9091, 9093))
    script = script_of(TCP, ports, setting="redirect.outbound.excludePorts")
    assert (
        "\tset outbound_exclude_ports {\n"
        "\t\ttype inet_service\n"
        "\t\tflags interval\n"
        "\t\telements = { 22, 80, 8000-8999, 9090-9091,\n"
        "\t\t             9093 }\n"
        "\t}\n"
    ) in script
    assert "th dport @outbound_exclude_ports counter" in script
    assert "th dport != @ports counter" in script_of(TCP, Not(DestinationPort(PortSet.of(1, 5))))


def test_addresses_in_a_set_are_networks() -> None:
    script = script_of(Destination(networks("10.0.0.0/8", "192.0.2.1", "fd00::/8", "fe80::/10")))
    assert "type ipv4_addr\n\t\tflags interval\n\t\telements = { 10.0.0.0/8, 192.0.2.1 }" in script
    assert "type ipv6_addr\n\t\tflags interval\n\t\telements = { fd00::/8, fe80::/10 }" in script


def test_exclusions_are_a_set_of_owners_and_ports() -> None:
    boxes = exclusions("uid", [(6, 1, 9, 22, 22), (6, 20, 20, 80, 90)])
    script = script_of(boxes)
    assert "type uid . inet_service\n\t\tflags interval\n" in script
    assert "elements = { 1-9 . 22, 20 . 80-90 }" in script
    assert "meta skuid . th dport @" in script


def test_single_owners_are_listed_in_order() -> None:
    script = script_of(OwnerUid(IdSet.of(1, 256, 70000)))
    assert "type uid\n\t\telements = { 1, 256, 70000 }" in script
    points = exclusions("gid", [(6, 1, 1, 22, 22), (6, 256, 256, 80, 80)])
    assert "elements = { 1 . 22, 256 . 80 }" in script_of(points)


def test_a_jump_that_differs_by_family_is_a_verdict_map() -> None:
    rules = (
        Rule((TCP, Destination(networks("10.0.0.0/8"))), Return(), "four"),
        Rule((TCP, Destination(networks("fd00::/8"))), Return(), "six"),
        Rule((TCP,), Redirect(1), "all"),
    )
    hooks = (HookChain("nat", "OUTPUT", (Rule((TCP,), Jump("OUT"), ""),)),)
    script = render_nft(Ruleset(BOTH_FAMILIES, hooks, (Chain("nat", "OUT", rules),)))
    assert "type nf_proto : verdict\n" in script
    assert "elements = { ipv4 : " in script
    assert "meta nfproto vmap @" in script


def test_a_chain_of_another_owner_is_out_of_reach() -> None:
    with pytest.raises(NoBackend, match="DOCKER_OUTPUT"):
        script_of(TCP, target=Jump("DOCKER_OUTPUT"))


def test_nft_has_no_way_to_write_a_quotation_mark() -> None:
    assert quoted('a "b" \\ c\nd') == "\"a 'b' \\ cd\""
    assert len(quoted("é" * LONGEST_COMMENT).encode()) <= LONGEST_COMMENT + 2


@settings(max_examples=25)
@given(rulesets())
def test_every_ruleset_has_a_script(ruleset: Ruleset) -> None:
    script = render_nft(ruleset, stamp="s")
    assert script.count("{") == script.count("}")
    assert script == render_nft(ruleset, stamp="s")
