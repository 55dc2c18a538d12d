"""Rules that leave users alone: Kuma's grammar without its traps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.tproxy.config import OwnerExclusion
from kuma_net.tproxy.owners import read_rules, rule_text
from kuma_net.values import HIGHEST_ID, L4_PROTOS, L4Proto, Malformed, PortSet
from lab.configs import rules

TCP, UDP = (L4Proto.TCP,), (L4Proto.UDP,)


def read(*texts: str) -> tuple[OwnerExclusion, ...]:
    """Read texts that must be right."""
    bad: list[tuple[int, Malformed]] = []
    found = read_rules(texts, bad)
    assert bad == []
    return found


def wrong(text: str) -> str:
    """Return what is said about one wrong text."""
    bad: list[tuple[int, Malformed]] = []
    assert read_rules([text], bad) == ()
    assert [position for position, _ in bad] == [0]
    return str(bad[0][1])


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("1234", (L4_PROTOS, PortSet.ALL, (1234, 1234))),
        ("1000-1999", (L4_PROTOS, PortSet.ALL, (1000, 1999))),
        ("443:1234", (L4_PROTOS, PortSet.of(443), (1234, 1234))),
        (":1234", (L4_PROTOS, PortSet.ALL, (1234, 1234))),
        ("*:1234", (L4_PROTOS, PortSet.ALL, (1234, 1234))),
        ("tcp:443:1234", (TCP, PortSet.of(443), (1234, 1234))),
        ("UDP:53:1234", (UDP, PortSet.of(53), (1234, 1234))),
        ("tcp,udp:53:1", (L4_PROTOS, PortSet.of(53), (1, 1))),
        ("udp, tcp:53:1", (L4_PROTOS, PortSet.of(53), (1, 1))),
        ("tcp::1", (TCP, PortSet.ALL, (1, 1))),
        ("tcp:*:1", (TCP, PortSet.ALL, (1, 1))),
        ("*:*:1", (L4_PROTOS, PortSet.ALL, (1, 1))),
        ("::1", (L4_PROTOS, PortSet.ALL, (1, 1))),
        ("80, 443,3000-5000:106-108", (L4_PROTOS, PortSet.of(80, 443, (3000, 5000)), (106, 108))),
        (" tcp : 80 : 5 ", (TCP, PortSet.of(80), (5, 5))),
        ("0:0", (L4_PROTOS, PortSet.of(0), (0, 0))),
        ("65535:4294967294", (L4_PROTOS, PortSet.of(65535), (HIGHEST_ID, HIGHEST_ID))),
        ("100000-2000000000", (L4_PROTOS, PortSet.ALL, (100000, 2000000000))),
    ],
)
def test_rules_mean_protocols_ports_and_ids(
    text: str, rule: tuple[tuple[L4Proto, ...], PortSet, tuple[int, int]]
) -> None:
    assert read(text) == (OwnerExclusion(*rule),)


def test_semicolons_divide_rules_and_empty_ones_between_are_dropped() -> None:
    assert read("tcp:1:2; udp:3:4;;") == read("tcp:1:2", "udp:3:4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the id part is empty, which would leave everybody's traffic alone"),
        (" ", "the id part is empty"),
        (";", "the id part is empty"),
        ("53:", "the id part is empty"),
        ("tcp:22:", "the id part is empty"),
        ("*", "excludePorts"),
        ("22:*", "excludePorts"),
        ("22:1,2", "divide rules by ;"),
        ("22:2-1", "write 1-2"),
        ("22:1-2-3", "not a user or group id"),
        ("22:4294967295", "no such user or group id"),
        ("22:99999999999", "no such user or group id"),
        ("22:-1", "not a user or group id"),
        ("22:root", "not a user or group id"),
        ("22:²", "not a user or group id"),
        ("65536:1", "'65536': no such port"),
        ("tcp:70000:1", "'70000': no such port"),
        ("1-65536:1", "'65536': no such port"),
        ("5-3:1", "write 3-5"),
        (",:1", "',': names no port; write ports, or * for every port"),
        ("http:1", "'http': not a port"),
        ("sctp:22:1", "'sctp': no such protocol; write tcp, udp, or * for both"),
        ("tcp,sctp:22:1", "no such protocol"),
        ("tcp:1", "write tcp:*:IDS for every port"),
        ("a:tcp:22:1", "more than three parts"),
    ],
)
def test_traps_are_errors_that_say_what_to_write(text: str, message: str) -> None:
    assert message in wrong(text)


def test_every_bad_rule_is_told_with_its_position() -> None:
    bad: list[tuple[int, Malformed]] = []
    assert read_rules(["1", "x", "2;y;3", "4"], bad) == read("1", "2", "3", "4")
    assert [(position, error.piece) for position, error in bad] == [(1, "x"), (2, "y")]


plain = st.one_of(
    st.tuples(
        st.sampled_from(("tcp", "udp", "*", "")),
        st.one_of(st.integers(0, 70_000).map(str), st.just("")),
        st.one_of(st.integers(0, 2**33).map(str), st.just("")),
    ).map(":".join),
    st.sampled_from(("1", "1:2", "tcp:1:2:3", "TCP:1:2", "tcp:1-2:3", "tcp:²:1")),
)


@given(st.lists(plain, max_size=5))
def test_lists_that_look_alike_are_read_as_one_by_one(texts: list[str]) -> None:
    together: list[tuple[int, Malformed]] = []
    found = read_rules(texts, together)
    apart: list[tuple[int, Malformed]] = []
    one_by_one: list[OwnerExclusion] = []
    for position, text in enumerate(texts):
        bad: list[tuple[int, Malformed]] = []
        one_by_one += read_rules([f"{text};"], bad)  # a semicolon is not plain
        apart += [(position, error) for _, error in bad]
    assert list(found) == one_by_one
    assert [(position, str(error)) for position, error in together] == [
        (position, str(error)) for position, error in apart
    ]


@given(st.lists(rules, max_size=4))
def test_rules_round_trip_through_their_text(several: list[OwnerExclusion]) -> None:
    texts = [rule_text(rule) for rule in several]
    assert list(read(*texts)) == several
    assert not texts or list(read(";".join(texts))) == several


@given(st.text("tcpud:,;-* 0123456789x", max_size=30))
def test_junk_is_a_rule_or_an_error_of_its_text(text: str) -> None:
    bad: list[tuple[int, Malformed]] = []
    found = read_rules([text], bad)
    assert found or bad
    for rule in found:
        assert read(rule_text(rule)) == (rule,)
