"""What ``kuma-net`` understands, before any machine is asked."""

from __future__ import annotations

import json

import pytest

from kuma_net.cli.command_table import COMMANDS, CONFIG_COMMANDS
from kuma_net.cli.program import program, run
from kuma_net.errors import HostError

PATHS = [
    [],
    ["config"],
    *[[command.name] for command in COMMANDS],
    *[["config", command.name] for command in CONFIG_COMMANDS],
]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_each_command_fits_80_columns(
    path: list[str], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path, flag]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith("Usage: kuma-net")
    assert [line for line in printed.out.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("path", [[], ["config"]])
def test_a_command_is_wanted(path: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(path) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Commands:" in printed.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("instal", "instal: unknown command; did you mean install?"),
        ("frobnicate", "frobnicate: unknown command; there are install, uninstall, "),
        ("config shwo", "shwo: unknown command; did you mean show?"),
        ("--verison", "--verison: unknown flag before the command; did you mean --version?"),
        ("--dry-run", "--dry-run: unknown flag before the command; "),
        ("install --exclude-inbound-port=1", "did you mean --exclude-inbound-ports?"),
        ("install stray", "stray (from command line): not understood"),
        ("confirm --redirect-dns", "--redirect-dns: 'true' (from command line): has no effect"),
        ("completion", "SHELL (from command line): is missing; write one of bash, zsh, fish"),
        ("completion tcsh", "SHELL: 'tcsh' (from command line): not known"),
        ("completion bash zsh", "zsh (from command line): not understood"),
        ("explain --uid 1", "--uid (from command line): means nothing without --to"),
        ("status --netns a --pid 1", "given beside --netns"),
        ("config schema --verbose", "has no effect on schema"),
    ],
)
def test_what_is_not_understood_is_told_with_the_nearest_name(
    words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert told in printed.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_KUMA_NET_COMPLETE" in capsys.readouterr().out


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


def test_the_effective_configuration_is_shown_with_its_origins(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["config", "show", "--redirect-dns-port", "5353", "--origin"]) == 0
    shown = capsys.readouterr().out
    assert "port: 5353  # flag --redirect-dns-port" in shown
    assert "port: 15001  # default" in shown
    assert run(["config", "show", "--config-file=/x/.kumactl"]) == 0
    printed = capsys.readouterr()
    assert "#" not in printed.out
    assert "deprecated" in printed.err


def test_every_command_has_a_place_in_the_tree() -> None:
    top = program()
    names = [command.name for command in COMMANDS]
    assert sorted(top.list_commands(None)) == sorted([*names, "config"])  # type: ignore[arg-type]  # click never looks


def test_an_error_of_ours_ends_in_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert HostError.exit_code == 1
    assert run(["install", "--netns", "/dev/null/x", "--kuma-dp-user", "0"]) == 2
    assert "netns: '/dev/null/x' (from flag --netns)" in capsys.readouterr().err
