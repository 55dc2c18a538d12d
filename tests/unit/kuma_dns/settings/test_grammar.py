"""How single values are written, and what is said when they are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_dns.resolve.servers import Server
from kuma_dns.settings.grammar import (
    read_cache_size,
    read_connections,
    read_http,
    read_level,
    read_listen,
    read_path,
    read_sample,
    read_seconds,
    read_server,
    read_some_seconds,
    read_source,
    read_static,
    read_ttl,
    read_upstream,
    read_user,
    read_zone,
)
from kuma_net.serving.sample import Sample
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("10.0.0.1", Server("10.0.0.1", 53)),
        (" 10.0.0.1:5353 ", Server("10.0.0.1", 5353)),
        ("0.0.0.0:0", Server("0.0.0.0", 0)),  # noqa: S104 - read, not bound to
        ("::1", Server("::1", 53)),
        ("[::1]", Server("::1", 53)),
        ("[FD00:0:0::1]:65535", Server("fd00::1", 65535)),
        ("fd00::53", Server("fd00::53", 53)),
    ],
)
def test_an_address_may_have_a_port_behind_it(text: str, server: Server) -> None:
    assert read_server(text, 53) == server


@pytest.mark.parametrize(
    ("text", "piece", "right"),
    [
        ("localhost", "localhost", "127.0.0.1:53"),
        ("10.0.0.1:", "", "from 0 to 65535"),
        ("10.0.0.1:x", "x", "from 0 to 65535"),
        ("10.0.0.1:65536", "65536", "from 0 to 65535"),
        ("[::1", "[::1", "[::1]:53"),
        ("[::1]53", "[::1]53", "[::1]:53"),
        ("[10.0.0.1]:53", "[10.0.0.1]:53", "127.0.0.1:53"),
        ("::1:65535:x", "::1:65535:x", "[::1]:53"),
        ("", "", "127.0.0.1:53"),
    ],
)
def test_what_is_no_address_is_told_with_one_that_is(text: str, piece: str, right: str) -> None:
    with pytest.raises(Malformed) as raised:
        read_server(text, 53)
    assert raised.value.piece == piece
    assert right in raised.value.right


def test_each_kind_of_address_has_its_own_port() -> None:
    assert read_listen("127.0.0.1").port == 15053
    assert read_upstream("127.0.0.1").port == 53
    assert read_http("127.0.0.1") == Server("127.0.0.1", 19153)
    assert [read_http(text) for text in ("off", "None", " FALSE ", "")] == [None] * 4


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10.0), ("1m30s", 90.0), ("300ms", 0.3), ("7", 7.0), ("0s", 0.0), ("24h", 86400.0)],
)
def test_times_have_units_and_a_bare_number_counts_seconds(text: str, seconds: float) -> None:
    assert read_seconds(text) == seconds


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (read_seconds, "soon", "not a time"),
        (read_seconds, "-1s", "not a time"),
        (read_seconds, "25h", "not a usable time"),
        (read_seconds, "9" * 400, "not a usable time"),
        (read_some_seconds, "0s", "no time at all"),
        (read_upstream, "10.0.0.1:0", "nobody can be asked at port 0"),
        (read_ttl, "-1", "not a time to live"),
        (read_ttl, "604801", "no such time to live"),
        (read_cache_size, "many", "not a number of answers"),
        (read_connections, "0", "no such number of connections"),
        (read_zone, "a..b", "a label is empty"),
        (read_zone, "", "a label is empty"),
        (read_static, "a.mesh", "no = in it"),
        (read_static, "a.mesh=1.2.3", "not an IP address"),
        (read_path, " ", "not the name of a file"),
        (read_path, "a\0b", "not the name of a file"),
        (read_source, "unix:", "names no socket"),
        (read_user, "a b", "not a user"),
        (read_user, "a:b", "not a user"),
        (read_level, "loud", "no such level"),
        (read_sample, "10", "not two numbers"),
        (read_sample, "x/10", "not a number of lines"),
        (read_sample, "1/0", "no such number of lines"),
    ],
)
def test_what_cannot_be_is_refused(read: Callable[[str], object], text: str, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        read(text)


def test_what_can_be_is_taken() -> None:
    assert read_some_seconds("1ms") == 0.001
    assert read_ttl("30") == 30
    assert read_cache_size("0") == 0
    assert read_connections("1") == 1
    assert read_zone(" Mesh.Local. ") == "mesh.local"
    assert read_static(" a.mesh=240.0.0.1 ") == "a.mesh=240.0.0.1"
    assert read_source("unix:/run/x.sock") == "unix:/run/x.sock"
    assert read_source(" /etc/names.json") == "/etc/names.json"
    assert read_user("kuma-dp") == "kuma-dp"
    assert read_level("INFO") == "info"
    assert read_sample("5/100") == Sample(5, 100)


def test_a_sample_prints_what_is_read() -> None:
    assert read_sample(str(Sample(10, 1000))) == Sample(10, 1000)
