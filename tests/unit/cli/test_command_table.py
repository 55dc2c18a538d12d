"""The table of commands."""

from __future__ import annotations

from importlib import import_module

import pytest

from kuma_net.cli.command_table import COMMANDS, CONFIG_COMMANDS, Command
from kuma_net.tproxy.options import BY_FLAG

EVERY = (*COMMANDS, *CONFIG_COMMANDS)


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_the_function_of_a_command_exists_and_its_options_too(command: Command) -> None:
    module, _, name = command.function.partition(":")
    assert callable(getattr(import_module(f"kuma_net.cli.{module}"), name))
    assert set(command.options or ()) <= set(BY_FLAG)


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.name)
def test_a_command_says_what_it_does_in_one_line_and_no_flag_twice(command: Command) -> None:
    assert command.summary.endswith(".")
    assert len(command.summary) < 70
    names = [flag.name for flag in command.flags]
    assert len(set(names)) == len(names)
    assert not set(names) & set(BY_FLAG)
