"""What plain scalars mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from kuma_net.documents.scalars import resolve

if TYPE_CHECKING:
    from kuma_net.documents.scalars import Scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("15006", 15006),
        ("-5", -5),
        ("+5", 5),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
    ],
)
def test_the_core_schema_knows_numbers_and_words(text: str, value: Scalar) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "off",
        "nULL",
        "0777",
        "53:1234",
        "443:30",
        "2001-01-01",
        "1_000",
        "0x",
        "0xg",
        "0o8",
        "0b1",
        "1.2.3",
        "1e999",
        "+",
        "-",
        ".",
        "-e5",
        "2s",
        "9" * 21,
        "٣",
    ],
)
def test_what_readers_disagree_about_stays_text(text: str) -> None:
    assert resolve(text) == text


def test_not_a_number_is_one() -> None:
    value = resolve(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)
