"""Counters: every answer in exactly one cell, and the labels Kuma's dashboards look for."""

from __future__ import annotations

from itertools import product

import pytest

from kuma_dns.counts import (
    CACHE,
    COUNTED,
    LOCAL,
    SECONDS,
    UPSTREAM,
    Counts,
    Histogram,
    kind_of,
)

SOURCES = (LOCAL, CACHE, UPSTREAM)


def test_each_kind_has_a_cell_of_its_own_that_fits_a_byte() -> None:
    kinds = {kind_of(*each) for each in product((1, 28, 5), SOURCES, (0, 3, 2, 5))}
    assert kinds == set(range(COUNTED))
    assert COUNTED < 256


@pytest.mark.parametrize(
    ("qtype", "label"), [(1, "A"), (28, "AAAA"), (5, "other"), (255, "other"), (65535, "other")]
)
def test_types_beside_addresses_are_other_types(qtype: int, label: str) -> None:
    counts = Counts()
    counts.answered(qtype, CACHE, 0)
    assert {key for key, number in counts.queries.items() if number} == {(label, CACHE)}


@pytest.mark.parametrize(
    ("rcode", "label"),
    [(0, "noerror"), (3, "nxdomain"), (2, "servfail"), (5, "other"), (15, "other")],
)
def test_codes_have_the_labels_of_kumas_metrics(rcode: int, label: str) -> None:
    counts = Counts()
    counts.answered(1, LOCAL, rcode, times=3)
    assert {key: number for key, number in counts.rcodes.items() if number} == {label: 3}


def test_all_series_are_there_from_the_start() -> None:
    counts = Counts()
    assert set(counts.queries) == set(product(("A", "AAAA", "other"), SOURCES))
    assert list(counts.rcodes) == ["noerror", "nxdomain", "servfail", "other"]
    assert not any(counts.queries.values())
    assert not any(counts.rcodes.values())


def test_an_answer_counts_once_among_types_and_once_among_codes() -> None:
    counts = Counts()
    for number, each in enumerate(product((1, 28, 5), SOURCES, (0, 3, 2, 5)), start=1):
        counts.answered(*each, times=number)
    assert sum(counts.queries.values()) == sum(counts.rcodes.values()) == sum(range(37))
    assert counts.queries["A", LOCAL] == 1 + 2 + 3 + 4
    assert counts.rcodes["noerror"] == sum(range(1, 37, 4))


def test_what_is_counted_already_is_in_no_series() -> None:
    counts = Counts()
    counts.tally[COUNTED] += 1
    assert sum(counts.queries.values()) == sum(counts.rcodes.values()) == 0


def test_an_observation_falls_below_its_bound_or_onto_it() -> None:
    seconds = Histogram()
    seconds.observe(SECONDS[0])
    seconds.observe(SECONDS[0] + 1e-9, times=2)
    seconds.observe(SECONDS[-1] + 1)
    assert seconds.buckets == [1, 2, *[0] * (len(SECONDS) - 2), 1]
    assert seconds.count == 4
    assert seconds.sum == pytest.approx(3 * SECONDS[0] + SECONDS[-1] + 1)
