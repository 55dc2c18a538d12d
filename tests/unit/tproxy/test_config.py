"""The configuration as a value: provenance is told but takes no part in equality."""

from __future__ import annotations

from kuma_net.tproxy.config import Config, Origin, Redirect


def test_where_a_value_came_from_does_not_make_it_another() -> None:
    told = Config(origins={"wait": Origin("flag --wait", "5")})
    assert told == Config()
    assert hash(told) == hash(Config())
    assert repr(told) == repr(Config())


def test_what_nobody_said_is_the_default() -> None:
    told = Config(origins={"wait": Origin("flag --wait", "5")})
    assert told.source_of("wait") == "flag --wait"
    assert told.source_of("verbose") == "default"


def test_kumas_defaults() -> None:
    redirect = Redirect()
    assert (redirect.inbound.port, redirect.outbound.port, redirect.dns.port) == (
        15006,
        15001,
        15053,
    )
    assert (redirect.inbound.enabled, redirect.outbound.enabled, redirect.dns.enabled) == (
        True,
        True,
        False,
    )
    assert Config().ip_family_mode == "dualstack"
