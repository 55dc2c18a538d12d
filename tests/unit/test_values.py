"""Values: text both ways, canonical forms, and agreement with the standard library."""

from __future__ import annotations

import ipaddress
import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kuma_net.values import (
    BOTH_FAMILIES,
    HIGHEST_ID,
    L4_PROTOS,
    Family,
    IdSet,
    InterfacePattern,
    L4Proto,
    Malformed,
    Network,
    PortSet,
    address_text,
    interval_text,
    join_intervals,
    parse_address,
    parse_interval,
    parse_number,
)

ports = st.integers(0, 65535)
intervals = st.tuples(ports, ports).map(lambda pair: (min(pair), max(pair)))
interval_lists = st.lists(intervals, max_size=12)


def members(pieces: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in pieces for number in range(first, last + 1)}


# --- names --------------------------------------------------------------------------------------


def test_families_and_protocols_print_as_people_write_them() -> None:
    assert [str(family) for family in BOTH_FAMILIES] == ["IPv4", "IPv6"]
    assert [str(proto) for proto in L4_PROTOS] == ["tcp", "udp"]
    assert (Family.IPV6.number, Family.IPV6.bits) == (10, 128)
    assert (L4Proto.TCP.number, L4Proto.UDP.number) == (6, 17)


def test_malformed_text_is_named_with_what_would_be_right() -> None:
    error = Malformed("8o", "not a port", "write 80")
    assert str(error) == "'8o': not a port; write 80"
    assert str(Malformed("8o", "not a port")) == "'8o': not a port"
    assert (error.piece, error.wrong, error.right) == ("8o", "not a port", "write 80")


# --- numbers and intervals ----------------------------------------------------------------------


@given(st.integers(0, HIGHEST_ID))
def test_numbers_within_bounds_are_read(number: int) -> None:
    assert parse_number(f" {number}\t", 0, HIGHEST_ID, "id") == number


@pytest.mark.parametrize("text", ["", " ", "-1", "+1", "1.0", "0x1", "1_0", "1 0", "a", "²", "٣"])
def test_what_is_no_decimal_number_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="not a port"):
        parse_number(text, 0, 65535, "port")


@pytest.mark.parametrize("text", ["65536", "4294967296", "99999999999", "9" * 5000])
def test_numbers_out_of_bounds_are_malformed(text: str) -> None:
    with pytest.raises(Malformed, match=r"no such port; a port is a whole number from 0 to 65535"):
        parse_number(text, 0, 65535, "port")


def test_a_number_below_the_lowest_is_malformed() -> None:
    with pytest.raises(Malformed, match="no such port"):
        parse_number("0", 1, 65535, "port")


@given(intervals)
def test_intervals_print_what_they_are_read_from(interval: tuple[int, int]) -> None:
    assert parse_interval(interval_text(interval), 0, 65535, "port") == interval


def test_an_interval_that_runs_backwards_is_malformed() -> None:
    with pytest.raises(Malformed, match=r"'9-3': the range runs backwards; write 3-9"):
        parse_interval("9-3", 0, 65535, "port")


def test_intervals_are_printed_with_the_separator_asked_for() -> None:
    assert interval_text((1, 5), ":") == "1:5"
    assert interval_text((5, 5), ":") == "5"


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8))
def test_joined_intervals_keep_the_members_and_stand_apart(pairs: list[tuple[int, int]]) -> None:
    pieces = [(min(pair), max(pair)) for pair in pairs]
    joined = join_intervals(pieces)
    assert members(list(joined)) == members(pieces)
    for (_, last), (first, _) in pairwise(joined):
        assert last + 1 < first


# --- sets ---------------------------------------------------------------------------------------


@given(interval_lists)
def test_port_sets_are_read_from_what_they_print(pieces: list[tuple[int, int]]) -> None:
    ports = PortSet.of(*pieces)
    assert PortSet.parse(str(ports)) == ports


@given(interval_lists)
def test_sets_with_the_same_members_are_equal(pieces: list[tuple[int, int]]) -> None:
    assert PortSet.of(*pieces) == PortSet.of(*reversed(pieces), *pieces)


