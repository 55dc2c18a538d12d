"""Messages and attributes: what is encoded is what is read."""

from __future__ import annotations

from struct import error as struct_error
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.netlink.message import (
    ACK,
    LONGEST_ATTRIBUTE,
    Answer,
    Message,
    Request,
    Truncated,
    answer,
    attribute,
    attributes,
    encode,
    encode_answer,
    items,
    messages,
    nested,
    number,
    read_number,
    read_text,
    text,
)

kinds = st.integers(0, 0x3FFF)
values = st.binary(max_size=40)


@given(st.lists(st.tuples(kinds, values)))
def test_attributes_come_back_in_order(pairs: list[tuple[int, bytes]]) -> None:
    data = b"".join(attribute(kind, value) for kind, value in pairs)
    assert len(data) % 4 == 0
    assert list(items(data)) == pairs
    assert attributes(b"head" + data, 4) == dict(pairs)


@given(st.lists(st.tuples(kinds, values)))
def test_attributes_nest(pairs: list[tuple[int, bytes]]) -> None:
    inner = [attribute(kind, value) for kind, value in pairs]
    ((kind, value),) = items(nested(7, *inner))
    assert kind == 7
    assert list(items(value)) == pairs


def test_numbers_stand_in_network_order() -> None:
    assert number(3, 258) == pack("=HH", 8, 3) + b"\0\0\x01\x02"
    assert read_number(b"\0\0\x01\x02") == 258


@given(st.text().filter(lambda words: "\0" not in words))
def test_text_ends_with_a_zero_byte(words: str) -> None:
    assert read_text(attributes(text(1, words))[1]) == words


def test_an_attribute_has_a_longest_length() -> None:
    assert len(attribute(1, bytes(LONGEST_ATTRIBUTE - 4))) == LONGEST_ATTRIBUTE + 1
    with pytest.raises(struct_error):
        attribute(1, bytes(LONGEST_ATTRIBUTE - 3))


@pytest.mark.parametrize("data", [pack("=HH", 9, 1) + bytes(4), pack("=HH", 3, 1)])
def test_attributes_that_end_too_soon_are_told(data: bytes) -> None:
    with pytest.raises(Truncated, match="an attribute of"):
        attributes(data)


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 0xFFF), values), max_size=4))
def test_messages_come_back(said: list[tuple[int, int, bytes]]) -> None:
    data = b"".join(
        encode(Request(kind, flags, payload), sequence, ACK)
        for sequence, (kind, flags, payload) in enumerate(said)
    )
    expected = [
        Message(kind, flags | 1 | ACK, sequence, payload)
        for sequence, (kind, flags, payload) in enumerate(said)
    ]
    assert list(messages(data)) == expected


@pytest.mark.parametrize("length", [15, 17])
def test_messages_that_end_too_soon_are_told(length: int) -> None:
    with pytest.raises(Truncated, match="a message of"):
        list(messages(pack("=IHHII", length, 1, 0, 0, 0)))


def test_a_request_says_what_it_is_about() -> None:
    assert Request(1, 0, b"", "rule 1", " of chain x").words() == "rule 1 of chain x"
    assert Request(1, 0, b"", "one") == Request(1, 0, b"", "two")


@given(
    st.builds(
        Answer,
        st.integers(1, 1 << 31),
        st.integers(0, 4095),
        st.text().filter(lambda words: "\0" not in words),
        st.integers(0, 65535),
    )
)
def test_answers_come_back(said: Answer) -> None:
    (message,) = messages(encode_answer(said, bytes(100)))
    assert answer(message) == said


def test_an_answer_may_repeat_the_whole_request() -> None:
    request = encode(Request(20, 0, b"12345"), 7)
    payload = pack("=i", -2) + request + text(1, "no such thing")
    assert answer(Message(2, 0x200, 7, payload)) == Answer(7, 2, "no such thing")


def test_an_answer_that_is_too_short_is_told() -> None:
    with pytest.raises(Truncated, match="an error of"):
        answer(Message(2, 0, 1, bytes(8)))
