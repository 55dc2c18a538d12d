"""Help fits a terminal of 80 columns and lists everything."""

from __future__ import annotations

import pytest

from kuma_net.cli.command_flags import INSTALL, KUMACTL, UNINSTALL, VERSION
from kuma_net.cli.help_text import (
    Entry,
    Section,
    lean_help,
    option_entry,
    option_sections,
    section_text,
    wrap,
)
from kuma_net.tproxy.options import BY_PATH, OPTIONS

OWN = {"install": (*INSTALL, VERSION), "uninstall": (*UNINSTALL, VERSION)}


@pytest.mark.parametrize("verb", ["install", "uninstall"])
@pytest.mark.parametrize("as_kumactl", [True, False])
def test_no_line_is_wider_than_the_terminal(verb: str, *, as_kumactl: bool) -> None:
    text = lean_help(verb, OWN[verb], as_kumactl=as_kumactl)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert text.startswith("Usage: ")
    assert not any(flag.name in text for flag in KUMACTL)


def test_every_option_with_a_flag_is_listed_once() -> None:
    listed = [
        entry.flag.partition(" ")[0].partition("=")[0]
        for section in option_sections()
        for entry in section.entries
    ]
    assert sorted(listed) == sorted(option.flag for option in OPTIONS if option.flag)


def test_help_of_an_install_has_its_own_flags_and_that_of_an_uninstall_has_not() -> None:
    install = lean_help("install", OWN["install"], as_kumactl=False)
    uninstall = lean_help("uninstall", OWN["uninstall"], as_kumactl=False)
    for flag in INSTALL:
        assert flag.name in install
    assert "--exclude-inbound-ports" not in uninstall
    assert "--iptables-executables" in uninstall
    assert "would be installed" in install
    assert "would be taken away" in uninstall
    assert "uninstall transparent-proxy" in uninstall
    assert "kumactl uninstall transparent-proxy" in lean_help("uninstall", (), as_kumactl=True)


def test_defaults_and_repetition_are_told() -> None:
    port = option_entry(BY_PATH["redirect.outbound.port"])
    assert port.flag == "--redirect-outbound-port PORT"
    assert port.text.endswith("[default: 15001]")
    assert option_entry(BY_PATH["redirect.vnet.networks"]).text.endswith("[may be repeated]")
    assert option_entry(BY_PATH["redirect.inbound.enabled"]).flag == "--redirect-inbound=false"


def test_a_flag_too_long_for_its_column_has_a_line_of_its_own() -> None:
    entries = (Entry("--short", "one"), Entry("--" + "x" * 40, "two"))
    assert section_text(Section("Title", entries)).splitlines() == [
        "Title:",
        "  --short                     one",
        "  --" + "x" * 40,
        " " * 30 + "two",
    ]


def test_text_is_broken_at_blanks_and_a_long_word_stays_whole() -> None:
    assert wrap("a bb ccc", 4) == ["a bb", "ccc"]
    assert wrap("abcdefgh i", 4) == ["abcdefgh", "i"]
    assert wrap("", 4) == [""]
