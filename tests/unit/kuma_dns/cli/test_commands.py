"""The table of commands: whatever it names is there."""

from __future__ import annotations

from importlib import import_module

import pytest

from kuma_dns.cli.commands import COMMANDS, Command
from kuma_dns.settings.options import BY_FLAG


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_its_function_and_its_options(command: Command) -> None:
    module, _, name = command.function.partition(":")
    assert callable(getattr(import_module(f"kuma_dns.cli.{module}"), name))
    assert set(command.options) <= BY_FLAG.keys()


def test_serve_takes_every_option() -> None:
    assert set(COMMANDS[0].options) == BY_FLAG.keys()
    assert COMMANDS[0].name == "serve"
