"""Records and names where they lie, in messages that lie about them."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.wire.records import fitting, name_at, record_at, walk
from kuma_net.values import Malformed
from lab.messages import name_of
from lab.upstreams import address, record

HEAD = b"\0" * 12


def test_a_record_is_found_with_its_end_type_and_ttl() -> None:
    packet = HEAD + address(owner=name_of("a.example"), ttl=77)
    assert record_at(packet, 12) == (12, 23, 37, 1, 77)


def test_records_follow_each_other() -> None:
    packet = HEAD + name_of("a.example") + address() + record(16, b"\1x", ttl=5)
    assert list(walk(packet, 23, 2)) == [(23, 25, 39, 1, 300), (39, 41, 53, 16, 5)]


def test_an_owner_may_end_in_a_pointer() -> None:
    packet = HEAD + name_of("example") + address(owner=b"\1a\xc0\x0c")
    assert record_at(packet, 21) == (21, 25, 39, 1, 300)


def test_as_many_records_are_taken_as_fit() -> None:
    packet = HEAD + name_of("a.example") + address() * 3
    assert fitting(packet, 23, 3, 60) == (2, 55)
    assert fitting(packet, 23, 3, len(packet)) == (3, len(packet))


@pytest.mark.parametrize(
    ("packet", "wrong"),
    [
        (HEAD, "ends within"),
        (HEAD + b"\1a\0\0\1", "ends within"),
        (HEAD + b"\5a", "ends within"),
        (HEAD + b"\xc0", "ends within"),
        (HEAD + b"\1a\xc0", "ends within"),
        (HEAD + b"\xc0\x0c" + bytes(10), "forward"),
        (HEAD + b"\xff\xff" + bytes(10), "forward"),
        (HEAD + b"\1a\xc0\x0c" + bytes(10), "no name"),
        (HEAD + b"\x40" + bytes(80), "no name"),
        (HEAD + b"\x80" + bytes(80), "no name"),
        (HEAD + b"\1a" * 200 + bytes(11), "no name"),
        (HEAD + b"\0" + pack("!HHIH", 1, 1, 1, 5) + b"four", "longer than"),
    ],
)
def test_records_that_lie_are_refused(packet: bytes, wrong: str) -> None:
    with pytest.raises(Malformed, match=wrong):
        list(walk(packet, 12, 1))


def test_a_name_is_read_through_pointers_and_in_lower_case() -> None:
    packet = HEAD + name_of("Example.ORG") + b"\3WWW\xc0\x0c" + b"\1a\xc0\x19"
    assert name_at(packet, 25) == (name_of("www.example.org"), 31)
    assert name_at(packet, 31) == (name_of("a.www.example.org"), 35)
    assert name_at(packet, 12) == (name_of("example.org"), 25)


def test_the_root_is_a_name() -> None:
    assert name_at(HEAD + b"\0", 12) == (b"\0", 13)


@pytest.mark.parametrize(
    "name",
    [
        b"\xc0\x0c",
        b"\1a\xc0\x0c",
        b"\xc0\x20" + bytes(40),
        b"\1a",
        b"\xc0",
        b"\x40" + bytes(70),
        b"\1a" * 128 + b"\0",
    ],
)
def test_names_that_lead_astray_are_refused(name: bytes) -> None:
    with pytest.raises(Malformed, match="no name"):
        name_at(HEAD + name, 12)


def test_a_name_may_have_255_bytes_and_no_more() -> None:
    longest = b"\1a" * 127 + b"\0"
    assert name_at(HEAD + longest, 12) == (longest, 12 + 255)


def test_a_label_may_have_63_bytes() -> None:
    name = b"\x3f" + b"a" * 63 + b"\0"
    assert name_at(HEAD + name, 12) == (name, 12 + 65)
    assert record_at(HEAD + address(owner=name), 12)[1] == 12 + 65


def test_a_long_row_of_pointers_is_refused() -> None:
    row = b"\0" + b"".join([pack("!H", 0xC000 | 12 + max(0, 2 * n - 1)) for n in range(300)])
    assert name_at(HEAD + row, 12 + 1 + 2 * 200) == (b"\0", 12 + 1 + 2 * 201)
    with pytest.raises(Malformed):
        name_at(HEAD + row, 12 + 1 + 2 * 299)


@given(st.binary(max_size=80), st.integers(0, 90))
def test_any_bytes_are_a_name_or_malformed(packet: bytes, start: int) -> None:
    try:
        name, behind = name_at(packet, start)
    except Malformed:
        return
    assert start < behind <= len(packet)
    assert len(name) <= 255
    assert name == name.lower()
