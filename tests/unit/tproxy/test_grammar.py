"""The text grammars of every kind, both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.tproxy.grammar import (
    KINDS,
    duration_text,
    parse_bool,
    parse_chain_name,
    parse_duration,
    parse_executable,
    parse_path,
    parse_port,
    parse_user,
    parse_vnet,
)
from kuma_net.values import Malformed, PortSet
from lab.configs import configs

if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_net.tproxy.config import Config


def read(kind: str, *texts: str) -> object:
    """Read texts that must be right."""
    bad: list[tuple[int, Malformed]] = []
    value = KINDS[kind].read(texts, bad)
    assert bad == []
    return value


def wrongs(kind: str, *texts: str) -> list[tuple[int, str]]:
    """Return the positions and pieces that are wrong."""
    bad: list[tuple[int, Malformed]] = []
    KINDS[kind].read(texts, bad)
    return [(position, error.piece) for position, error in bad]


@pytest.mark.parametrize("text", ["true", "True", " yes ", "ON", "enabled", "1", "t"])
def test_words_for_yes(text: str) -> None:
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["false", "No", "off", "disabled", "0", "F"])
def test_words_for_no(text: str) -> None:
    assert parse_bool(text) is False


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2),
        ("1m30s", 90),
        ("300ms", 0.3),
        ("1h", 3600),
        ("1.5s", 1.5),
        (".5s", 0.5),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("250μs", 0.00025),
        ("7ns", 7e-9),
        ("0", 0),
        ("0s", 0),
        ("2000000000", 2),
        ('"2s"', 2),
        (" 2s ", 2),
    ],
)
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@given(st.integers(0, 10**15))
def test_durations_round_trip_through_their_text(nanoseconds: int) -> None:
    seconds = nanoseconds / 10**9
    assert parse_duration(duration_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (2, "2s"), (90, "1m30s"), (3600, "1h"), (0.3, "300ms")]
)
def test_durations_are_written_as_people_do(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


WRONG: list[tuple[Callable[[str], object], str, str]] = [
    (parse_bool, "maybe", "write true or false"),
    (parse_bool, "", "write true or false"),
    (parse_port, "0", "a whole number from 1 to 65535"),
    (parse_port, "65536", "a whole number from 1 to 65535"),
    (parse_port, "http", "a whole number from 1 to 65535"),
    (parse_user, "4294967295", "from 0 to 4294967294"),
    (parse_user, "a b", "a user name"),
    (parse_user, "5678:5678", "a user name"),
    (parse_user, "a\x00", "a user name"),
    (parse_path, " ", "the path of a file"),
    (parse_path, "/a\0b", "the path of a file"),
    (parse_chain_name, "", "letters, digits or _"),
    (parse_chain_name, "IN BOUND", "letters, digits or _"),
    (parse_chain_name, "É", "letters, digits or _"),
    (parse_chain_name, "X" * 19, "too long"),
    (parse_chain_name, "STAMP", "choose another name"),
    (parse_duration, "", "not a duration"),
    (parse_duration, "2", ""),
    (parse_duration, "-2s", "not a duration"),
    (parse_duration, "2 s", "not a duration"),
    (parse_duration, "s", "not a duration"),
    (parse_duration, ".s", "not a duration"),
    (parse_duration, "1.2.3s", "not a duration"),
    (parse_duration, "1m30", "the last number has no unit"),
    (parse_duration, "2d", "not a duration"),
    (parse_duration, "9999999h", "too long"),
    (parse_duration, "9" * 400, "too long"),
    (parse_vnet, "docker0", "write INTERFACE:CIDR"),
    (parse_vnet, "docker0:172.17.0.1", "write INTERFACE:CIDR"),
    (parse_vnet, "docker0:172.17/16", "an address such as"),
    (parse_vnet, ":172.17.0.0/16", "not an interface name"),
    (parse_executable, "iptables", "write NAME:PATH"),
    (parse_executable, "iptables:", "write NAME:PATH"),
    (parse_executable, "nft:/usr/sbin/nft", "ip6tables-restore"),
]


@pytest.mark.parametrize(("parse", "text", "message"), [row for row in WRONG if row[2]])
def test_wrong_texts_say_what_would_be_right(
    parse: Callable[[str], object], text: str, message: str
) -> None:
    with pytest.raises(Malformed) as refused:
        parse(text)
    assert message in str(refused.value)
    assert refused.value.piece in {text, text.partition(":")[0], text.partition(":")[2]}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("user", "", ""),
        ("user", " kuma-dp ", "kuma-dp"),
        ("user", "005678", "5678"),
        ("path", " /etc/resolv.conf", "/etc/resolv.conf"),
        ("ip-family-mode", "IPv4", "ipv4"),
        ("ip-family-mode", "", "dualstack"),
        ("ip-family-mode", "DualStack", "dualstack"),
        ("backend", "NFTables", "nftables"),
        ("level", "0", 0),
        ("seconds", "5", 5),
        ("count", "0", 0),
        ("chain", "MY_CHAIN", "MY_CHAIN"),
        ("ports", " 80, ,443,8000-8002,", PortSet.of(80, 443, (8000, 8002))),
        ("ports", "", PortSet()),
        (
            "executables",
            "iptables:/a, iptables-save:/b",
            (("iptables", "/a"), ("iptables-save", "/b")),
        ),
        ("executables", "iptables:/a,iptables:/b", (("iptables", "/b"),)),
    ],
)
def test_values_of_every_kind(kind: str, text: str, value: object) -> None:
    assert read(kind, text) == value


def test_several_texts_make_one_list() -> None:
    assert read("ports", "80", "443,80") == PortSet.of(80, 443)
    assert KINDS["networks"].write(read("networks", "10.1.2.3/8, ::1", "10.0.0.0/8")) == [
        "10.0.0.0/8",
        "::1/128",
    ]
    assert KINDS["interfaces"].write(read("interfaces", "eth1, br+", "eth1")) == ["eth1", "br+"]
    assert KINDS["vnets"].write(read("vnets", "br+:fd00::1/64, docker0:172.17.0.0/16")) == [
        "br+:fd00::/64",
        "docker0:172.17.0.0/16",
    ]


def test_the_last_of_several_single_values_counts_but_all_are_checked() -> None:
    assert read("port", "80", "443") == 443
    assert wrongs("port", "80", "x", "0") == [(1, "x"), (2, "0")]


def test_every_bad_item_is_told_with_its_position() -> None:
    assert wrongs("ports", "0, 80", "x,99999") == [(0, "0"), (1, "x"), (1, "99999")]
    assert wrongs("networks", "10.0.0.0/33", "::g") == [(0, "10.0.0.0/33"), (1, "::g")]
    assert wrongs("level", "8") == [(0, "8")]
    assert wrongs("backend", "ebpf") == [(0, "ebpf")]
    assert wrongs("ip-family-mode", "ipv6") == [(0, "ipv6")]


def texts_of(written: object) -> list[str]:
    """Return what a document would hold as texts."""
    if isinstance(written, dict):
        return [f"{name}:{path}" for name, path in written.items()]
    if isinstance(written, list):
        return [str(item) for item in written]
    return ["true" if written is True else "false" if written is False else str(written)]


@given(configs())
def test_values_round_trip_through_their_texts(config: Config) -> None:
    for kind, value in (
        ("ports", config.redirect.inbound.exclude_ports),
        ("networks", config.redirect.outbound.exclude_ips),
        ("rules", config.redirect.outbound.exclude_for_uids),
        ("vnets", config.redirect.vnet),
        ("interfaces", config.redirect.exclude_interfaces),
        ("executables", config.iptables_executables),
        ("duration", config.retry.sleep),
        ("bool", config.verbose),
        ("user", config.kuma_dp_user),
        ("path", config.redirect.dns.resolv_conf),
        ("backend", config.backend),
    ):
        texts = texts_of(KINDS[kind].write(value))
        assert read(kind, *texts) == value
        if KINDS[kind].many and texts:
            assert read(kind, KINDS[kind].separator.join(texts)) == value


@given(st.sampled_from(sorted(KINDS)), st.text(max_size=30))
def test_junk_is_a_value_or_malformed(kind: str, text: str) -> None:
    bad: list[tuple[int, Malformed]] = []
    KINDS[kind].read([text], bad)
    for position, error in bad:
        assert position == 0
        assert error.wrong
