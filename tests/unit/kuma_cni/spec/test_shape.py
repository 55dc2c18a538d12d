"""Wrong shapes are refused with the key named; null is as good as absent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_cni.spec.problem import CniError
from kuma_cni.spec.shape import list_at, object_at, objects_at, text_at, texts_at

if TYPE_CHECKING:
    from collections.abc import Callable

READERS = [text_at, object_at, list_at, texts_at, objects_at]


def test_what_has_the_right_shape_is_returned() -> None:
    mapping: dict[str, object] = {"t": "x", "o": {"a": 1}, "l": [1], "ts": ["x"], "os": [{}]}
    assert text_at(mapping, "t") == "x"
    assert object_at(mapping, "o") == {"a": 1}
    assert list_at(mapping, "l") == [1]
    assert texts_at(mapping, "ts") == ("x",)
    assert objects_at(mapping, "os") == [{}]


@pytest.mark.parametrize("mapping", [{}, {"key": None}])
def test_absent_and_null_are_empty(mapping: dict[str, object]) -> None:
    assert text_at(mapping, "key") == ""
    assert text_at(mapping, "key", "default") == "default"
    assert object_at(mapping, "key") == {}
    assert list_at(mapping, "key") == []
    assert texts_at(mapping, "key") == ()
    assert objects_at(mapping, "key") == []


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("value", "kind"), [(True, "a boolean"), (1, "a number"), (1.5, "a number")]
)
def test_a_wrong_shape_is_named_with_its_path(
    read: Callable[..., object], value: object, kind: str
) -> None:
    with pytest.raises(CniError, match=f"^above.key must be .*, not {kind}$") as caught:
        read({"key": value}, "key", within="above.")
    assert caught.value.code == 7


@pytest.mark.parametrize(
    ("read", "value", "told"),
    [
        (text_at, {}, "key must be a text, not an object"),
        (text_at, [], "key must be a text, not a list"),
        (object_at, "x", "key must be an object, not a text"),
        (list_at, {}, "key must be a list, not an object"),
        (texts_at, ["x", 1], r"key\[1\] must be a text, not a number"),
        (texts_at, [None], r"key\[0\] must be a text, not null"),
        (objects_at, [[]], r"key\[0\] must be an object, not a list"),
    ],
)
def test_inside_of_lists_too(read: Callable[..., object], value: object, told: str) -> None:
    with pytest.raises(CniError, match=f"^{told}$"):
        read({"key": value}, "key")


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(CniError, match="key is no valid Unicode text"):
        text_at({"key": "a\ud800"}, "key")
