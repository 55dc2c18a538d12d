"""Matches as expressions, and the sets those look into."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

import pytest

from kuma_net.netfilter.matches import (
    CtState,
    Destination,
    DestinationPort,
    Exclusions,
    FamilyIs,
    InInterface,
    Not,
    OutInterface,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.netfilter.nf_tables import (
    GID,
    INET_SERVICE,
    IPV4_ADDR,
    IPV6_ADDR,
    UID,
    Bitwise,
    Cmp,
    Hton,
    Lookup,
    Meta,
    Payload,
    Range,
)
from kuma_net.netfilter.nf_tables import CtState as LoadCtState
from kuma_net.netfilter.questions import Questions, family_is
from kuma_net.values import Family, IdSet, InterfacePattern, L4Proto, Network, PortSet

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.nf_tables import Expression, Set

DPORT = Payload("transport", 2, 2)


def networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(Network.parse, texts))


def asked(match: Match, setting: str = "") -> list[Expression]:
    return Questions(interval_sets=True).ask(match, setting)


def set_of(match: Match, setting: str = "") -> Set:
    questions = Questions(interval_sets=True)
    questions.ask(match, setting)
    (found,) = questions.sets.values()
    return found


def native(number: int) -> bytes:
    return pack("=I", number)


@pytest.mark.parametrize(
    ("match", "expressions"),
    [
        (FamilyIs(Family.IPV6), [Meta("nfproto"), Cmp("==", b"\x0a")]),
        (Not(FamilyIs(Family.IPV4)), [Meta("nfproto"), Cmp("!=", b"\x02")]),
        (Protocol(L4Proto.UDP), [Meta("l4proto"), Cmp("==", b"\x11")]),
        (
            Source(networks("10.1.2.3")),
            [Payload("network", 12, 4), Cmp("==", b"\x0a\x01\x02\x03")],
        ),
        (
            Not(Destination(networks("10.0.0.0/8"))),
            [
                Payload("network", 16, 4),
                Bitwise(b"\xff\0\0\0"),
                Cmp("!=", b"\x0a\0\0\0"),
            ],
        ),
        (
            Destination(networks("::1")),
            [Payload("network", 24, 16), Cmp("==", bytes(15) + b"\x01")],
        ),
        (SourcePort(PortSet.of(53)), [Payload("transport", 0, 2), Cmp("==", b"\0\x35")]),
        (
            DestinationPort(PortSet.of((80, 81))),
            [DPORT, Cmp(">=", b"\0\x50"), Cmp("<=", b"\0\x51")],
        ),
        (Not(DestinationPort(PortSet.of((80, 81)))), [DPORT, Range("!=", b"\0\x50", b"\0\x51")]),
        (
            InInterface(InterfacePattern("eth0")),
            [Meta("iifname"), Cmp("==", b"eth0".ljust(16, b"\0"))],
        ),
        (
            Not(OutInterface(InterfacePattern("br", wildcard=True))),
            [Meta("oifname"), Cmp("!=", b"br")],
        ),
        (
            OutInterface(InterfacePattern("", wildcard=True)),
            [Meta("oifname"), Cmp("!=", bytes(16))],
        ),
        (
            Not(InInterface(InterfacePattern("", wildcard=True))),
            [Meta("iifname"), Cmp("==", bytes(16))],
        ),
        (OwnerUid(IdSet.of(5678)), [Meta("skuid"), Cmp("==", native(5678))]),
        (
            OwnerGid(IdSet.of((1, 2))),
            [Meta("skgid"), Hton(), Cmp(">=", bytes(3) + b"\x01"), Cmp("<=", bytes(3) + b"\x02")],
        ),
        (
            CtState("INVALID"),
            [LoadCtState(), Bitwise(native(1)), Cmp("!=", bytes(4))],
        ),
        (
            Not(CtState("NEW")),
            [LoadCtState(), Bitwise(native(8)), Cmp("==", bytes(4))],
        ),
    ],
)
def test_one_value_or_range_is_asked_inline(match: Match, expressions: list[Expression]) -> None:
    assert asked(match) == expressions


def test_several_ports_are_a_look_up() -> None:
    match = Not(DestinationPort(PortSet.of(22, (80, 81))))
    expected = [DPORT, Lookup("inbound_exclude_ports", inverted=True)]
    assert asked(match, "redirect.inbound.excludePorts") == expected
    found = set_of(match, "redirect.inbound.excludePorts")
    assert (found.key, found.interval) == ((INET_SERVICE,), True)
    assert found.elements == ((b"\0\x16", b"\0\x16"), (b"\0\x50", b"\0\x51"))
    assert not set_of(DestinationPort(PortSet.of(1, 3))).interval


def test_no_ports_at_all_are_an_empty_set() -> None:
    assert set_of(DestinationPort(PortSet())).elements == ()


def test_single_ids_are_looked_up_as_the_machine_has_them() -> None:
    match = OwnerGid(IdSet.of(1, 256, 70000))
    assert asked(match) == [Meta("skgid"), Lookup("gids")]
    found = set_of(match)
    assert (found.key, found.interval) == ((GID,), False)
    keys = sorted(map(native, (1, 256, 70000)))
    assert found.elements == tuple((key, key) for key in keys)


def test_ranges_of_ids_are_compared_in_network_order() -> None:
    match = OwnerUid(IdSet.of(1, (5, 9)))
    assert asked(match) == [Meta("skuid"), Hton(), Lookup("uids")]
    found = set_of(match)
    assert found.key == (UID,)
    assert found.elements[1] == (bytes(3) + b"\x05", bytes(3) + b"\x09")


def test_several_networks_are_a_set_of_intervals() -> None:
    match = Source(networks("10.0.0.0/8", "10.9.0.0/16", "192.168.1.1"))
    assert asked(match, "a.b") == [Payload("network", 12, 4), Lookup("a_b_ipv4")]
    found = set_of(match)
    assert (found.key, found.interval) == ((IPV4_ADDR,), True)
    assert found.elements == (
        (b"\x0a\0\0\0", b"\x0a\xff\xff\xff"),
        (b"\xc0\xa8\x01\x01", b"\xc0\xa8\x01\x01"),
    )
    assert set_of(Destination(networks("::1", "::2"))).key == (IPV6_ADDR,)


def test_exclusions_ask_for_protocol_then_owner_and_port_at_once() -> None:
    match = Exclusions("uid", ((6, 1, 2, 80, 81), (6, 5, 5, 0, 65535)))
    setting = "redirect.outbound.excludePortsForUIDs"
    assert asked(match, setting) == [
        Meta("l4proto"),
        Cmp("==", b"\x06"),
        Meta("skuid"),
        Hton(),
        Payload("transport", 2, 2, 1),
        Lookup("outbound_exclude_ports_for_uids_tcp"),
    ]
    found = set_of(match, setting)
    assert (found.key, found.interval) == ((UID, INET_SERVICE), True)
    assert found.elements[0] == (pack(">IHxx", 1, 80), pack(">IHxx", 2, 81))


def test_exclusions_of_single_values_need_no_intervals() -> None:
    match = Exclusions("gid", ((17, 5, 5, 53, 53), (17, 256, 256, 80, 80)))
    assert asked(match)[2:] == [
        Meta("skgid"),
        Payload("transport", 2, 2, 1),
        Lookup("udp_gids"),
    ]
    found = set_of(match)
    assert (found.name, found.key, found.interval) == ("udp_gids", (GID, INET_SERVICE), False)
    keys = sorted([native(5) + b"\0\x35\0\0", native(256) + b"\0\x50\0\0"])
    assert found.elements == tuple((key, key) for key in keys)


def test_where_sets_hold_no_ranges_what_is_denied_is_asked_one_by_one() -> None:
    questions = Questions(interval_sets=False)
    ports = Not(SourcePort(PortSet.of(1, (5, 6))))
    load = Payload("transport", 0, 2)
    expected = [load, Cmp("!=", b"\0\x01"), Range("!=", b"\0\x05", b"\0\x06")]
    assert questions.ask(ports, "") == expected
    addresses = Not(Source(networks("10.0.0.0/8", "127.0.0.1")))
    load = Payload("network", 12, 4)
    assert questions.ask(addresses, "") == [
        load,
        Bitwise(b"\xff\0\0\0"),
        Cmp("!=", b"\x0a\0\0\0"),
        load,
        Cmp("!=", b"\x7f\0\0\x01"),
    ]
    assert questions.sets == {}


def test_one_set_serves_every_rule_that_asks_for_the_same() -> None:
    questions = Questions(interval_sets=True)
    first, again = (DestinationPort(PortSet.of(1, 3)) for _ in range(2))
    assert questions.ask(first, "x") == questions.ask(again, "x")
    other = DestinationPort(PortSet.of(1, 5))
    assert questions.ask(other, "x")[-1] == Lookup("x_ports_2")
    assert questions.ask(DestinationPort(PortSet.of(1, 7)), "x")[-1] == Lookup("x_ports_3")
    assert list(questions.sets) == ["x_ports", "x_ports_2", "x_ports_3"]


def test_the_same_match_gives_the_same_list() -> None:
    questions = Questions(interval_sets=True)
    match = Protocol(L4Proto.TCP)
    assert questions.ask(match, "") is questions.ask(match, "")


def test_the_family_is_one_question() -> None:
    assert family_is(Family.IPV4) == [Meta("nfproto"), Cmp("==", b"\x02")]
