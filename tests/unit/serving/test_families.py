"""Families of metrics, read back by Prometheus' own client library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from kuma_net.serving.families import Family, counter, gauge, labels_text, number_text


def read_back(family: Family, constant: dict[str, str]) -> list[tuple[dict[str, str], float]]:
    """Return labels and value of each series, as the library reads them."""
    (read,) = text_string_to_metric_families("".join(family.lines(constant)))
    return [(sample.labels, sample.value) for sample in read.samples]


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])))
def test_any_text_of_a_label_is_read_back(text: str) -> None:
    family = Family("pods", "gauge", "Pods by what became of them.", [({"outcome": text}, 3)])
    assert read_back(family, {}) == [({"outcome": text}, 3.0)]


def test_constant_labels_stand_on_every_series() -> None:
    series = [({"verb": "ADD"}, 2), ({"verb": "DEL"}, 0.5)]
    family = Family("calls", "gauge", "Calls.", series)
    assert read_back(family, {"node": "n1"}) == [
        ({"node": "n1", "verb": "ADD"}, 2.0),
        ({"node": "n1", "verb": "DEL"}, 0.5),
    ]


@pytest.mark.parametrize(("make", "kind"), [(counter, "counter"), (gauge, "gauge")])
def test_a_family_of_one_series_says_what_it_is(make: object, kind: str) -> None:
    assert callable(make)
    text = "".join(make("pods_total", "Pods.", 7).lines({}))
    assert text == f"# HELP pods_total Pods.\n# TYPE pods_total {kind}\npods_total 7\n"


def test_no_labels_need_no_braces_and_whole_numbers_no_point() -> None:
    assert labels_text({}) == ""
    assert [number_text(value) for value in (3.0, 0.25)] == ["3", "0.25"]
