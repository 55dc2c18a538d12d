"""resolv.conf, read as glibc reads it."""

from __future__ import annotations

import pytest

from kuma_dns.resolve.servers import ResolvConf, Server, parse_resolv_conf, plain_address
from kuma_dns.wire.name import key_of

ANY = "0.0.0.0"  # noqa: S104 - read, not bound to


def hosts(text: str) -> list[str]:
    return [server.host for server in parse_resolv_conf(text).servers]


def test_a_usual_file_is_read() -> None:
    text = (
        "nameserver 10.96.0.10\n"
        "search default.svc.cluster.local svc.cluster.local cluster.local\n"
        "options ndots:5 timeout:2 attempts:3 rotate\n"
    )
    assert parse_resolv_conf(text) == ResolvConf(
        (Server("10.96.0.10", 53),),
        tuple(map(key_of, ("default.svc.cluster.local", "svc.cluster.local", "cluster.local"))),
        2.0,
        3,
        rotate=True,
    )


def test_an_empty_file_says_what_glibc_would_do_but_names_nobody() -> None:
    assert parse_resolv_conf("") == ResolvConf((), (), 5.0, 2, rotate=False)


@pytest.mark.parametrize(
    ("line", "servers"),
    [
        ("nameserver 1.2.3.4", ["1.2.3.4"]),
        ("nameserver\t \t1.2.3.4 whatever", ["1.2.3.4"]),
        ("nameserver ::1", ["::1"]),
        ("nameserver 0:0::1", ["::1"]),
        ("nameserver fe80::1%eth0", ["fe80::1%eth0"]),
        ("nameserver ::ffff:1.2.3.4", ["::ffff:1.2.3.4"]),
        ("nameserver 127.1", ["127.0.0.1"]),
        ("nameserver 0x7f.1", ["127.0.0.1"]),
        ("nameserver 010.0.0.1", ["8.0.0.1"]),
        ("nameserver 2130706433", ["127.0.0.1"]),
        (" nameserver 1.2.3.4", []),
        ("nameserver", []),
        ("nameserver ", []),
        ("nameserver1.2.3.4", []),
        ("nameservers 1.2.3.4", []),
        ("#nameserver 1.2.3.4", []),
        ("; nameserver 1.2.3.4", []),
        ("nameserver 1.2.3.4\r", []),
        ("nameserver 1.2.3.4#53", []),
        ("nameserver 1.2.3.256", []),
        ("nameserver 1.2.256.4", []),
        ("nameserver 256.3.4.5", []),
        ("nameserver 1.2.3.4.5", []),
        ("nameserver 1.2.3.", []),
        ("nameserver 08.1.1.1", []),
        ("nameserver 1_0.1.1.1", []),
        ("nameserver +1.1.1.1", []),
        ("nameserver \u0661.1.1.1", []),
        ("nameserver ::1::", []),
        ("nameserver dns.example.org", []),
        ("nameserver 4294967296", []),
    ],
)
def test_addresses_are_what_the_library_takes_for_one(line: str, servers: list[str]) -> None:
    assert hosts(line) == servers


def test_all_servers_are_kept_each_once_in_order() -> None:
    text = "".join([f"nameserver 10.0.0.{n}\n" for n in (4, 3, 2, 1, 3)])
    assert hosts(text) == ["10.0.0.4", "10.0.0.3", "10.0.0.2", "10.0.0.1"]


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("search a.b\tc", ["a.b", "c"]),
        ("domain a.b c", ["a.b"]),
        ("search a b\ndomain c", ["c"]),
        ("domain c\nsearch a b", ["a", "b"]),
        ("search a\nsearch", ["a"]),
        ("search . a..b ok", ["ok"]),
    ],
)
def test_the_last_search_or_domain_line_holds(text: str, search: list[str]) -> None:
    assert parse_resolv_conf(text).search == tuple(map(key_of, search))


@pytest.mark.parametrize(
    ("option", "timeout", "attempts", "rotate"),
    [
        ("timeout:1 attempts:1", 1.0, 1, False),
        ("timeout:99 attempts:99", 30.0, 5, False),
        ("timeout:9999999999999 attempts:0", 30.0, 1, False),
        ("timeout:0", 1.0, 2, False),
        ("timeout:-3", 1.0, 2, False),
        ("timeout:x", 1.0, 2, False),
        ("timeout:3s", 3.0, 2, False),
        ("rotate edns0 trust-ad", 5.0, 2, True),
        ("rotation", 5.0, 2, False),
    ],
)
def test_options_have_the_librarys_bounds(
    option: str, timeout: float, attempts: int, rotate: bool
) -> None:
    conf = parse_resolv_conf(f"options {option}")
    assert (conf.timeout, conf.attempts, conf.rotate) == (timeout, attempts, rotate)


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (Server("10.0.0.1"), "10.0.0.1:53"),
        (Server("fe80::1%eth0", 5353), "[fe80::1%eth0]:5353"),
    ],
)
def test_a_server_is_written_with_its_port(server: Server, text: str) -> None:
    assert str(server) == text


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::FFFF:10.0.0.1", "10.0.0.1"),
        ("::ffff:a00:1", "10.0.0.1"),
        ("0:0::1", "::1"),
        ("FE80::1%eth0", "fe80::1%eth0"),
        ("localhost", "localhost"),
    ],
)
def test_an_address_has_one_plain_form(host: str, plain: str) -> None:
    assert plain_address(host) == plain


@pytest.mark.parametrize(
    ("listener", "server", "ours"),
    [
        (Server("127.0.0.1"), Server("127.0.0.1"), True),
        (Server("127.0.0.1"), Server("127.0.0.53"), False),
        (Server("127.0.0.1"), Server("127.0.0.1", 5353), False),
        (Server("127.0.0.1"), Server("::ffff:127.0.0.1"), True),
        (Server("127.0.0.1"), Server(ANY), True),
        (Server("::1"), Server("::"), True),
        (Server("10.0.0.9"), Server(ANY), False),
        (Server(ANY), Server("127.0.0.53"), True),
        (Server(ANY), Server(ANY), True),
        (Server(ANY), Server("10.0.0.9"), True),
        (Server(ANY), Server("10.0.0.10"), False),
        (Server("::"), Server("::1"), True),
        (Server("::"), Server("fe80::9%eth0"), True),
        (Server("fe80::9%eth0"), Server("fe80::9%eth0"), True),
        (Server("fe80::9%eth0"), Server("fe80::9%eth1"), False),
    ],
)
def test_we_are_never_our_own_server(listener: Server, server: Server, ours: bool) -> None:
    conf = ResolvConf((server, Server("192.0.2.1")))
    kept = conf.without([listener], local=["10.0.0.9", "fe80::9%eth0"]).servers
    assert (server not in kept) == ours
    assert Server("192.0.2.1") in kept
