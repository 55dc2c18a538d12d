"""JSON documents: strict, and no YAML library involved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.documents import DocumentError, load_document
from kuma_net.documents.json_text import read_json

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