@given(st.lists(intervals, max_size=3), st.lists(intervals, max_size=3), ports)
def test_a_union_has_the_members_of_both(
    left: list[tuple[int, int]], right: list[tuple[int, int]], port: int
) -> None:
    union = PortSet.of(*left).union(PortSet.of(*right))
    assert union == PortSet.of(*left, *right)
    assert (port in union) == (port in PortSet.of(*left) or port in PortSet.of(*right))


def test_sets_are_read_with_blanks_and_empty_items() -> None:
    assert PortSet.parse(" 443, 80 ,,8000 - 8999,") == PortSet.of(80, 443, (8000, 8999))
    assert PortSet.parse("") == PortSet()
    assert not PortSet.parse(" , ")


def test_adjacent_ports_print_as_a_range() -> None:
    assert str(PortSet.parse("3,1,2,9")) == "1-3,9"
    assert list(PortSet.parse("3,1,2,9")) == [(1, 3), (9, 9)]


def test_the_set_of_all_ports_has_them_all() -> None:
    assert str(PortSet.ALL) == "0-65535"
    assert 65535 in PortSet.ALL


@pytest.mark.parametrize("text", ["80,x", "65536", "80;443", "1-2-3", "-", "80-"])
def test_a_bad_item_spoils_the_set(text: str) -> None:
    with pytest.raises(Malformed):
        PortSet.parse(text)


def test_ids_go_to_the_highest_that_names_a_user() -> None:
    assert IdSet.parse("4294967294").intervals == ((HIGHEST_ID, HIGHEST_ID),)
    with pytest.raises(Malformed, match="no such user or group id"):
        IdSet.parse("4294967295")


# --- addresses and networks ---------------------------------------------------------------------

address_like = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded),
    st.text("0123456789abcdefABCDEF:.", max_size=24),
    st.lists(
        st.sampled_from(["", "0", "1", "00", "255", "256", "ffff", "12345", "g", "1.2.3.4"]),
        max_size=10,
    ).map(":".join),
    st.lists(st.sampled_from(["", "0", "01", "9", "255", "256", "-1", "1e"]), max_size=5).map(
        ".".join
    ),
    st.lists(st.sampled_from(["::", ":", "1", "f00", "1.2.3.4", "%", "/"]), max_size=8).map(
        "".join
    ),
)


