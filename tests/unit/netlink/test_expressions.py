"""Expressions as attributes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.netfilter.nf_tables import (
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
    Verdict,
    VerdictMap,
)
from kuma_net.netlink.expressions import (
    BASES,
    CODES,
    COMPARISONS,
    META_KEYS,
    Unknown,
    data,
    encode_expression,
    register,
    slot_of,
)
from kuma_net.netlink.message import items, nested, number, text
from kuma_net.netlink.read_expressions import decode_expression, decode_expressions

if TYPE_CHECKING:
    from kuma_net.netfilter.nf_tables import Expression

slots = st.integers(0, 15)
constants = st.binary(min_size=1, max_size=16)
names = st.from_regex(r"[A-Za-z_.]{1,20}", fullmatch=True)
operators = st.sampled_from(sorted(COMPARISONS))
expressions: st.SearchStrategy[Expression] = st.one_of(
    st.builds(Meta, st.sampled_from(sorted(META_KEYS)), slots),
    st.builds(
        Payload, st.sampled_from(sorted(BASES)), st.integers(0, 255), st.integers(1, 16), slots
    ),
    st.builds(Cmp, operators, constants, slots),
    st.builds(Range, operators, constants, constants, slots),
    st.builds(Bitwise, constants, slots),
    st.builds(Hton, slots),
    st.builds(Lookup, names, st.booleans(), slots),
    st.builds(VerdictMap, names, slots),
    st.builds(CtState, slots),
    st.builds(CtZone, slots),
    st.builds(Immediate, constants, slots),
    st.builds(Verdict, st.sampled_from(["accept", "drop", "return"])),
    st.builds(Verdict, st.sampled_from(["jump", "goto"]), names),
    st.builds(Redir, slots),
    st.builds(Log, names, st.integers(0, 7)),
    st.builds(Counter),
)


@given(st.lists(expressions))
def test_expressions_come_back(row: list[Expression]) -> None:
    assert decode_expressions(b"".join(map(encode_expression, row))) == tuple(row)


def test_counters_come_back_with_what_they_counted() -> None:
    ((_, element),) = items(encode_expression(Counter(7, 420)))
    counter = decode_expression(element)
    assert isinstance(counter, Counter)
    assert (counter.packets, counter.octets) == (7, 420)


@pytest.mark.parametrize(("slot", "named"), [(0, 1), (4, 2), (8, 3), (12, 4), (1, 9), (15, 23)])
def test_a_slot_of_sixteen_bytes_has_its_old_number(slot: int, named: int) -> None:
    assert register(1, slot) == number(1, named)
    assert slot_of(number(1, named)[4:]) == slot


def test_the_second_number_of_a_register_is_known_too() -> None:
    assert slot_of(bytes(3) + b"\x08") == 0


def test_every_verdict_has_a_number() -> None:
    assert set(CODES) == {"accept", "drop", "return", "jump", "goto"}


def element(name: str, *parts: bytes) -> bytes:
    return text(1, name) + nested(2, *parts)


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (element("limit"), "expression limit"),
        (element("meta", number(2, 3), number(1, 1)), "this form of expression meta"),
        (element("meta", number(1, 1)), "this form of expression meta"),
        (element("meta", number(2, 15), number(1, 0)), "the verdict register"),
        (
            element(
                "bitwise",
                number(1, 1),
                number(2, 2),
                number(3, 1),
                data(4, b"\xff"),
                data(5, b"\0"),
            ),
            "this form of expression bitwise",
        ),
        (
            element(
                "bitwise",
                number(1, 1),
                number(2, 1),
                number(3, 1),
                data(4, b"\xff"),
                data(5, b"\1"),
            ),
            "this form of expression bitwise",
        ),
        (
            element(
                "byteorder",
                number(1, 1),
                number(2, 1),
                number(3, 0),
                number(4, 4),
                number(5, 4),
            ),
            "this form of expression byteorder",
        ),
        (
            element(
                "byteorder",
                number(1, 1),
                number(2, 2),
                number(3, 1),
                number(4, 4),
                number(5, 4),
            ),
            "this form of expression byteorder",
        ),
        (
            element("lookup", text(1, "x"), number(2, 1), number(3, 1)),
            "this form of expression lookup",
        ),
        (element("ct", number(2, 3), number(1, 1)), "this form of expression ct"),
        (
            element("redir", number(1, 1), number(2, 2)),
            "this form of expression redir",
        ),
        (
            element("immediate", number(1, 0), nested(2, nested(2, number(1, 5)))),
            "this form of expression immediate",
        ),
    ],
)
def test_what_no_rule_of_ours_has_is_unknown(listed: bytes, told: str) -> None:
    with pytest.raises(Unknown, match=told):
        decode_expression(listed)


def test_the_kernels_own_additions_are_read_over() -> None:
    redir = element("redir", number(1, 1), number(2, 1), number(3, 2))
    assert decode_expression(redir) == Redir()
