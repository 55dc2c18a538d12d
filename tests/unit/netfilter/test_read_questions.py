"""Expressions read back into matches; whatever has another form is none of ours."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

import pytest

from kuma_net.netfilter.matches import (
    Destination,
    Exclusions,
    FamilyIs,
    InInterface,
    Not,
    OutInterface,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.netfilter.nf_tables import (
    INET_SERVICE,
    IPV4_ADDR,
    UID,
    Bitwise,
    Cmp,
    Counter,
    CtState,
    CtZone,
    Hton,
    Immediate,
    Log,
    Lookup,
    Meta,
    Payload,
    Range,
    Redir,
    Set,
    Verdict,
    VerdictMap,
)
from kuma_net.netfilter.questions import Questions as Asking
from kuma_net.netfilter.read_questions import NotOurs, Questions, base_name
from kuma_net.netfilter.targets import Accept, Jump, Redirect, Return
from kuma_net.netfilter.targets import CtZone as ZoneTarget
from kuma_net.netfilter.targets import Log as LogTarget
from kuma_net.values import Family, IdSet, InterfacePattern, L4Proto, Network, PortSet

if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.nf_tables import Expression
    from kuma_net.netfilter.targets import Target

END = (Counter(), Verdict("return"))
SPORT, DADDR = Payload("transport", 0, 2), Payload("network", 16, 4)
ONE = pack("=I", 1)
POINT = ONE + b"\0\x50\0\0"
TCP = (Meta("l4proto"), Cmp("==", b"\x06"))
LOAD_PORT = Payload("transport", 2, 2, 1)
V4_GUARD = (Meta("nfproto"), Cmp("==", b"\x02"))
SETS = {
    "nets": Set(
        "nets", (IPV4_ADDR,), interval=True, elements=((b"\x0a\0\0\0", b"\x0a\xff\xff\xff"),)
    ),
    "odd": Set("odd", (IPV4_ADDR,), interval=True, elements=((b"\x0a\0\0\0", b"\x0a\0\0\x02"),)),
    "ports": Set("ports", (INET_SERVICE,), interval=False, elements=((b"\0\x05", b"\0\x05"),)),
    "boxes": Set("boxes", (UID, INET_SERVICE), interval=True, elements=()),
    "uids": Set("uids", (UID,), interval=False, elements=((pack("=I", 256),) * 2, (ONE, ONE))),
    "points": Set("points", (UID, INET_SERVICE), interval=False, elements=((POINT, POINT),)),
}


def read(*expressions: Expression, guarded: bool = False) -> tuple[list[Match], Target]:
    questions = Questions(expressions, SETS, guarded=guarded)
    target = questions.read()
    return questions.matches, target


def matches(*expressions: Expression, guarded: bool = False) -> list[Match]:
    return read(*expressions, *END, guarded=guarded)[0]


def test_a_family_ahead_of_an_address_is_no_question_of_its_own() -> None:
    address = (DADDR, Cmp("==", b"\x0a\0\0\x01"))
    one = Destination((Network.parse("10.0.0.1"),))
    assert matches(*V4_GUARD, *address) == [one]
    assert matches(*V4_GUARD, *V4_GUARD, *address) == [FamilyIs(Family.IPV4), one]
    assert matches(*V4_GUARD, *address, guarded=True) == [FamilyIs(Family.IPV4), one]
    assert matches(*V4_GUARD, *address, *V4_GUARD, *address)[1:] == [FamilyIs(Family.IPV4), one]
    denied = (Meta("nfproto"), Cmp("!=", b"\x0a"))
    assert matches(*denied, *address) == [Not(FamilyIs(Family.IPV6)), one]
    assert matches(*V4_GUARD) == [FamilyIs(Family.IPV4)]


def test_networks_of_a_set_are_read() -> None:
    eight = (Network.parse("10.0.0.0/8"),)
    assert matches(DADDR, Lookup("nets")) == [Destination(eight)]
    assert matches(DADDR, Lookup("nets", inverted=True)) == [Not(Destination(eight))]


def test_denied_networks_in_a_row_are_one_match() -> None:
    rows = (
        DADDR,
        Cmp("!=", b"\x0a\0\0\x01"),
        DADDR,
        Bitwise(b"\xff\0\0\0"),
        Cmp("!=", b"\x0b\0\0\0"),
    )
    expected = tuple(map(Network.parse, ("10.0.0.1", "11.0.0.0/8")))
    assert matches(*rows) == [Not(Destination(expected))]
    other_side = (Payload("network", 12, 4), Cmp("!=", b"\x0a\0\0\x01"))
    assert matches(*other_side, *rows[:2]) == [
        Not(Source(expected[:1])),
        Not(Destination(expected[:1])),
    ]
    allowed = (DADDR, Cmp("==", b"\x0a\0\0\x01"))
    assert matches(*rows[:2], *allowed) == [
        Not(Destination(expected[:1])),
        Destination(expected[:1]),
    ]


def test_numbers_are_read_in_every_form() -> None:
    assert matches(SPORT, Cmp("==", b"\0\x05")) == [SourcePort(PortSet.of(5))]
    assert matches(SPORT, Cmp(">=", b"\0\x05"), Cmp("<=", b"\0\x09")) == [
        SourcePort(PortSet.of((5, 9)))
    ]
    assert matches(SPORT, Cmp("!=", b"\0\x05"), Range("!=", b"\0\x07", b"\0\x09")) == [
        Not(SourcePort(PortSet.of(5, (7, 9))))
    ]
    assert matches(SPORT, Lookup("ports", inverted=True)) == [Not(SourcePort(PortSet.of(5)))]
    assert matches(Meta("skuid"), Hton(), Cmp("==", bytes(3) + b"\x05")) == [OwnerUid(IdSet.of(5))]


def test_single_ids_are_read_as_the_machine_has_them() -> None:
    assert matches(Meta("skuid"), Lookup("uids")) == [OwnerUid(IdSet.of(1, 256))]
    assert matches(*TCP, Meta("skuid"), LOAD_PORT, Lookup("points")) == [
        Exclusions("uid", ((6, 1, 1, 80, 80),))
    ]


def test_interfaces_are_read() -> None:
    every = InterfacePattern("", wildcard=True)
    assert matches(Meta("iifname"), Cmp("!=", bytes(16))) == [InInterface(every)]
    assert matches(Meta("oifname"), Cmp("==", bytes(16))) == [Not(OutInterface(every))]
    assert matches(Meta("oifname"), Cmp("==", b"br")) == [
        OutInterface(InterfacePattern("br", wildcard=True))
    ]
    lo = InterfacePattern("lo")
    assert matches(Meta("oifname"), Cmp("!=", b"lo".ljust(16, b"\0"))) == [Not(OutInterface(lo))]


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ((Verdict("return"),), Return()),
        ((Verdict("accept"),), Accept()),
        ((Verdict("jump", "KUMA_MESH_ONE.ipv4"),), Jump("KUMA_MESH_ONE")),
        ((Meta("nfproto"), VerdictMap("KUMA_MESH_ONE")), Jump("KUMA_MESH_ONE")),
        ((Immediate(b"\x3a\x99"), Redir()), Redirect(15001)),
        ((Immediate(pack("=H", 258)), CtZone()), ZoneTarget(258)),
        ((Log("seen:", 7),), LogTarget("seen:", 7)),
    ],
)
def test_actions_are_read(action: tuple[Expression, ...], target: Target) -> None:
    assert read(Counter(), *action) == ([], target)


def test_what_was_counted_is_kept() -> None:
    questions = Questions((Counter(5, 300), Verdict("accept")), SETS, guarded=False)
    questions.read()
    assert (questions.counter.packets, questions.counter.octets) == (5, 300)


@pytest.mark.parametrize(
    ("expressions", "told"),
    [
        ((), "its end where Counter should be"),
        ((Verdict("return"),), "Verdict out of place"),
        ((Counter(),), "it has another action"),
        ((Counter(), Verdict("goto", "x")), "a question for goto"),
        ((Counter(), Immediate(b"\0\0")), "it has another action"),
        ((Counter(), Immediate(b"\0\0"), Hton()), "it has another action"),
        ((Counter(), Meta("nfproto")), "it has another action"),
        ((Counter(), Meta("nfproto"), Hton()), "it has another action"),
        ((*END, Counter()), "it goes on behind its action"),
        ((Meta("l4proto"), *END), "Counter where Cmp should be"),
        ((Meta("l4proto"), Cmp("==", b"\x01"), *END), "a question for 1"),
        ((Meta("nfproto"), Cmp("==", b"\x07"), *END), "a question for 7"),
        ((Meta("l4proto", 1), *END), "Meta out of place"),
        ((Payload("transport", 0, 2, 1), *END), "Payload out of place"),
        ((CtState(1), *END), "CtState out of place"),
        ((Payload("transport", 4, 2), *END), "other bytes than ports"),
        ((Payload("transport", 0, 4), *END), "other bytes than ports"),
        ((Payload("network", 0, 4), *END), "a question for"),
        ((DADDR, Lookup("gone"), *END), "no set of ours"),
        ((DADDR, Lookup("odd"), *END), "no network"),
        ((DADDR, Lookup("ports"), *END), "no network"),
        ((SPORT, Lookup("gone"), *END), "no set of ours"),
        ((SPORT, *END), "Counter where Cmp should be"),
        ((SPORT, Cmp(">=", b"\0\x05"), *END), "Counter where Cmp should be"),
        ((SPORT, Cmp("!=", b"\0\x05")), "its end where Counter should be"),
        ((Meta("skuid"),), "its end where Lookup should be"),
        ((Meta("skuid"), Lookup("boxes"), *END), "not single ids"),
        ((Meta("skuid"), Lookup("ports"), *END), "not single ids"),
        ((Meta("skuid"), Lookup("uids", inverted=True), *END), "not single ids"),
        ((*TCP, Meta("skuid"), LOAD_PORT, Lookup("boxes"), *END), "not single ids"),
        ((CtState(), Bitwise(pack("=I", 3)), Cmp("!=", bytes(4)), *END), "several states"),
        ((CtState(), Bitwise(pack("=I", 1)), Cmp("!=", pack("=I", 1)), *END), "several states"),
        (
            (Meta("skuid"), Hton(), Payload("transport", 2, 2, 1), Lookup("boxes"), *END),
            "ports of no protocol",
        ),
        (
            (
                *V4_GUARD,
                Meta("skuid"),
                Hton(),
                Payload("transport", 2, 2, 1),
                Lookup("boxes"),
                *END,
            ),
            "ports of no protocol",
        ),
    ],
)
def test_another_form_is_none_of_ours(expressions: tuple[Expression, ...], told: str) -> None:
    with pytest.raises(NotOurs, match=told):
        read(*expressions)


def test_variants_of_a_chain_have_its_name_in_front() -> None:
    assert base_name("KUMA_MESH_ONE.ipv4.lo") == base_name("KUMA_MESH_ONE") == "KUMA_MESH_ONE"


def test_what_is_asked_is_what_is_read() -> None:
    match = Protocol(L4Proto.UDP)
    assert matches(*Asking(interval_sets=True).ask(match, "")) == [match]
