"""The cache: what is kept, for how long, and what has to go."""

from __future__ import annotations

import pytest

from kuma_dns.resolve.cache import LONGEST_KEPT, Cache
from kuma_dns.wire.query import Query
from kuma_dns.wire.response import Response
from lab.messages import ask
from lab.upstreams import address, record, response

QUERY = Query(ask("www.example.org"))


def said(ttl: int = 100) -> Response:
    return Response(response(QUERY.packet, (address(ttl=ttl),)), QUERY)


def test_an_answer_is_kept_for_its_time() -> None:
    cache, answer = Cache(10), said(100)
    cache.put("key", answer, 50.0)
    assert cache.get("key", 149.9) == (answer, 50.0, 150.0, 0.0)
    assert cache.get("key", 150.0) is None
    assert len(cache) == 0


def test_what_was_never_kept_is_not_there() -> None:
    assert Cache(10).get("key", 0.0) is None


@pytest.mark.parametrize(
    ("size", "answer"),
    [
        (0, said()),
        (10, said(0)),
        (10, Response(response(QUERY.packet, (record(16, bytes(LONGEST_KEPT)),)), QUERY)),
    ],
)
def test_some_answers_are_not_kept(size: int, answer: Response) -> None:
    cache = Cache(size)
    cache.put("key", answer, 0.0)
    assert len(cache) == 0


def test_a_stale_answer_stays_for_a_while() -> None:
    cache = Cache(10, 1000.0)
    cache.put("key", said(100), 0.0)
    assert cache.get("key", 1099.0) is not None
    assert cache.get("key", 1100.0) is None


@pytest.mark.parametrize("asked", [False, True])
def test_what_rests_says_until_when(asked: bool) -> None:
    cache = Cache(10, 1000.0)
    cache.put("key", said(), 0.0)
    if asked:
        cache.get("key", 1.0)
    cache.rest("key", 55.0)
    cache.rest("other", 55.0)
    kept = cache.get("key", 1.0)
    assert kept is not None
    assert kept.rests == 55.0
    assert cache.get("other", 1.0) is None


def test_peeking_changes_nothing() -> None:
    cache, answer = Cache(10), said()
    cache.put("key", answer, 0.0)
    kept = cache.peek("key")
    assert kept is not None
    assert kept.response is answer
    assert cache.peek("other") is None
    cache.get("key", 1.0)
    assert cache.peek("key") is kept


def test_all_the_room_can_be_used_by_names_asked_once() -> None:
    cache = Cache(1000)
    for number in range(1000):
        cache.put(number, said(), 0.0)
    assert all(cache.get(number, 1.0) for number in range(1000))


def test_it_never_grows_beyond_its_size() -> None:
    cache, answer = Cache(100), said()
    for number in range(1000):
        cache.put(number, answer, 0.0)
        assert len(cache) <= 100
        cache.get(number, 1.0)
    assert len(cache) > 90


def test_names_asked_once_never_push_out_those_asked_again() -> None:
    cache, answer = Cache(1000), said()
    for number in range(700):
        cache.put(("hot", number), answer, 0.0)
        cache.get(("hot", number), 1.0)
    for number in range(10_000):
        cache.put(("random", number), answer, 2.0)
    assert all(cache.get(("hot", number), 3.0) for number in range(700))


def test_proven_answers_are_renewed_in_their_place() -> None:
    cache, answer = Cache(10), said()
    cache.put("key", said(), 0.0)
    cache.get("key", 1.0)
    cache.put("key", answer, 90.0)
    assert len(cache) == 1
    kept = cache.get("key", 150.0)
    assert kept is not None
    assert kept.response is answer
