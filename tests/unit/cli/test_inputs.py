"""Reading what a command line names."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

from kuma_net.cli.inputs import gather, is_asked, refuse
from kuma_net.errors import ConfigError, Violation
from kuma_net.tproxy.flags import parse_flags

if TYPE_CHECKING:
    from pathlib import Path


def test_files_are_read_in_the_order_given(tmp_path: Path) -> None:
    one, two, pod = tmp_path / "1.yaml", tmp_path / "2.yaml", tmp_path / "pod"
    for path in (one, two, pod):
        path.write_text(path.name)
    words = ["--config", f"{two},{one}", "--annotations", str(pod), "--redirect-dns"]
    sources = gather(parse_flags(words), {"A": "b"})
    assert sources.files == ((str(two), "2.yaml"), (str(one), "1.yaml"))
    assert sources.annotations == ((str(pod), "pod"),)
    assert sources.flags == (("--redirect-dns", "true"),)
    assert sources.environ == {"A": "b"}
    assert sources.violations == ()


def test_all_files_that_cannot_be_read_are_told_with_what_the_parser_found(tmp_path: Path) -> None:
    latin = tmp_path / "latin"
    latin.write_bytes(b"\xe9")
    words = ["--bogus", "--config", f"{tmp_path}/none", "--config", str(latin), "--config", "a\0b"]
    words += ["--config", "/dev/zero"]
    wrong = [violation.wrong for violation in gather(parse_flags(words), {}).violations]
    assert wrong == [
        "unknown flag",
        "cannot be read: No such file or directory",
        "byte 0 is not UTF-8",
        "not the name of a file",
        "larger than 16 MiB",
    ]


def test_a_dash_is_the_standard_input() -> None:
    before = sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(b"verbose: true"))
    try:
        sources = gather(parse_flags(["--config", "-"]), {})
    finally:
        sys.stdin = before
    assert sources.files == (("standard input", "verbose: true"),)


def test_options_files_and_variables_ask_for_something() -> None:
    assert is_asked(parse_flags(["--redirect-dns"]), {})
    assert is_asked(parse_flags(["--config", "x"]), {})
    assert is_asked(parse_flags([]), {"KUMA_TRANSPARENT_PROXY_VERBOSE": "1"})
    assert not is_asked(parse_flags([]), {"PATH": "/bin"})


def test_violations_are_raised_together() -> None:
    refuse([])
    with pytest.raises(ConfigError) as caught:
        refuse([Violation("a", "", "", "wrong"), Violation("b", "", "", "wrong")])
    assert len(caught.value.violations) == 2
