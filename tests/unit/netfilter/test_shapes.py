"""Rules of an install without comments: which are known by their shape, which stay in doubt."""

from __future__ import annotations

import pytest

from kuma_net.netfilter.listing import Listing, read_listing
from kuma_net.netfilter.shapes import doubtful, is_bare, shaped

FOREIGN = """\
*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 9 -j CT --notrack
-A OUTPUT -p udp -m udp --dport 53 -j CT --zone 7
COMMIT
*mangle
:PREROUTING ACCEPT [5:300]
-A PREROUTING -m comment --comment "a \\"quoted\\" one" -j MARK --set-xmark 0x1/0xffffffff
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -i eth7 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8080
-A PREROUTING -j LOG --log-prefix "nat in: "
-A OUTPUT -d 192.0.2.7/32 -j ACCEPT
-A OUTPUT -p tcp -m owner --uid-owner 33 -j RETURN
-A OUTPUT -d 198.51.100.0/24 -j RETURN
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT -j LOG --log-prefix "nat out: " --log-level 7
-A DOCKER -i docker0 -j RETURN
COMMIT
"""
CHAINS = """\
:KUMA_MESH_INBOUND - [0:0]
:KUMA_MESH_INBOUND_REDIRECT - [0:0]
:KUMA_MESH_OUTBOUND - [0:0]
:KUMA_MESH_OUTBOUND_REDIRECT - [0:0]
-A KUMA_MESH_INBOUND -p tcp -j KUMA_MESH_INBOUND_REDIRECT
-A KUMA_MESH_INBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A KUMA_MESH_OUTBOUND -m owner --uid-owner 5678 -j RETURN
-A KUMA_MESH_OUTBOUND -j KUMA_MESH_OUTBOUND_REDIRECT
-A KUMA_MESH_OUTBOUND_REDIRECT -p tcp -j REDIRECT --to-ports 15001
"""
JUMPS = """\
-A PREROUTING -p tcp -j KUMA_MESH_INBOUND
-A OUTPUT -p tcp -j KUMA_MESH_OUTBOUND
"""


def nat(*rules: str, chains: str = CHAINS, jumps: str = JUMPS) -> str:
    lines = [f"-A {rule}" for rule in rules]
    return "\n".join(["*nat", chains + "\n".join(lines), jumps + "COMMIT", ""])


def found(*texts: str) -> list[str]:
    listing = of(*texts)
    known = shaped(listing)
    return [str(rule) for index, rule in enumerate(listing.rules) if index in known]


def of(*texts: str) -> Listing:
    return read_listing("".join(texts))


def test_foreign_rules_have_no_shape_of_ours_and_no_install_is_seen_in_them() -> None:
    assert not found(FOREIGN)
    assert not is_bare(of(FOREIGN))
    assert not is_bare(of(""))


def test_an_install_is_bare_only_without_any_comment_and_without_our_stamp() -> None:
    assert is_bare(of(nat(), FOREIGN))
    comment = '-m comment --comment "kuma/mesh/transparent/proxy/x"'
    assert not is_bare(of(nat(f"OUTPUT -d 10.0.0.0/8 {comment} -j RETURN")))
    assert not is_bare(of(nat(chains=CHAINS + ":KUMA_MESH_STAMP - [0:0]\n")))


OUTPUT_OF_AN_INSTALL = [
    'OUTPUT -j LOG --log-prefix "OUTPUT:" --log-level 7',
    "OUTPUT -o eth1 -j RETURN",
    "OUTPUT -p tcp -m multiport --dports 22,80:90 -m owner --uid-owner 1000-1005 -j RETURN",
    "OUTPUT -p tcp -m tcp --dport 443 -m owner --gid-owner 7 -j RETURN",
    "OUTPUT -d 10.0.0.0/8 -j RETURN",
    "OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j RETURN",
    "OUTPUT -d 10.0.0.10/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "OUTPUT -d 10.0.0.11/32 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
    "OUTPUT -p tcp -m tcp --dport 53 -m owner --uid-owner 5678 -j RETURN",
    "OUTPUT -d 10.0.0.10/32 -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053",
    "OUTPUT -d 10.0.0.11/32 -p tcp -m tcp --dport 53 -j REDIRECT --to-ports 15053",
    "OUTPUT -p tcp -m tcp --dport 53 -m owner ! --uid-owner 5678 -j RETURN",
]


def test_an_install_without_comments_is_known_by_its_shape() -> None:
    text = nat(*OUTPUT_OF_AN_INSTALL) + FOREIGN
    assert [rule.removeprefix("-t nat ") for rule in found(text) if " OUTPUT" in rule] == [
        *[rule.replace('"', "") for rule in OUTPUT_OF_AN_INSTALL],
    ]
    assert not doubtful(of(text))


