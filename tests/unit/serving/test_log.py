"""The log: lines of JSON that never raise, never wait, and never drown anything."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from kuma_net.serving.log import INTERVAL, LONGEST_LINE, Log
from kuma_net.serving.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pipe:
    """A pipe, a clock, and a log that writes into it."""

    def __init__(self, level: str, first: int, every: int) -> None:
        """Log what is at least as grave as ``level``, thinned out."""
        self.reader, self.writer = os.pipe()
        self.now = 1000.0
        self.log = Log(
            level,
            Sample(first, every),
            descriptor=self.writer,
            monotonic=lambda: self.now,
            wall=lambda: 1772366400.25,
        )

    def lines(self) -> list[dict[str, object]]:
        """Return what was written since the last time."""
        os.set_blocking(self.reader, False)
        written = b""
        while True:
            try:
                written += os.read(self.reader, 1 << 20)
            except BlockingIOError:
                return [json.loads(line) for line in written.splitlines()]

    def close(self) -> None:
        """Close both ends."""
        os.close(self.reader)
        os.close(self.writer)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe("info", 3, 4)
    yield made
    made.close()


def test_an_event_is_one_line_with_time_and_level(pipe: Pipe) -> None:
    pipe.log.warning("name-left-out", problem="a b\n\udc80", count=7)
    assert pipe.lines() == [
        {
            "time": "2026-03-01T12:00:00.250Z",
            "level": "warning",
            "event": "name-left-out",
            "problem": "a b\n\udc80",
            "count": 7,
        }
    ]


def test_what_is_less_grave_than_asked_is_not_written() -> None:
    pipe = Pipe("warning", 3, 4)
    pipe.log.info("something")
    pipe.log.warning("oddity")
    pipe.log.error("trouble")
    assert [line["event"] for line in pipe.lines()] == ["oddity", "trouble"]
    pipe.close()


def test_a_flood_of_one_event_is_thinned_out_and_says_by_how_much(pipe: Pipe) -> None:
    for _ in range(11):
        pipe.log.info("flood")
    pipe.log.info("other")
    told = [(line["event"], line.get("left_out")) for line in pipe.lines()]
    assert told == [("flood", None)] * 3 + [("flood", 3), ("flood", 3), ("other", None)]


def test_after_a_minute_an_event_is_written_from_its_first_line_on(pipe: Pipe) -> None:
    for _ in range(5):
        pipe.log.info("flood")
    pipe.lines()
    pipe.now += INTERVAL
    for _ in range(4):
        pipe.log.info("flood")
    assert [line.get("left_out") for line in pipe.lines()] == [2, None, None]


def test_a_full_pipe_loses_lines_and_counts_them_but_never_waits(pipe: Pipe) -> None:
    log = Log("info", Sample(10**6, 1), descriptor=pipe.writer)
    for _ in range(2000):
        log.info("much", text="x" * 200)
    lost = log.lost
    assert lost > 0
    kept = len(pipe.lines())
    assert kept + lost == 2000
    log.info("after")
    assert pipe.lines()[0]["lost"] == lost
    assert log.lost == 0


def test_nobody_reading_any_longer_is_no_reason_to_raise(pipe: Pipe) -> None:
    os.close(pipe.reader)
    pipe.log.info("unheard")
    assert pipe.log.lost == 1
    pipe.reader = os.open(os.devnull, os.O_RDONLY)


def test_whatever_a_field_holds_nothing_is_raised(pipe: Pipe) -> None:
    class Silent:
        def __str__(self) -> str:
            raise ValueError

    pipe.log.info("odd", value=Silent())
    assert pipe.log.lost == 1
    pipe.log.info("fine", value=object)
    assert pipe.lines()[0]["value"] == "<class 'object'>"


def test_no_line_is_longer_than_a_pipe_takes_at_once(pipe: Pipe) -> None:
    pipe.log.info("long", text="x" * 10_000)
    pipe.log.info("longer", many=["y" * 400] * 100)
    long, longer = pipe.lines()
    assert str(long["text"]).endswith("...")
    assert len(json.dumps(long)) < LONGEST_LINE
    assert str(longer["cut"]).startswith('{"time"')


def test_an_unexpected_exception_is_told_with_its_place(pipe: Pipe) -> None:
    try:
        raise KeyError("x")  # noqa: TRY301 - it needs a place
    except KeyError as problem:
        pipe.log.problem(problem)
    pipe.log.problem(ValueError("never raised"))
    first, second = pipe.lines()
    assert first["error"] == "KeyError: 'x'"
    assert str(first["where"]).startswith("unit/serving/test_log.py:")
    assert second["where"] == ""
