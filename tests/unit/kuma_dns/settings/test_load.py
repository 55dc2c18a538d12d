"""Flags and environment to settings: who wins, and everything that is wrong at once."""

from __future__ import annotations

import pytest

from kuma_dns.resolve.servers import Server
from kuma_dns.settings.load import load
from kuma_net.errors import ConfigError, Violation


def said(flags: list[tuple[str, str]], environ: dict[str, str] | None = None) -> list[str]:
    """Return what is said of wrong settings."""
    with pytest.raises(ConfigError) as raised:
        load(flags, environ or {})
    return str(raised.value).splitlines()


def test_a_flag_wins_over_the_variable_and_that_over_the_default() -> None:
    environ = {"KUMA_DNS_TTL": "60", "KUMA_DNS_TCP_IDLE": "3s"}
    settings = load([("--ttl", "5"), ("--ttl", "7")], environ)
    assert settings.ttl == 7
    assert settings.tcp_idle == 3.0
    assert settings.cache_size == 10000
    assert settings.asked == {"--ttl", "--tcp-idle"}


def test_repeated_flags_add_up_and_variables_hold_several() -> None:
    settings = load(
        [("--names", "a,b.json"), ("--names", "unix:/c")],
        {"KUMA_DNS_ZONE": "mesh, Corp.Mesh ,", "KUMA_DNS_NAMES": "ignored.json"},
    )
    assert settings.names == ("a,b.json", "unix:/c")
    assert settings.zones == ("mesh", "corp.mesh")
    assert load([("--listen", "127.0.0.1:1")], {}).listen == (Server("127.0.0.1", 1),)


def test_an_empty_variable_says_nothing() -> None:
    settings = load([], {"KUMA_DNS_ZONE": " ", "KUMA_DNS_TTL": ""})
    assert settings.zones == ("mesh", "mesh.local")
    assert settings.asked == frozenset()


def test_everything_wrong_is_told_at_once_with_its_source() -> None:
    lines = said(
        [("--listen", "nowhere"), ("--tcp-idle", "x"), ("--zone", "")],
        {"KUMA_DNS_UPSTREAM": "10.0.0.1,10.0.0.256"},
    )
    told = [line.partition("; ")[0] for line in lines]
    assert told == [
        "--zone: a label is empty",
        "--upstream: '10.0.0.256' (from env KUMA_DNS_UPSTREAM): not an address and a port",
        "--listen: 'nowhere': not an address and a port",
        "--tcp-idle: 'x': not a time",
    ]
    assert lines[1].endswith("; write an IP address, such as 127.0.0.1:53 or [::1]:53")


def test_what_the_command_line_did_not_understand_is_told_with_the_rest() -> None:
    stray = Violation("--x", "", "", "unknown flag")
    with pytest.raises(ConfigError) as raised:
        load([("--ttl", "x")], {}, [stray])
    assert raised.value.violations[0] == stray
    assert len(raised.value.violations) == 2


def test_options_must_not_contradict_each_other() -> None:
    here = "127.0.0.1:5300"
    lines = said([("--listen", here), ("--listen", here), ("--upstream", here), ("--http", here)])
    assert [line.partition(";")[0] for line in lines] == [
        f"--listen: '{here}': given twice",
        f"--upstream: '{here}': is where we listen ourselves: questions would go round and round",
        f"--http: '{here}': is where we listen for DNS",
    ]


def test_free_ports_may_be_asked_for_as_often_as_one_likes() -> None:
    free = ("--listen", "127.0.0.1:0")
    settings = load([free, free, ("--http", "127.0.0.1:0")], {})
    assert settings.listen == (Server("127.0.0.1", 0),) * 2


def test_a_misspelt_variable_is_noted_and_a_foreign_one_is_not() -> None:
    environ = {"KUMA_DNS_TCP_IDEL": "3", "KUMA_DNS_ENABLED": "true", "PATH": "/bin"}
    settings = load([], environ)
    assert settings.notes == (
        "env KUMA_DNS_TCP_IDEL has no effect; did you mean KUMA_DNS_TCP_IDLE?",
    )


def test_http_can_be_switched_off() -> None:
    assert load([("--http", "off")], {}).http is None
