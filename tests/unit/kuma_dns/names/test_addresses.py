"""Addresses: packed and back, and what is none."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.names.addresses import address_of, addresses_of, each_text, packed
from kuma_dns.wire.name import IN_ADDR_ARPA, key_of, reverse_of
from kuma_net.values import Malformed

ipv4 = st.binary(min_size=4, max_size=4)
ipv6 = st.binary(min_size=16, max_size=16)


@given(st.one_of(ipv4, ipv6))
def test_every_address_is_read_as_the_standard_library_writes_it(raw: bytes) -> None:
    address = ipaddress.ip_address(raw)
    assert packed(address.exploded.upper()) == raw
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if mapped is None:
        assert packed(str(address)) == raw


@given(st.text(alphabet="0123456789abfg.:_+ -", max_size=24))
def test_a_text_is_an_address_exactly_if_the_standard_library_says_so(text: str) -> None:
    try:
        expected: bytes | None = ipaddress.ip_address(text).packed
    except ValueError:
        expected = None
    if "." in text and ":" in text:
        expected = None
    try:
        found: bytes | None = packed(text)
    except Malformed:
        found = None
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "1.2.3",
            "1.2.3.04",
            "1.2.3.256",
            "1.2.3.4.5",
            "1::2::3",
            ":::",
            ":",
            "1:2",
            "12345::",
        ],
        *[
            "1:2:3:4:5:6:7::8",
            ":1::2",
            "1::2:",
            "fe80::1%eth0",
            "1:2:3:4:5:6:7:8:9",
            "00000::1:1:1:1:1:1:1",
        ],
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        packed(text)
    assert (refused.value.piece, refused.value.wrong) == (text, "not an IP address")


@pytest.mark.parametrize(
    ("text", "right"),
    [("::ffff:1.2.3.4", "::ffff:102:304"), ("64:ff9b::240.0.0.1", "64:ff9b::f000:1")],
)
def test_dots_in_an_ipv6_address_are_refused_with_the_groups_to_write(
    text: str, right: str
) -> None:
    with pytest.raises(Malformed) as refused:
        packed(text)
    assert refused.value.right == f"write {right}"
    assert len(packed(right)) == 16


def test_neither_is_dots_and_colons_in_disorder() -> None:
    with pytest.raises(Malformed, match="not an IP address"):
        packed("1.2:3.4")


@given(st.lists(st.one_of(ipv4, ipv6), max_size=6))
def test_texts_are_read_back_family_by_family(raws: list[bytes]) -> None:
    four = b"".join([raw for raw in raws if len(raw) == 4])
    six = b"".join([raw for raw in raws if len(raw) == 16])
    texts = each_text(four, six)
    assert len(texts) == len(raws)
    assert addresses_of(texts) == (four, six)


def test_mapped_addresses_are_written_in_groups_as_kuma_does() -> None:
    assert each_text(b"", bytes(10) + b"\xff\xff\xf0\0\0\1") == ["::ffff:f000:1"]


@given(st.one_of(ipv4, ipv6))
def test_a_reverse_name_leads_back_to_its_address(raw: bytes) -> None:
    assert address_of(reverse_of(raw)) == raw


@pytest.mark.parametrize(
    "name",
    [
        *["arpa", "in-addr.arpa", "1.2.3.in-addr.arpa", "1.2.3.4.5.in-addr.arpa", "web.mesh"],
        *["01.2.3.4.in-addr.arpa", "256.2.3.4.in-addr.arpa", "ip6.arpa", "1.ip6.arpa"],
        *[".".join("0123456789abcdef" * 2) + "x.ip6.arpa", ".".join("g" * 32) + ".ip6.arpa"],
    ],
)
def test_other_names_are_the_reverse_of_nothing(name: str) -> None:
    assert address_of(key_of(name)) is None


def test_labels_of_two_digits_make_no_reverse_name_of_the_right_length() -> None:
    digits = ["12", *"3456789abcdef01", *"23456789abcdef0"]
    name = key_of(".".join(digits) + ".ip6.arpa")
    assert len(name) == len(reverse_of(bytes(16))) - 1
    longer = key_of(".".join([*digits[:-1], "10"]) + ".ip6.arpa")
    assert len(longer) == len(reverse_of(bytes(16)))
    assert address_of(longer) is None


def test_a_label_that_ends_like_the_reverse_zone_is_not_that_zone() -> None:
    front = b"\1" + b"1" + b"\1" + b"0" + b"\1" + b"0" + b"\3" + b"240"
    inside = IN_ADDR_ARPA[:-1]
    name = front + b"\1x" + bytes((len(inside) + 1,)) + b"x" + inside + b"\0"
    assert name.endswith(IN_ADDR_ARPA)
    assert address_of(name) is None
    assert address_of(front + IN_ADDR_ARPA) == b"\xf0\0\0\1"
