"""The table of options: names that belong together, and a page that says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kuma_dns.settings.load import Settings, load
from kuma_dns.settings.options import BY_FLAG, OPTIONS, Option

GUIDE = Path(__file__).parents[4] / "docs/dns.md"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.flag)
def test_every_default_can_be_read(option: Option) -> None:
    texts = option.default.split(",") if option.repeatable else [option.default]
    for text in texts:
        if text or not option.repeatable:
            option.read(text)


def test_flags_and_fields_are_one_to_one() -> None:
    fields = [option.field for option in OPTIONS]
    assert len(set(fields)) == len(BY_FLAG) == len(OPTIONS)
    assert {*fields, "asked", "notes"} == set(Settings.__match_args__)


def test_variables_are_named_after_flags() -> None:
    assert BY_FLAG["--tcp-idle"].env == "KUMA_DNS_TCP_IDLE"
    assert BY_FLAG["--http"].env == "KUMA_DNS_HTTP"


def test_help_is_made_of_sentences() -> None:
    for option in OPTIONS:
        assert option.help[0].isupper(), option.flag
        assert option.help.endswith("."), option.flag


def test_the_guide_lists_every_option_as_it_is() -> None:
    row = r"^\| `(--[a-z-]+) (.*?)` \| `(.*?)` \| (.*?) \| (.*?) \|$"
    rows = re.findall(row, GUIDE.read_text(), re.MULTILINE)
    expected = [
        (
            option.flag,
            option.metavar,
            option.env,
            f"`{option.default.replace(',', ', ')}`" if option.default else "-",
            option.help + (" May be repeated." if option.repeatable else ""),
        )
        for option in OPTIONS
    ]
    assert rows == expected


def test_the_defaults_are_what_the_guide_promises() -> None:
    settings = load([], {})
    assert [str(server) for server in settings.listen] == ["127.0.0.1:15053", "[::1]:15053"]
    assert settings.zones == ("mesh", "mesh.local")
    assert settings.ttl == 30
    assert str(settings.http) == "127.0.0.1:19153"
    assert settings.resolv_conf == "/etc/resolv.conf"
