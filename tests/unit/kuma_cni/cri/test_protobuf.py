"""Messages of Protocol buffers: both ways, and whatever else bytes may be."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_cni.cri.protobuf import MOST_FIELDS, Malformed, Message, encode
from lab.protobuf_maps import encode_map

NUMBERS = st.integers(1, 2**29 - 1)
VALUES = st.one_of(st.integers(0, 2**64 - 1), st.text(), st.binary())


@given(st.lists(st.tuples(NUMBERS, VALUES), unique_by=lambda field: field[0]))
def test_what_is_encoded_is_decoded(fields: list[tuple[int, int | str | bytes]]) -> None:
    message = Message(encode(fields))
    for number, value in fields:
        if isinstance(value, str):
            assert message.text(number) == value
        elif isinstance(value, bytes):
            assert message._all_bytes(number) == [value]
        else:
            assert message.number(number) == value


@given(NUMBERS, st.dictionaries(st.text(), st.text()))
def test_maps_go_both_ways(number: int, entries: dict[str, str]) -> None:
    assert Message(encode(encode_map(number, entries))).texts(number) == entries


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_malformed(raw: bytes) -> None:
    with suppress(Malformed):
        message = Message(raw)
        message.messages(1)
        message.text(2)
        message.number(3)


def test_the_bytes_are_those_of_the_encoding_guide() -> None:
    # https://protobuf.dev/programming-guides/encoding/: a = 150; b = "testing"; c = {a = 150}
    assert encode([(1, 150)]) == b"\x08\x96\x01"
    assert encode([(2, "testing")]) == b"\x12\x07testing"
    assert encode([(3, encode([(1, 150)]))]) == b"\x1a\x03\x08\x96\x01"
    assert encode([(1, True), (2, False)]) == b"\x08\x01\x10\x00"


def test_what_is_not_there_is_empty() -> None:
    message = Message(b"")
    assert (message.number(1), message.text(1), message.texts(1)) == (0, "", {})
    assert message.message(1).number(2) == 0
    assert message.messages(1) == ()


def test_of_a_field_that_comes_twice_the_last_counts_and_messages_are_merged() -> None:
    message = Message(encode([(1, 4), (2, "a"), (1, 5), (2, "b")]))
    assert (message.number(1), message.text(2)) == (5, "b")
    merged = Message(encode([(3, encode([(1, 6)])), (3, encode([(2, 7)]))])).message(3)
    assert (merged.number(1), merged.number(2)) == (6, 7)


def test_fixed_numbers_are_passed_over() -> None:
    raw = b"\x09" + bytes(8) + b"\x15" + bytes(4) + encode([(3, "behind")])
    assert Message(raw).text(3) == "behind"


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        (b"\x00\x01", "number 0"),
        (b"\x0b", "wire type 3"),
        (b"\x0c", "wire type 4"),
        (b"\x0f", "wire type 7"),
        (b"\x0a\x05abc", "longer than the message"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "longer than the message"),
        (b"\x09\x00", "longer than the message"),
        (b"\x08", "without end"),
        (b"\x08\x80", "without end"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "without end"),
        (b"\x08" + b"\xff" * 9 + b"\x02", "64 bits"),
        (encode([(1, 0)] * (MOST_FIELDS + 1)), "fields"),
    ],
)
def test_what_is_no_message_is_malformed(raw: bytes, wrong: str) -> None:
    with pytest.raises(Malformed, match=wrong):
        Message(raw)


def test_the_largest_number_has_64_bits() -> None:
    assert Message(b"\x08" + b"\xff" * 9 + b"\x01").number(1) == 2**64 - 1
    for beyond in (-1, 2**64):
        with pytest.raises(OverflowError):
            encode([(1, beyond)])


def test_a_field_of_another_type_than_asked_for_is_malformed() -> None:
    message = Message(encode([(1, 5), (2, b"\xff")]))
    with pytest.raises(Malformed, match="field 1 is a number"):
        message.text(1)
    with pytest.raises(Malformed, match="field 2 is no number"):
        message.number(2)
    with pytest.raises(Malformed, match="field 2 is no text"):
        message.text(2)
