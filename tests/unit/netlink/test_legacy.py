"""Blobs of legacy tables, made here as the kernel makes them."""

from __future__ import annotations

from struct import pack, pack_into

import pytest

from kuma_net.netfilter.listing import ListedRule
from kuma_net.netlink import legacy
from kuma_net.netlink.legacy import LAYOUTS, read_entries, read_info
from kuma_net.record import Record
from kuma_net.values import Family, Network

ACCEPT, DROP, RETURN = -2, -1, -5


def extension(name: str, info: bytes, revision: int = 0) -> bytes:
    padded = info + bytes(-len(info) % 8)
    return pack("=H29sB", 32 + len(padded), name.encode(), revision) + padded


def verdict(code: int) -> bytes:
    return extension("", pack("=i", code))


def error(name: str) -> bytes:
    return entry(extension("ERROR", name.encode().ljust(30, b"\0")))


class Asked(Record):
    """What an entry asks by itself, without a match."""

    family: Family = Family.IPV4
    source: str = ""
    destination: str = ""
    inbound: bytes = b""
    outbound: bytes = b""
    protocol: int = 0
    flags: int = 0
    inverted: int = 0


ANYTHING = Asked()


def entry(target: bytes, *matches: bytes, asked: Asked = ANYTHING) -> bytes:
    layout = LAYOUTS[asked.family]
    head = bytearray(layout.size)
    _addresses(head, asked)
    names_at = 4 * layout.address
    for place, name in ((names_at, asked.inbound), (names_at + 16, asked.outbound)):
        head[place : place + len(name)] = name
        length = len(name) - 1 if name.endswith(b"+") else len(name) + 1
        if name:
            head[place + 32 : place + 32 + length] = b"\xff" * length
    pack_into("=H", head, layout.protocol, asked.protocol)
    head[layout.flags] = asked.flags
    head[layout.inverted] = asked.inverted
    target_at = layout.size + sum(len(match) for match in matches)
    pack_into("=HH", head, layout.offsets, target_at, target_at + len(target))
    return bytes(head) + b"".join(matches) + target


def _addresses(head: bytearray, asked: Asked) -> None:
    width, bits = LAYOUTS[asked.family].address, asked.family.bits
    for place, cidr in ((0, asked.source), (1, asked.destination)):
        if cidr:
            network = Network.parse(cidr)
            mask = (1 << bits) - (1 << (bits - network.prefix))
            head[place * width : (place + 1) * width] = network.address.to_bytes(width, "big")
            head[(place + 2) * width : (place + 3) * width] = mask.to_bytes(width, "big")


def info(size: int, begins: dict[str, int], ends: dict[str, int]) -> legacy.TableEdges:
    hooks = sum(1 << place for place, hook in enumerate(legacy.HOOKS) if hook in begins)
    buffer = pack("=32sI", b"nat", hooks)
    buffer += pack("=5I", *(begins.get(hook, 0) for hook in legacy.HOOKS))
    buffer += pack("=5I", *(ends.get(hook, 0) for hook in legacy.HOOKS))
    return read_info(buffer + pack("=II", 9, size))


def listed(*rules: bytes, family: Family = Family.IPV4) -> list[str]:
    """Return the rules of a table whose OUTPUT holds these."""
    asked = Asked(family)
    policy = entry(verdict(ACCEPT), asked=asked)
    closing = entry(extension("ERROR", b"ERROR".ljust(30, b"\0")), asked=asked)
    blob = b"".join(rules) + policy + closing
    about = info(len(blob), {"OUTPUT": 0}, {"OUTPUT": len(b"".join(rules))})
    found = read_entries(bytes(legacy.ENTRIES_HEADER) + blob, about, family)
    assert not found.chains
    return [str(rule).removeprefix("-t nat OUTPUT ") for rule in found.rules]


