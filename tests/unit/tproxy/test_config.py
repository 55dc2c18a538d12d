"""The configuration: Kuma's defaults, and values whose origin makes them no other values."""

from __future__ import annotations

from kuma_net.tproxy.config import Config, Origin
from kuma_net.values import PortSet


def test_defaults_are_kumas() -> None:
    config = Config()
    redirect = config.redirect
    assert (redirect.inbound.port, redirect.outbound.port, redirect.dns.port) == (
        15006,
        15001,
        15053,
    )
    assert (redirect.inbound.enabled, redirect.outbound.enabled) == (True, True)
    assert (redirect.dns.enabled, redirect.dns.capture_all, redirect.dns.tcp) == (False,) * 3
    assert (config.wait, config.wait_interval) == (5, 0)
    assert (config.retry.max_retries, config.retry.sleep) == (4, 2.0)
    assert (config.log.enabled, config.log.level) == (False, 7)
    assert redirect.dns.resolv_conf == "/etc/resolv.conf"
    assert (config.ip_family_mode, config.backend) == ("dualstack", "auto")


def test_chains_are_named_as_kuma_names_them() -> None:
    redirect = Config().redirect
    assert (redirect.inbound.chain_name, redirect.inbound.redirect_chain_name) == (
        "INBOUND",
        "INBOUND_REDIRECT",
    )
    assert (redirect.outbound.chain_name, redirect.outbound.redirect_chain_name) == (
        "OUTBOUND",
        "OUTBOUND_REDIRECT",
    )


def test_where_a_value_came_from_makes_it_no_other_value() -> None:
    config = Config(wait=7, origins={"wait": Origin("flag --wait", "7")})
    assert config == Config(wait=7)
    assert config.source_of("wait") == "flag --wait"
    assert config.source_of("waitInterval") == "default"


def test_what_was_asked_differs_when_a_port_differs() -> None:
    config = Config()
    inbound = config.redirect.inbound.replace(exclude_ports=PortSet.of(22))
    assert config.replace(redirect=config.redirect.replace(inbound=inbound)) != config
