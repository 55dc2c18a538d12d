"""click's view of our commands: what completion offers."""

from __future__ import annotations

import pytest
from click.shell_completion import ShellComplete

from kuma_net.cli.program import program
from kuma_net.tproxy.options import OPTIONS


def offered(words: str, incomplete: str) -> list[str]:
    completion = ShellComplete(program(), {}, "kuma-net", "_KUMA_NET_COMPLETE")
    return [item.value for item in completion.get_completions(words.split(), incomplete)]


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        ("", "un", ["uninstall"]),
        ("", "c", ["confirm", "completion", "config"]),
        ("config", "", ["show", "schema"]),
        ("install", "--redirect-all", ["--redirect-all-dns-traffic"]),
        ("install --backend", "nft", ["nftables"]),
        ("install --backend", "iptables", ["iptables-nft", "iptables-legacy"]),
        ("install --ip-family-mode", "", ["dualstack", "ipv4"]),
        ("completion", "", ["bash", "zsh", "fish"]),
        ("uninstall", "--exclude", []),
        ("install --no-such-flag x", "--netn", ["--netns"]),
    ],
)
def test_words_are_completed(words: str, incomplete: str, expected: list[str]) -> None:
    assert offered(words, incomplete) == expected


def test_every_option_is_declared_to_click() -> None:
    declared = offered("install", "--")
    assert {option.flag for option in OPTIONS if option.flag} <= set(declared)
    assert {"--netns", "--confirm", "--help"} <= set(declared)


def test_an_unknown_command_completes_to_nothing() -> None:
    assert offered("no-such-command", "x") == []
