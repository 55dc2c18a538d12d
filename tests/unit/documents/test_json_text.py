"""JSON documents: strict, and no YAML library involved."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.documents import DocumentError, load_document
from kuma_net.documents.json_text import parse_json, read_json, write_json

if TYPE_CHECKING:
    from kuma_net.documents import Plain


def test_an_object_is_read_as_it_stands() -> None:
    text = ' {"a": {"b": [1, 2.5, true, null, "x"]}}'
    assert load_document(text) == {"a": {"b": [1, 2.5, True, None, "x"]}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' stands twice"),
        ('{"a": NaN}', "NaN is no JSON; write a number"),
        ('{"a": -Infinity}', "-Infinity is no JSON"),
        ('{"a" 1}', "line 1, column 6: not JSON"),
        ('{"a": 1}\n}', "line 2, column 1: not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "nested too deeply; 100 levels are the most"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message.replace("(", r"\(")):
        load_document(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("{a: 1, b: [x]}", {"a": 1, "b": ["x"]}), ("{}", {}), ("{ }", {}), ("{? a : 1}", {"a": 1})],
)
def test_a_flow_mapping_of_yaml_begins_like_json(text: str, value: Plain) -> None:
    assert load_document(text) == value


def test_what_is_no_json_is_left_to_the_yaml_reader() -> None:
    assert read_json("{a: 1}") is None


def test_ninety_nine_levels_are_not_too_deep() -> None:
    value = load_document('{"a": ' + "[" * 99 + "]" * 99 + "}")
    assert isinstance(value, dict)


PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)  # fmt: skip


@given(value=PLAIN)
def test_what_is_written_is_read_again_by_us_and_by_others(value: Plain) -> None:
    text = write_json(value)
    assert text.isascii()
    assert "\n" not in text
    assert parse_json(text) == value == json.loads(text)


@given(text=st.text('{}[]",:1e-.tru \n\\u0d8x', max_size=12))
def test_what_the_standard_library_refuses_is_refused(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(DocumentError):
            parse_json(text)
    else:
        with suppress(DocumentError):  # stricter: a key twice, a number without end
            assert parse_json(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: not JSON: a value is missing"),
        (" \n x", "line 2, column 2: not JSON: a value is missing"),
        ("[1] x", "line 1, column 5: not JSON: more text after the value"),
        ("[1e999]", "1e999 is too large a number"),
        ("[-1e999]", "-1e999 is too large a number"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_any_one_value_may_stand_alone(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        parse_json(text)


def test_what_json_does_not_know_is_not_written() -> None:
    with pytest.raises(TypeError, match="object is nothing that JSON knows"):
        write_json({"a": object()})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(float("inf"))


def test_half_a_surrogate_pair_survives_reading_and_writing() -> None:
    assert write_json(parse_json('"\\ud800"')) == '"\\ud800"'
