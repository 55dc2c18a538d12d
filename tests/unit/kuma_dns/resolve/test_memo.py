"""The memo: what is kept, for how long, and what it may cost."""

from __future__ import annotations

import pytest

from kuma_dns.counts import CACHE, LOCAL, UPSTREAM, kind_of
from kuma_dns.resolve.answer import BRIEFLY, WHILE_TABLE, Answer
from kuma_dns.resolve.memo import (
    LONGEST_ANSWER,
    LONGEST_KEPT,
    MOST_BRIEF,
    MOST_BYTES,
    Memo,
)
from kuma_dns.wire.message import AAAA, A
from kuma_dns.wire.query import Query
from lab.messages import ask, opt, option


def asked(number: int) -> bytes:
    """Return a query without its id."""
    return ask(f"name-{number}.mesh")[2:]


def answer(keep: int, *, rcode: int = 0, size: int = 40) -> Answer:
    return Answer(b"id\x85" + bytes((0x80 | rcode,)) + bytes(size), keep)


def test_the_same_bytes_get_the_same_answer_whatever_their_ids() -> None:
    memo = Memo()
    memo.take(Query(ask("a.mesh", ident=1)), answer(WHILE_TABLE), LOCAL, 0.0)
    told = memo.find(ask("a.mesh", ident=2)[2:])
    assert told == answer(WHILE_TABLE).packet[2:] + bytes((kind_of(A, LOCAL, 0),))
    assert memo.find(ask("b.mesh")[2:]) is None


@pytest.mark.parametrize("keep", [WHILE_TABLE, BRIEFLY])
@pytest.mark.parametrize("source", [LOCAL, CACHE, UPSTREAM])
def test_the_kind_of_an_answer_stands_behind_it(keep: int, source: str) -> None:
    memo = Memo()
    memo.take(Query(ask("a.mesh", AAAA)), answer(keep, rcode=3), source, 0.0)
    told = memo.find(ask("a.mesh", AAAA)[2:])
    assert told is not None
    assert told[-1] == kind_of(AAAA, source, 3)


@pytest.mark.parametrize("keep", [WHILE_TABLE, BRIEFLY])
def test_a_query_in_mixed_case_is_not_kept(keep: int) -> None:
    memo = Memo()
    memo.take(Query(ask("A.mesh")), answer(keep), LOCAL, 0.0)
    assert memo.find(ask("A.mesh")[2:]) is None


@pytest.mark.parametrize("keep", [WHILE_TABLE, BRIEFLY])
def test_long_queries_and_long_answers_are_not_kept(keep: int) -> None:
    memo = Memo()
    long_query = ask("a.mesh", A, opt(options=option(12, bytes(LONGEST_KEPT))))
    memo.take(Query(long_query), answer(keep), LOCAL, 0.0)
    memo.take(Query(ask("a.mesh")), answer(keep, size=LONGEST_ANSWER), LOCAL, 0.0)
    assert memo.find(long_query[2:]) is None
    assert memo.find(ask("a.mesh")[2:]) is None


def test_what_is_kept_briefly_goes_when_its_second_is_over() -> None:
    memo = Memo()
    assert memo.due() is None
    memo.take(Query(ask("a.mesh")), answer(BRIEFLY), CACHE, 10.0)
    memo.take(Query(ask("b.mesh")), answer(BRIEFLY), CACHE, 10.9)
    assert memo.due() == 11.0
    memo.tick(10.99)
    assert memo.find(ask("a.mesh")[2:]) is not None
    memo.tick(11.0)
    assert memo.find(ask("a.mesh")[2:]) is None
    assert memo.find(ask("b.mesh")[2:]) is None
    assert memo.due() is None
    memo.tick(12.0)


def test_what_is_kept_for_the_table_outlives_seconds_but_not_the_table() -> None:
    memo = Memo()
    memo.take(Query(ask("a.mesh")), answer(WHILE_TABLE), LOCAL, 10.0)
    memo.take(Query(ask("b.mesh")), answer(BRIEFLY), CACHE, 10.0)
    memo.tick(11.0)
    assert memo.find(ask("a.mesh")[2:]) is not None
    memo.take(Query(ask("b.mesh")), answer(BRIEFLY), CACHE, 11.5)
    memo.clear()
    assert memo.find(ask("a.mesh")[2:]) is None
    assert memo.find(ask("b.mesh")[2:]) is None
    assert memo.due() is None


def test_whoever_is_full_lets_the_oldest_go() -> None:
    memo = Memo(most=1000)
    for number in range(1001):
        assert memo.has_room == (number < 1000)
        memo.keep(asked(number), b"told")
    assert len(memo.lasting) <= 1000
    assert memo.find(asked(0)) is None
    assert memo.find(asked(999)) is not None
    assert memo.find(asked(1000)) == b"told"
    assert memo.has_room


def test_memory_is_bounded_by_bytes_too() -> None:
    memo = Memo(most=10**9)
    for number in range(30000):
        memo.keep(asked(number), bytes(LONGEST_ANSWER))
        assert memo._bytes <= MOST_BYTES + 2 * LONGEST_ANSWER
    kept = sum([len(query) + len(told) for query, told in memo.lasting.items()])
    assert MOST_BYTES // 2 < kept < MOST_BYTES


def test_as_many_as_are_kept_briefly_at_most_cost_no_more() -> None:
    memo = Memo()
    for number in range(MOST_BRIEF + 1):
        memo.take(Query(ask(f"name-{number}.mesh")), answer(BRIEFLY), CACHE, 0.0)
    assert len(memo.brief) == MOST_BRIEF
    assert memo.find(asked(MOST_BRIEF)) is None
