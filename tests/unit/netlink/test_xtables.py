"""Structures of xtables in the words of iptables-save."""

from __future__ import annotations

from struct import pack

import pytest

from kuma_net.netlink.xtables import match_words, target_words


def words(name: str, revision: int, info: bytes) -> str:
    return " ".join(match_words(name, revision, info))


def target(name: str, revision: int, info: bytes) -> str:
    return " ".join(target_words(name, revision, info))


def owner(asked: int, inverted: int = 0) -> bytes:
    return pack("=IIIIBBxx", 1000, 1005, 7, 7, asked, inverted)


def ports(first: int, last: int, behind: bytes, source: tuple[int, int] = (0, 65535)) -> bytes:
    return pack("=HHHH", *source, first, last) + behind


def multiport(side: int, given: list[int], begins: list[int], inverted: int = 0) -> bytes:
    filled = (given + [0] * 15)[:15]
    return pack("=BB15H15BB", side, len(given), *filled, *(begins + [0] * 15)[:15], inverted)


def conntrack(asked: int, state: int, inverted: int = 0) -> bytes:
    return bytes(146) + pack("=HHHH", asked, inverted, state, 0)


@pytest.mark.parametrize(
    ("name", "revision", "info", "expected"),
    [
        ("comment", 0, b"a b".ljust(256, b"\0"), "-m comment --comment a b"),
        ("owner", 1, owner(1), "-m owner --uid-owner 1000-1005"),
        ("owner", 1, owner(3, 2), "-m owner --uid-owner 1000-1005 ! --gid-owner 7"),
        ("owner", 1, owner(4), "-m owner --unknown"),
        ("owner", 1, b"short", "-m owner --unknown"),
        ("owner", 9, owner(1), "-m owner --unknown"),
        ("mark", 1, b"", "-m mark --unknown"),
        ("udp", 0, ports(53, 53, b"\0\0"), "-m udp --dport 53"),
        ("udp", 0, ports(0, 65535, b"\1\0", (1, 9)), "-m udp ! --sport 1:9"),
        ("udp", 0, ports(53, 53, b"\6\0"), "-m udp ! --dport 53 --unknown"),
        ("tcp", 0, ports(80, 90, b"\0\0\0\2"), "-m tcp ! --dport 80:90"),
        ("tcp", 0, ports(0, 65535, b"\0\2\2\0"), "-m tcp --unknown"),
        ("multiport", 1, multiport(1, [22, 80, 90], [0, 1, 0]), "-m multiport --dports 22,80:90"),
        ("multiport", 1, multiport(0, [22], [0], 1), "-m multiport ! --sports 22"),
        ("multiport", 1, multiport(2, [22, 23], [0, 1]), "-m multiport --ports 22,23"),
        ("multiport", 1, multiport(7, [22], [0]), "-m multiport --unknown 22"),
        ("conntrack", 3, conntrack(1, 1), "-m conntrack --ctstate INVALID"),
        ("conntrack", 3, conntrack(1, 8), "-m conntrack --unknown"),
        ("conntrack", 3, conntrack(3, 1), "-m conntrack --unknown"),
        ("conntrack", 3, conntrack(1, 1, 1), "-m conntrack --unknown"),
    ],
)
def test_a_match_is_read(name: str, revision: int, info: bytes, expected: str) -> None:
    assert words(name, revision, info) == expected


IPV4_RANGE = pack("=IIII", 1, 2, 0, 0) + pack(">HH", 15001, 15001) + bytes(4)
IPV6_RANGE = pack("=I32x", 2) + pack(">HH", 15001, 15006)


@pytest.mark.parametrize(
    ("name", "info", "expected"),
    [
        ("REDIRECT", IPV4_RANGE, "-j REDIRECT --to-ports 15001"),
        ("REDIRECT", IPV6_RANGE, "-j REDIRECT --to-ports 15001-15006"),
        ("CT", pack("=HHII16s", 0, 1, 0, 0, b""), "-j CT --zone 1"),
        ("CT", pack("=HHII16s", 1, 0, 0, 0, b""), "-j CT --unknown"),
        ("CT", pack("=HHII16s", 0, 0, 0, 0, b""), "-j CT --unknown"),
        ("CT", pack("=HHII16s", 0, 1, 0, 0, b"ftp"), "-j CT --unknown"),
        ("LOG", pack("=BB30s", 7, 0, b"OUTPUT:"), "-j LOG --log-prefix OUTPUT: --log-level 7"),
        ("LOG", pack("=BB30s", 7, 8, b"a b"), "-j LOG --log-prefix a b --log-level 7 --unknown"),
        ("LOG", b"", "-j LOG --unknown"),
        ("MASQUERADE", b"", "-j MASQUERADE --unknown"),
    ],
)
def test_a_target_is_read(name: str, info: bytes, expected: str) -> None:
    assert target(name, 0, info) == expected
