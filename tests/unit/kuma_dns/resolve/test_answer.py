"""Answers: given once unless somebody says that they may be given again."""

from __future__ import annotations

from kuma_dns.resolve.answer import BRIEFLY, NEVER, WHILE_TABLE, Answer


def test_an_answer_is_for_one_query_unless_it_says_more() -> None:
    assert Answer(b"packet") == (b"packet", NEVER)
    assert not Answer(b"packet").keep


def test_the_ways_to_keep_an_answer_are_told_apart() -> None:
    assert len({NEVER, WHILE_TABLE, BRIEFLY}) == 3
