"""Exclusions are canonical: the same members whatever the boxes, disjoint, sorted, joined."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from kuma_net.netfilter.matches import Exclusions, exclusions
from kuma_net.values import HIGHEST_ID

IDS = 7
PORTS = 5


def box_strategy(highest_id: int, highest_port: int) -> st.SearchStrategy[tuple[int, ...]]:
    ids = st.tuples(st.integers(0, highest_id), st.integers(0, highest_id)).map(sorted)
    ports = st.tuples(st.integers(0, highest_port), st.integers(0, highest_port)).map(sorted)
    return st.tuples(st.sampled_from([6, 17]), ids, ports).map(
        lambda box: (box[0], *box[1], *box[2])
    )


small_boxes = st.lists(box_strategy(IDS, PORTS), max_size=8)
large_boxes = st.lists(box_strategy(HIGHEST_ID, 65535), max_size=12)


def points(boxes: list[tuple[int, ...]]) -> set[tuple[int, int, int]]:
    return {
        (proto, owner, port)
        for proto, first_id, last_id, first_port, last_port in boxes
        for owner in range(first_id, last_id + 1)
        for port in range(first_port, last_port + 1)
    }


def overlap(left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    return (
        left[0] == right[0]
        and left[1] <= right[2]
        and right[1] <= left[2]
        and left[3] <= right[4]
        and right[3] <= left[4]
    )


@given(small_boxes)
def test_exclusions_cover_exactly_what_the_boxes_cover(boxes: list[tuple[int, ...]]) -> None:
    canonical = exclusions("uid", boxes)  # type: ignore[arg-type]
    assert points(list(canonical.boxes)) == points(boxes)


@given(st.one_of(small_boxes, large_boxes))
def test_exclusions_are_disjoint_and_sorted(boxes: list[tuple[int, ...]]) -> None:
    canonical = exclusions("gid", boxes).boxes  # type: ignore[arg-type]
    assert list(canonical) == sorted(canonical)
    assert not any(overlap(left, right) for left, right in combinations(canonical, 2))


@given(st.one_of(small_boxes, large_boxes), st.randoms(use_true_random=False))
def test_the_order_and_the_cut_of_the_boxes_do_not_matter(
    boxes: list[tuple[int, ...]],
    random: object,
) -> None:
    canonical = exclusions("uid", boxes)  # type: ignore[arg-type]
    shuffled = sorted(boxes, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert exclusions("uid", shuffled + boxes) == canonical  # type: ignore[arg-type]
    assert exclusions("uid", canonical.boxes) == canonical


@given(small_boxes, small_boxes)
def test_equal_members_make_equal_exclusions(
    left: list[tuple[int, ...]], right: list[tuple[int, ...]]
) -> None:
    same = points(left) == points(right)
    assert (exclusions("uid", left) == exclusions("uid", right)) == same  # type: ignore[arg-type]


def test_neighbouring_ids_with_equal_ports_are_joined() -> None:
    assert exclusions("uid", [(6, 1, 1, 80, 80), (6, 2, 3, 80, 80)]).boxes == ((6, 1, 3, 80, 80),)


def test_overlapping_ids_are_cut_where_their_ports_differ() -> None:
    assert exclusions("uid", [(6, 1, 5, 80, 80), (6, 3, 9, 443, 443)]).boxes == (
        (6, 1, 2, 80, 80),
        (6, 3, 5, 80, 80),
        (6, 3, 5, 443, 443),
        (6, 6, 9, 443, 443),
    )


def test_the_highest_id_has_no_neighbour_beyond() -> None:
    boxes = ((17, 0, HIGHEST_ID, 53, 53),)
    assert exclusions("uid", boxes) == Exclusions("uid", boxes)


def test_no_boxes_make_empty_exclusions() -> None:
    assert exclusions("uid", []).boxes == ()
