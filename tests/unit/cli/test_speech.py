"""Talking on the standard error."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from kuma_net.cli.speech import program_name, say, say_error
from kuma_net.errors import ConfigError, HostError, Violation

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=["/usr/bin/kuma-init", "kumactl", "/opt/pytest", ""])
def called(request: pytest.FixtureRequest) -> Iterator[str]:
    before = sys.argv
    sys.argv = [request.param] if request.param else []
    yield str(request.param)
    sys.argv = before


def test_a_program_speaks_by_the_name_it_was_called_by(called: str) -> None:
    known = {"/usr/bin/kuma-init": "kuma-init", "kumactl": "kumactl"}
    assert program_name() == known.get(called, "kuma-net")


def test_every_sentence_bears_the_name(capsys: pytest.CaptureFixture[str]) -> None:
    say("one", "two")
    say()
    name = program_name()
    assert capsys.readouterr().err == f"{name}: one\n{name}: two\n"


def test_one_mistake_is_one_line_and_several_have_a_heading(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one = Violation("a", "x", "flag --a", "wrong", "write y")
    say_error(ConfigError([one]))
    name = program_name()
    assert capsys.readouterr().err == f"{name}: a: 'x' (from flag --a): wrong; write y\n"
    say_error(ConfigError([one, one]))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"{name}: 2 mistakes, nothing was changed:"
    assert lines[1:] == [f"  {one}"] * 2


def test_an_error_without_words_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    say_error(HostError())
    assert capsys.readouterr().err.endswith(": HostError\n")
