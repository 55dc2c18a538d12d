"""``kuma-net`` as a function: it returns its exit code, whoever calls it."""

from __future__ import annotations

import sys

import pytest

from kuma_net import __version__
from kuma_net.cli.main import main


def test_a_caller_gets_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kuma-net {__version__}\n"
    assert main(["no-such-command"]) == 2


def test_without_words_those_of_the_process_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.argv
    sys.argv = ["kuma-net", "--version"]
    try:
        assert main() == 0
    finally:
        sys.argv = before
    assert __version__ in capsys.readouterr().out