def test_chains_are_told_apart_and_policies_are_no_rules() -> None:
    policy = entry(verdict(ACCEPT))
    chain = [error("X"), entry(verdict(DROP), asked=Asked(protocol=17)), entry(verdict(RETURN))]
    output, chain_x = len(policy), 3 * len(policy) + len(error("X"))
    jump = entry(verdict(chain_x), asked=Asked(protocol=6))
    blob = b"".join([policy, jump, policy, *chain, error("ERROR")])
    begins = {"PREROUTING": 0, "OUTPUT": output}
    ends = {"PREROUTING": 0, "OUTPUT": output + len(jump)}
    answer = bytes(legacy.ENTRIES_HEADER) + blob
    found = read_entries(answer, info(len(blob), begins, ends), Family.IPV4)
    assert found.chains == (("nat", "X"),)
    assert found.rules == (
        ListedRule("nat", "OUTPUT", ("-p", "tcp", "-j", "X")),
        ListedRule("nat", "X", ("-p", "udp", "-j", "DROP")),
    )


LOOPBACK = Asked(source="127.0.0.6/32", outbound=b"lo")
NOT_SENT = Asked(destination="10.0.0.0/8", inverted=16)
BEHIND = len(entry(verdict(ACCEPT)))
"""A verdict that leads to the next entry: the rule has no target."""


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (entry(verdict(RETURN), asked=LOOPBACK), "-s 127.0.0.6/32 -o lo -j RETURN"),
        (entry(verdict(ACCEPT), asked=NOT_SENT), "! -d 10.0.0.0/8 -j ACCEPT"),
        (entry(verdict(-4), asked=Asked(inbound=b"br+", inverted=1)), "! -i br+ -j QUEUE"),
        (entry(verdict(ACCEPT), asked=Asked(protocol=1, inverted=64)), "! -p 1 -j ACCEPT"),
        (entry(verdict(ACCEPT), asked=Asked(inverted=32)), "--unknown -j ACCEPT"),
        (entry(verdict(ACCEPT), asked=Asked(flags=1)), "--unknown -j ACCEPT"),
        (entry(verdict(ACCEPT), asked=Asked(inverted=8)), "! -s 0.0.0.0/0 -j ACCEPT"),
        (entry(verdict(BEHIND)), ""),
        (entry(verdict(4000), asked=Asked(flags=2)), "-g --unknown"),
        (entry(verdict(4000)), "-j --unknown"),
        (entry(verdict(-3)), "-j --unknown"),
        (
            entry(
                extension("CT", pack("=HHII16s", 0, 1, 0, 0, b"").ljust(64, b"\0"), 2),
                extension("udp", pack("=HHHHBx", 0, 65535, 53, 53, 0)),
                extension("owner", pack("=IIIIBBxx", 5678, 5678, 0, 0, 1, 0), 1),
                asked=Asked(protocol=17),
            ),
            "-p udp -m udp --dport 53 -m owner --uid-owner 5678 -j CT --zone 1",
        ),
    ],
)
def test_a_rule_is_told_in_the_words_of_iptables_save(rule: bytes, expected: str) -> None:
    assert listed(rule) == [expected]


def test_ipv6_has_another_layout() -> None:
    asked = Asked(Family.IPV6, source="::6/128", destination="fd00::/8", outbound=b"lo", protocol=6)
    told = "-s ::6/128 -d fd00::/8 -o lo -p tcp -j RETURN"
    assert listed(entry(verdict(RETURN), asked=asked), family=Family.IPV6) == [told]


def test_a_mask_with_holes_is_written_out() -> None:
    rule = bytearray(entry(verdict(DROP), asked=Asked(source="1.2.3.4/32")))
    rule[8:12] = b"\xff\0\xff\0"
    assert listed(bytes(rule)) == ["-s 1.2.3.4/255.0.255.0 -j DROP"]


def test_a_broken_blob_ends_early_and_does_not_hang() -> None:
    rule = bytearray(entry(verdict(DROP)))
    pack_into("=HH", rule, LAYOUTS[Family.IPV4].offsets, 112, 0)
    assert listed(bytes(rule)) == []


def test_a_match_without_a_size_does_not_hang() -> None:
    broken = bytearray(extension("udp", bytes(16)))
    pack_into("=H", broken, 0, 0)
    assert listed(entry(verdict(DROP), bytes(broken)))


def test_questions_have_the_size_of_their_answers() -> None:
    asked = legacy.info_question("nat")
    assert (len(asked), asked[:4]) == (legacy.INFO_BYTES, b"nat\0")
    about = info(1000, {}, {})
    assert len(legacy.entries_question(about)) == legacy.ENTRIES_HEADER + 1000


def test_pointers_of_eight_bytes_are_what_we_can_read() -> None:
    assert legacy.supported()
