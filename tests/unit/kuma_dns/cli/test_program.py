"""``kuma-dns`` as a function: help, unknown commands, mistakes."""

from __future__ import annotations

import pytest

from kuma_dns.cli.commands import COMMANDS
from kuma_dns.cli.program import run
from kuma_dns.settings.options import OPTIONS
from kuma_net import __version__


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"kuma-dns {__version__}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {command.name}" in listed for command in COMMANDS)


def test_without_a_command_help_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "Usage: kuma-dns" in told.err


def test_the_help_of_serve_has_every_option_and_fits_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["serve", "--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {option.flag} {option.metavar}" in listed for option in OPTIONS)
    assert max(map(len, listed.splitlines())) <= 80
    assert "may be repeated" in listed


def test_a_mistyped_command_is_told_with_the_one_that_was_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["chekc"]) == 2
    assert "did you mean check?" in capsys.readouterr().err


def test_all_mistakes_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "a b", "--type", "QQ", "--server", "x", "--tcpp"]) == 2
    told = capsys.readouterr().err
    for piece in ("4 mistakes", "NAME: 'a b'", "--type: 'QQ'", "--server: 'x'", "--tcpp"):
        assert piece in told
