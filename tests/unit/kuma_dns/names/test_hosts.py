"""hosts(5)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.names.hosts import read_hosts
from kuma_dns.wire.name import key_of


def test_lines_give_addresses_their_names() -> None:
    text = """\
# the usual beginning
127.0.0.1\tlocalhost  Local  # and a comment
::1 localhost

240.0.0.1 web.mesh
240.0.0.2 web.mesh
"""
    names = read_hosts(text, "hosts file x")
    assert names.records == [
        (key_of("localhost"), b"\x7f\0\0\1", bytes(15) + b"\1"),
        (key_of("local"), b"\x7f\0\0\1", b""),
        (key_of("web.mesh"), b"\xf0\0\0\1\xf0\0\0\2", b""),
    ]
    assert (names.ttl, names.labels, names.complaints.count) == (None, {}, 0)


def test_lines_that_cannot_be_used_are_left_out_and_told_by_their_numbers() -> None:
    text = "fe80::1%eth0 router\n10.0.0.1\n10.0.0.2 a..b good\n::ffff:1.2.3.4 x"
    names = read_hosts(text, "hosts file x")
    assert names.records == [(key_of("good"), b"\x0a\0\0\2", b"")]
    assert [(told.path, told.value, told.wrong) for told in names.complaints.violations] == [
        ("line 1", "fe80::1%eth0", "not an IP address"),
        ("line 2", "10.0.0.1", "no name behind the address"),
        ("line 3", "a..b", "a label is empty"),
        ("line 4", "::ffff:1.2.3.4", "with dots in it, it is taken for IPv4"),
    ]


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    read_hosts(text, "x")
