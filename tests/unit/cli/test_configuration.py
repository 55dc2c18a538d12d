"""``config show`` and ``config schema``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kuma_net.cli.configuration import schema_command, show_command
from kuma_net.errors import ConfigError
from kuma_net.tproxy.flags import Flag, parse_flags

if TYPE_CHECKING:
    from pathlib import Path

EXTRAS = (
    Flag("--config", "", "FILE", repeatable=True),
    Flag("--origin", ""),
    Flag("--json", ""),
)


def test_what_is_shown_is_a_document_that_gives_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "--exclude-outbound-ports=22,80-90",
        "--redirect-all-dns-traffic",
        "--vnet=br0:10.0.0.0/8",
    ]
    assert show_command(parse_flags(words, EXTRAS)) == 0
    shown = capsys.readouterr().out
    document = tmp_path / "shown.yaml"
    document.write_text(shown)
    assert show_command(parse_flags([f"--config={document}"], EXTRAS)) == 0
    assert capsys.readouterr().out == shown


def test_origins_are_told_beside_each_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_command(parse_flags(["--origin", "--wait=7"], EXTRAS)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "wait: 7  # flag --wait" in lines
    assert "waitInterval: 0  # default" in lines


def test_as_json_it_is_a_document_too_or_the_origin_of_each_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--exclude-outbound-ports=22,80-90", "--wait=7", "--json"]
    assert show_command(parse_flags(words, EXTRAS)) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["redirect"]["outbound"]["excludePorts"] == [22, "80-90"]
    document = tmp_path / "shown.json"
    document.write_text(shown)
    assert show_command(parse_flags([f"--config={document}", "--json"], EXTRAS)) == 0
    assert capsys.readouterr().out == shown
    assert show_command(parse_flags([*words, "--origin"], EXTRAS)) == 0
    origins = json.loads(capsys.readouterr().out)
    assert (origins["wait"], origins["waitInterval"]) == ("flag --wait", "default")


def test_older_names_are_told_on_the_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert show_command(parse_flags(["--kuma-dp-uid=7"], EXTRAS)) == 0
    printed = capsys.readouterr()
    assert "deprecated" in printed.err
    assert "deprecated" not in printed.out


def test_the_schema_describes_every_branch(capsys: pytest.CaptureFixture[str]) -> None:
    assert schema_command(parse_flags([], ())) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"redirect", "retry", "log"} <= set(schema["properties"])
    with pytest.raises(ConfigError):
        schema_command(parse_flags(["stray"], ()))
