"""The nearest known name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.tproxy.spelling import did_you_mean, distance, nearest

words = st.text("abc", max_size=6)


@given(words, words, words)
def test_distance_is_a_metric(one: str, two: str, three: str) -> None:
    assert distance(one, one) == 0
    assert distance(one, two) == distance(two, one)
    assert distance(one, three) <= distance(one, two) + distance(two, three)
    assert abs(len(one) - len(two)) <= distance(one, two) <= max(len(one), len(two))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("prot", "port"),
        ("PORT", "port"),
        ("enable", "enabled"),
        ("enabledd", "enabled"),
        ("something-else", ""),
        ("", ""),
    ],
)
def test_the_nearest_name_is_the_one_that_was_meant(name: str, found: str) -> None:
    assert nearest(name, ("port", "enabled")) == found


def test_nothing_near_means_no_question() -> None:
    assert did_you_mean("prot", ("port",)) == "did you mean port?"
    assert did_you_mean("x" * 1000, ("port",)) == ""
