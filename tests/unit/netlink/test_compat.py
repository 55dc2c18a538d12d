"""Rules of iptables-nft, from the attributes that nf_tables lists."""

from __future__ import annotations

from struct import pack

import pytest

from kuma_net.netfilter.listing import ListedRule
from kuma_net.netfilter.nf_tables import (
    Bitwise,
    Cmp,
    Counter,
    Lookup,
    Meta,
    Payload,
    Range,
    Verdict,
)
from kuma_net.netlink.compat import made_chain, read_rule
from kuma_net.netlink.expressions import encode_expression
from kuma_net.netlink.message import Message, attribute, nested, number, text
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.nf_tables import Expression

TCP = (Meta("l4proto"), Cmp("==", b"\x06"))


def extension(kind: str, name: str, revision: int, info: bytes) -> bytes:
    about = text(1, name) + number(2, revision) + attribute(3, info)
    return nested(1, text(1, kind), nested(2, about))


def rule(*expressions: Expression | bytes, comment: str = "") -> Message:
    elements = [
        part if isinstance(part, bytes) else encode_expression(part) for part in expressions
    ]
    payload = bytes(4) + text(1, "nat") + text(2, "OUTPUT")
    payload += attribute(3, (77).to_bytes(8, "big")) + nested(4, *elements)
    if comment:
        told = comment.encode() + b"\0"
        payload += attribute(7, bytes([0, len(told)]) + told)
    return Message(0xA06, 0, 1, payload)


def words(*expressions: Expression | bytes, family: Family = Family.IPV4) -> str:
    return " ".join(read_rule(rule(*expressions), family).words)


def test_a_rule_knows_where_it_is_and_its_handle() -> None:
    assert read_rule(rule(*TCP, Counter(1, 2), Verdict("return")), Family.IPV4) == ListedRule(
        "nat", "OUTPUT", ("-p", "tcp", "-j", "RETURN"), 77
    )
    assert read_rule(Message(0, 0, 0, bytes(4) + text(1, "a") + text(2, "b")), Family.IPV4) == (
        ListedRule("a", "b", ())
    )


def test_a_comment_of_nf_tables_own_counts_as_one() -> None:
    found = read_rule(rule(*TCP, comment="kuma/x"), Family.IPV4)
    assert found.comment == "kuma/x"


def test_only_a_chain_that_the_kernel_does_not_enter_was_made_by_somebody() -> None:
    chain = bytes(4) + text(1, "nat") + text(3, "X")
    assert made_chain(Message(0xA03, 0, 1, chain)) == "X"
    assert not made_chain(Message(0xA03, 0, 1, chain + nested(4, number(1, 0))))


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        ((Meta("l4proto"), Cmp("==", b"\x01"), Verdict("accept")), "-p 1 -j ACCEPT"),
        ((Verdict("jump", "X"),), "-j X"),
        ((Verdict("goto", "X"),), "-g X"),
        ((Meta("oifname"), Cmp("==", b"lo\0")), "-o lo"),
        ((Meta("iifname"), Cmp("!=", b"eth")), "! -i eth+"),
        ((Payload("network", 12, 4), Cmp("==", b"\x7f\0\0\6")), "-s 127.0.0.6/32"),
        ((Payload("network", 16, 1), Cmp("!=", b"\x0a")), "! -d 10.0.0.0/8"),
        (
            (
                Payload("network", 16, 4),
                Bitwise(b"\xff\xf0\0\0"),
                Cmp("==", b"\xac\x10\0\0"),
            ),
            "-d 172.16.0.0/12",
        ),
        (
            (
                Payload("network", 16, 4),
                Bitwise(b"\xff\0\xff\0"),
                Cmp("==", b"\xac\0\x10\0"),
            ),
            "--unknown",
        ),
        ((Payload("network", 9, 1), Cmp("==", b"\x06")), "--unknown"),
        ((Payload("transport", 2, 2), Cmp("==", b"\0\x35")), "--dport 53"),
        ((Payload("transport", 0, 2), Range("!=", b"\0\1", b"\0\2")), "! --sport 1:2"),
        ((Payload("transport", 13, 1), Cmp("==", b"\2")), "--unknown"),
        ((Payload("transport", 2, 2), Bitwise(b"\0\1"), Cmp("==", b"\0\1")), "--unknown"),
        ((Meta("skuid"), Cmp("==", b"\0\0\0\1")), "--unknown"),
        ((Payload("transport", 2, 2), Cmp(">=", b"\0\1")), "--unknown"),
        ((Cmp("==", b"\0"), Range("==", b"\0", b"\1"), Bitwise(b"\1")), "--unknown " * 3),
        ((Lookup("s"),), "--unknown"),
        ((nested(1, text(1, "fib")),), "--unknown"),
        (
            (extension("match", "udp", 0, pack("=HHHHBx", 0, 65535, 53, 53, 0)),),
            "-m udp --dport 53",
        ),
        ((extension("target", "MASQUERADE", 0, b"\0" * 8),), "-j MASQUERADE --unknown"),
    ],
)
def test_what_a_rule_asks_and_does_is_told(
    expressions: tuple[Expression | bytes, ...], expected: str
) -> None:
    assert words(*expressions) == expected.strip()


def test_addresses_of_ipv6_have_their_own_places() -> None:
    address = bytes(15) + b"\x06"
    asked = (Payload("network", 8, 16), Cmp("==", address), Payload("network", 24, 16))
    assert words(*asked, Cmp("!=", address), family=Family.IPV6) == "-s ::6/128 ! -d ::6/128"
