"""``kuma-cni logs``: words to a wish, lines to entries, entries to sentences."""

from __future__ import annotations

import time
from calendar import timegm
from typing import TYPE_CHECKING

import pytest

from kuma_cni.cli.logs import (
    Wish,
    Wrong,
    entry_of,
    is_about,
    lines_of,
    read_words,
    sentence,
    start_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from kuma_net.documents import Plain


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        ([], Wish()),
        (["web"], Wish(pod="web")),
        (["shop/web", "--tail", "5"], Wish(pod="shop/web", tail="5")),
        (["--since=2h", "--file", "/x", "web"], Wish(pod="web", file="/x", since="2h")),
        (["--json", "--help"], Wish(json=True, help=True)),
    ],
)
def test_words_are_read_in_any_order(words: list[str], wish: Wish) -> None:
    assert read_words(words) == wish


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--follow"], "'--follow' is not known"),
        (["web", "db"], "'db' is not known"),
        (["--json=1"], "'--json=1' is not known"),
        (["--tail", "-1"], "write a number of entries"),
        (["--tail"], "--tail needs a value"),
        (["web", "--file"], "--file needs a value"),
        (["--since="], "--since needs a value"),
        (["--tail=\u0665"], "write a number of entries"),
    ],
)
def test_wrong_words_are_told_with_what_would_be_right(words: list[str], told: str) -> None:
    with pytest.raises(Wrong, match=told):
        read_words(words)


def test_a_span_of_time_becomes_when_it_began() -> None:
    for text, seconds in (("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259_200)):
        began = timegm(time.strptime(start_of(text), "%Y-%m-%dT%H:%M:%S"))
        assert seconds <= time.time() - began < seconds + 60
    assert start_of("999999999999d") == "1970-01-01T00:00:00"


@pytest.mark.parametrize("text", ["", "2026", "2026-03-01", "2026-03-01T12:30:00.5Z"])
def test_a_time_is_taken_as_it_is(text: str) -> None:
    assert start_of(text) == text


@pytest.mark.parametrize("text", ["m", "5", "-5m", "1.5h", "yesterday", "03-01", "2026-03-01 12"])
def test_any_other_time_is_told(text: str) -> None:
    with pytest.raises(Wrong, match="write 15m, 2h or a time"):
        start_of(text)


def test_the_file_before_comes_first_and_a_cut_line_does_not_spoil_the_next(tmp_path: Path) -> None:
    file = tmp_path / "cni.log"
    (tmp_path / "cni.log.1").write_text('{"time": "1"}\n{"time": "2", "ev', encoding="ascii")
    file.write_text('{"time": "3", "ev{"time": "4"}\nnoise\n', encoding="ascii")
    entries = [entry_of(line) for line in lines_of(str(file))]
    assert [entry["time"] for entry in entries if entry] == ["1", "4"]
    with pytest.raises(FileNotFoundError):
        list(lines_of(str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("pod", "about"),
    [("", True), ("web", True), ("shop/web", True), ("bank/web", False), ("we", False)],
)
def test_a_pod_is_named_with_its_namespace_or_without(pod: str, *, about: bool) -> None:
    assert is_about({"namespace": "shop", "pod": "web"}, pod) == about


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (
            {"time": "T", "level": "info", "event": "captured", "verb": "ADD", "pod": "web",
             "namespace": "shop", "took_ms": 3, "notes": ""},
            "T info ADD shop/web captured took_ms=3",
        ),
        ({"time": "T", "event": "odd", "error": "a\n\x1b[2Jb"}, "T odd error=a\\n\\x1b[2Jb"),
        ({"pod": "é\u202e"}, "é\\u202e"),
        ({}, ""),
    ],
)  # fmt: skip
def test_an_entry_becomes_one_line_of_harmless_text(entry: dict[str, Plain], text: str) -> None:
    assert sentence(entry) == text
