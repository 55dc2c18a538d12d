"""Writing when nothing can be taken for granted."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from kuma_cni.cli.output import plain, put


def test_all_of_a_text_is_written_in_ascii_however_much_it_is() -> None:
    ours, theirs = os.pipe()
    text = "é\u202e\ud800\n" + "x" * 1_000_000
    told: list[bool] = []
    writer = threading.Thread(target=lambda: told.append(put(theirs, text)))
    writer.start()
    with open(ours, "rb") as reader:  # noqa: PTH123 - a descriptor
        first = reader.readline()
        rest = reader.read(1_000_000)
    writer.join()
    os.close(theirs)
    assert told == [True]
    assert first == b"\\xe9\\u202e\\ud800\n"
    assert rest == b"x" * 1_000_000


def test_nothing_to_say_is_said() -> None:
    assert put(9999, "")


def test_a_reader_that_has_gone_is_told() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    assert not put(theirs, "x")
    os.close(theirs)


def test_a_closed_descriptor_and_a_full_disk_are_told(tmp_path: Path) -> None:
    assert not put(9999, "x")
    with Path("/dev/full").open("wb") as full:
        assert not put(full.fileno(), "x")
    (tmp_path / "file").touch()
    with (tmp_path / "file").open("rb") as reading:
        assert not put(reading.fileno(), "x")


def test_a_line_is_one_line_and_moves_no_cursor() -> None:
    assert plain("a b\n\x1b[2J\x9b\u202e\udcff") == "a b\\n\\x1b[2J\\x9b\\u202e\\udcff"