def of_standard_library(text: str) -> tuple[int, int] | None:
    """Read a text with the module ipaddress: version and number, or None."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if getattr(address, "scope_id", None) is not None:
        return None
    return address.version, int(address)


@given(address_like)
@example("::")
@example(":::")
@example("1::2::3")
@example("1:2:3:4:5:6:7::")
@example("1:2:3:4:5:6:7:8::")
@example("::1:2:3:4:5:6:7:8")
@example("::1.2.3.4")
@example("1.2.3.4::")
@example("::1.2.3.256")
@example("1:2:3:4:5:6:7:1.2.3.4")
@example("1.2.3.04")
@example("1.2.3.٤")
@example("fe80::1%eth0")
@example("1.2.3")
@example("")
def test_addresses_are_those_of_the_standard_library(text: str) -> None:
    family = Family.IPV6 if ":" in text else Family.IPV4
    expected = of_standard_library(text)
    if expected is None:
        with pytest.raises(Malformed, match="not an IP address or network"):
            parse_address(text, family)
    else:
        assert (4 if family == Family.IPV4 else 6, parse_address(text, family)) == expected


@given(st.ip_addresses(v=4))
def test_ipv4_addresses_print_as_the_standard_library_does(address: ipaddress.IPv4Address) -> None:
    assert address_text(int(address), Family.IPV4) == str(address)


@given(
    st.one_of(
        st.ip_addresses(v=6),
        st.lists(st.sampled_from([0, 0, 1, 0xFFFF]), min_size=8, max_size=8).map(
            lambda groups: ipaddress.IPv6Address(b"".join(g.to_bytes(2, "big") for g in groups))
        ),
    )
)
def test_ipv6_addresses_print_as_the_standard_library_does(address: ipaddress.IPv6Address) -> None:
    text = address_text(int(address), Family.IPV6)
    assert parse_address(text, Family.IPV6) == int(address)
    if address.ipv4_mapped is None:  # these the standard library prints differently over time
        assert text == str(address)


def test_mapped_ipv4_addresses_print_as_dotted_quads() -> None:
    value = parse_address("::ffff:1.2.3.4", Family.IPV6)
    assert address_text(value, Family.IPV6) == "::ffff:1.2.3.4"


networks = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
    st.tuples(st.ip_addresses(v=6), st.integers(0, 128)),
).map(lambda pair: f"{pair[0]}/{pair[1]}")


@given(networks)
def test_networks_lose_their_host_bits_and_print_what_they_are(text: str) -> None:
    network = Network.parse(text)
    expected = ipaddress.ip_network(text, strict=False)
    assert network.address == int(expected.network_address)
    assert network.prefix == expected.prefixlen
    assert Network.parse(str(network)) == network


@given(networks, st.ip_addresses())
def test_a_network_contains_what_the_standard_library_says(
    text: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    network = Network.parse(text)
    expected = ipaddress.ip_network(text, strict=False)
    if expected.version == address.version:
        assert network.contains(int(address)) == (address in expected)
    assert network.contains(int(expected.broadcast_address))


def test_an_address_alone_is_a_network_of_one() -> None:
    assert str(Network.parse(" 10.1.2.3 ")) == "10.1.2.3/32"
    assert str(Network.parse("FD00::1")) == "fd00::1/128"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("10.0.0.0/33", "no such prefix length of IPv4"),
        ("::/129", "no such prefix length of IPv6"),
        ("10.0.0.0/", "not a prefix length of IPv4"),
        ("10.0.0.0/255.0.0.0", "not a prefix length of IPv4"),
        ("10.0.0.0/ 8", "a blank inside"),
        ("10.0.0.0 /8", "not an IP address or network"),
        ("localhost", "not an IP address or network"),
        ("", "not an IP address or network"),
        ("fe80::1%eth0/64", "not an IP address or network"),
    ],
)
def test_what_is_no_network_is_malformed(text: str, wrong: str) -> None:
    with pytest.raises(Malformed, match=re.escape(wrong)):
        Network.parse(text)


def test_networks_sort_by_family_address_and_width() -> None:
    texts = ["::/0", "10.0.0.0/16", "10.0.0.0/8", "9.0.0.0/8"]
    in_order = sorted((Network.parse(text) for text in texts), key=Network.sort_key)
    assert [str(network) for network in in_order] == [
        "9.0.0.0/8",
        "10.0.0.0/8",
        "10.0.0.0/16",
        "::/0",
    ]


# --- interfaces ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["eth0", "br+", "+", "a.100", "veth@x", "x" * 15, ".+", "zwölf"])
def test_interface_patterns_print_what_they_are_read_from(text: str) -> None:
    assert str(InterfacePattern.parse(f" {text} ")) == text


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "..", "a/b", "a:b", "a b", "a\tb", "a+b", "++", 'a"', "a\\", "eth*", "a\x00"],
)
def test_what_is_no_interface_name_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="not an interface name"):
        InterfacePattern.parse(text)


@pytest.mark.parametrize("text", ["x" * 16, "x" * 15 + "+", "ö" * 8])
def test_names_longer_than_the_kernel_keeps_are_malformed(text: str) -> None:
    with pytest.raises(Malformed, match="names have at most 15 bytes"):
        InterfacePattern.parse(text)


def test_a_pattern_covers_the_names_that_begin_with_it() -> None:
    bridges = InterfacePattern.parse("br+")
    assert bridges.matches("br-lan")
    assert bridges.matches("br")
    assert not bridges.matches("eth0")
    assert InterfacePattern.parse("+").matches("eth0")
    assert InterfacePattern.parse("eth0").matches("eth0")
    assert not InterfacePattern.parse("eth0").matches("eth01")
