"""The table of options is complete, unique and true to ``Config`` and to Kuma's names."""

from __future__ import annotations

import re

import pytest

from kuma_net.record import Record
from kuma_net.tproxy.config import Config
from kuma_net.tproxy.grammar import KINDS
from kuma_net.tproxy.option import Option
from kuma_net.tproxy.options import BY_FLAG, BY_PATH, OPTIONS

KUMAS_FLAGS = [
    "--dry-run",
    "--verbose",
    "--ip-family-mode",
    "--kuma-dp-user",
    "--redirect-outbound-port",
    "--redirect-inbound",
    "--redirect-inbound-port",
    "--exclude-inbound-ports",
    "--exclude-outbound-ports",
    "--exclude-outbound-ports-for-uids",
    "--exclude-inbound-ips",
    "--exclude-outbound-ips",
    "--redirect-inbound-insert-instead-of-append",
    "--redirect-outbound-insert-instead-of-append",
    "--redirect-dns",
    "--redirect-all-dns-traffic",
    "--redirect-dns-port",
    "--skip-dns-conntrack-zone-split",
    "--vnet",
    "--drop-invalid-packets",
    "--iptables-logs",
    "--disable-comments",
    "--store-firewalld",
    "--wait",
    "--wait-interval",
    "--max-retries",
    "--sleep-between-retries",
    "--iptables-executables",
]
OUR_FLAGS = [
    "--include-outbound-ips",
    "--exclude-outbound-ports-for-gids",
    "--exclude-interfaces",
    "--redirect-dns-tcp",
    "--backend",
]
KEYS_WITHOUT_FLAG = [
    "redirect.inbound.includePorts",
    "redirect.outbound.includePorts",
    "redirect.outbound.enabled",
    "redirect.dns.resolvConfigPath",
    "log.level",
    "cniMode",
    "redirect.inbound.chainName",
    "redirect.inbound.redirectChainName",
    "redirect.outbound.chainName",
    "redirect.outbound.redirectChainName",
    "redirect.inbound.portIPv6",
]


def value_at(config: Config, option: Option) -> object:
    """Return the value that lies where an option says."""
    value: object = config
    for name in option.field.split("."):
        value = getattr(value, name)
    return value


def leaves(record: Record, prefix: str = "") -> list[str]:
    """Return the paths of all fields that are no records with fields of their own options."""
    found = []
    for name in record.__match_args__:
        value = getattr(record, name)
        nested = type(value).__name__ in {"Redirect", "Inbound", "Outbound", "Dns", "Log", "Retry"}
        found += leaves(value, f"{prefix}{name}.") if nested else [prefix + name]
    return found


def test_every_flag_of_kuma_and_every_new_one_is_there() -> None:
    assert sorted(BY_FLAG) == sorted(KUMAS_FLAGS + OUR_FLAGS)
    without = [option.path for option in OPTIONS if not option.flag]
    assert sorted(without) == sorted(KEYS_WITHOUT_FLAG)


def test_every_field_of_the_configuration_has_its_option_and_the_other_way_round() -> None:
    fields = [field for field in leaves(Config()) if field != "origins"]
    assert sorted(fields) == sorted(option.field for option in OPTIONS)


def test_no_name_is_given_twice() -> None:
    assert len(BY_PATH) == len(OPTIONS)
    for names in (
        [option.flag for option in OPTIONS if option.flag],
        [option.env for option in OPTIONS],
        [option.field for option in OPTIONS],
    ):
        assert len(names) == len(set(names))


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.path)
def test_an_option_is_described_completely(option: Option) -> None:
    assert option.kind in KINDS
    assert option.help.endswith((".", ".cidr", "300ms.")) or ":" in option.help
    assert (option.metavar == "") == (option.kind == "bool")
    assert not option.repeatable or KINDS[option.kind].many
    assert option.since


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.path)
def test_names_in_the_environment_follow_from_the_key(option: Option) -> None:
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])|\.", "_", option.path).upper()
    assert option.env.replace("_", "") == snake.replace("_", "")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.path)
def test_the_default_is_the_one_of_the_configuration(option: Option) -> None:
    found = value_at(Config(), option)
    if not option.default:
        assert not found
        return
    value = KINDS[option.kind].read([option.default], [])
    assert value == found
    assert type(value) is type(found)