@pytest.mark.parametrize("first", range(len(OUTPUT_OF_AN_INSTALL)))
def test_foreign_rules_beside_an_install_without_comments_stay(first: int) -> None:
    """Whichever part of it an install has, nothing of another owner is taken for it."""
    ours = {"-t nat " + rule.replace('"', "") for rule in OUTPUT_OF_AN_INSTALL + JUMPS.splitlines()}
    ours |= {"-t nat " + jump.removeprefix("-A ") for jump in JUMPS.splitlines()}
    assert set(found(nat(*OUTPUT_OF_AN_INSTALL[first:]), FOREIGN)) <= ours
    assert set(found(FOREIGN, nat(*OUTPUT_OF_AN_INSTALL[first:]))) <= ours


def test_docker_hosts_without_comments_are_known_too() -> None:
    rule = "OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j DOCKER_OUTPUT"
    assert f"-t nat {rule}" in found(nat(rule))


def test_what_may_be_anybodys_stays_and_is_told() -> None:
    text = nat("OUTPUT -d 10.0.0.0/8 -j RETURN", "OUTPUT -p tcp -j ACCEPT")
    text += "*mangle\n-A PREROUTING -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n"
    assert [str(rule) for rule in doubtful(of(text))] == [
        "-t nat OUTPUT -d 10.0.0.0/8 -j RETURN",
        "-t mangle PREROUTING -m conntrack --ctstate INVALID -j DROP",
    ]
    assert not found(text)


def test_dns_of_another_user_or_resolver_is_not_the_meshs() -> None:
    rules = [
        "OUTPUT -p tcp -j ACCEPT",
        "OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 99 -j RETURN",
        "OUTPUT -p udp -m udp --dport 53 -j REDIRECT --to-ports 5353",
        "OUTPUT -p tcp -m tcp --dport 53 -m owner ! --uid-owner 99 -j RETURN",
        "OUTPUT -p tcp -m tcp --dport 53 -j DNAT --to-destination 10.0.0.1",
    ]
    assert not found(nat(*rules))


def test_without_outbound_capture_any_user_may_be_the_sidecar() -> None:
    chains = ":KUMA_MESH_OUTBOUND - [0:0]\n-A KUMA_MESH_OUTBOUND -p tcp -j RETURN\n"
    rule = "OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 1337 -j RETURN"
    assert f"-t nat {rule}" in found(nat(rule, chains=chains))


def test_virtual_networks_and_logs_are_known_by_their_shape() -> None:
    ours = [
        "PREROUTING -i docker0 -p udp -m udp --dport 53 -j REDIRECT --to-ports 15053",
        "PREROUTING ! -d 172.17.0.0/16 -i docker0 -p tcp -j REDIRECT --to-ports 15001",
    ]
    others = [
        "PREROUTING ! -d 172.18.0.0/16 -i docker1 -p tcp -j REDIRECT --to-ports 3128",
        "PREROUTING -i docker1 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 15001",
    ]
    log = "PREROUTING -j LOG --log-prefix PREROUTING: --log-level 7"
    listed = found(nat(log, *others, *ours))
    assert [rule for rule in listed if " PREROUTING" in rule] == [
        f"-t nat {rule}" for rule in (log, *ours)
    ]
    assert not any("docker" in rule for rule in found(nat(*ours, "PREROUTING -j ACCEPT")))


def test_zones_of_dns_are_known_by_their_shape() -> None:
    raw = """\
*raw
-A PREROUTING -i eth1 -j RETURN
-A PREROUTING -s 10.0.0.10/32 -p udp -m udp --sport 53 -j CT --zone 1
-A PREROUTING -i eth2 -j RETURN
-A PREROUTING -p tcp -j ACCEPT
-A OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j CT --zone 1
-A OUTPUT -p udp -m udp --dport 53 -m mark --mark 0x1 -j CT --zone 1
-A OUTPUT -s 127.0.0.53/32 -d 127.0.0.1/32 -p udp -j CT --zone 1
COMMIT
"""
    assert [rule for rule in found(nat(), raw, FOREIGN) if "-t raw" in rule] == [
        "-t raw PREROUTING -i eth1 -j RETURN",
        "-t raw PREROUTING -s 10.0.0.10/32 -p udp -m udp --sport 53 -j CT --zone 1",
        "-t raw OUTPUT -p udp -m udp --dport 53 -m owner --uid-owner 5678 -j CT --zone 1",
        "-t raw OUTPUT -s 127.0.0.53/32 -d 127.0.0.1/32 -p udp -j CT --zone 1",
    ]


def test_a_chain_of_nothing_but_doubt_stays_whole() -> None:
    text = nat("OUTPUT -d 10.0.0.0/8 -j RETURN", "OUTPUT -d 10.9.0.0/16 -j RETURN", jumps="")
    assert len(doubtful(of(text))) == 2
    assert not found(text)
