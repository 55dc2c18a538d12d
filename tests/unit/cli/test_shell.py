"""Completion scripts."""

from __future__ import annotations

import pytest

from kuma_net.cli.shell import completion_command
from kuma_net.errors import ConfigError, Violation
from kuma_net.tproxy.flags import Arguments


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_calls_the_program_back(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completion_command(Arguments(), shell) == 0
    script = capsys.readouterr().out
    assert f"_KUMA_NET_COMPLETE={shell}_complete" in script
    assert "kuma-net" in script


def test_a_shell_that_click_does_not_know_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError):
        completion_command(Arguments(), "tcsh")


def test_nothing_is_printed_for_a_line_that_was_not_understood() -> None:
    with pytest.raises(ConfigError):
        completion_command(Arguments(violations=(Violation("x", "", "", "wrong"),)), "bash")
