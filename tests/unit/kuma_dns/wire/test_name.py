"""Names: text both ways, and agreement with dnspython about what is within what."""

from __future__ import annotations

import ipaddress

import dns.name
import dns.reversename
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.wire.name import (
    LONGEST_NAME,
    is_within,
    key_of,
    labels,
    parents,
    reverse_of,
    text_of,
    without,
)
from kuma_net.values import Malformed

MESH = b"\4mesh\0"
host_labels = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True)
host_names = st.lists(host_labels, min_size=1, max_size=6).map(".".join)
raw_labels = st.lists(st.binary(min_size=1, max_size=20), max_size=5)


def wire(parts: list[bytes]) -> bytes:
    return b"".join([bytes((len(part),)) + part for part in parts]) + b"\0"


# --- text ---------------------------------------------------------------------------------------


def test_a_name_becomes_labels_in_lower_case_behind_their_lengths() -> None:
    assert key_of("Frontend-API_kuma-demo_svc_8080.Mesh") == (
        b"\x1ffrontend-api_kuma-demo_svc_8080\4mesh\0"
    )
    assert key_of("backend.mesh.") == key_of("backend.mesh") == b"\7backend\4mesh\0"


@given(host_names)
def test_names_come_back_as_they_were_written(text: str) -> None:
    assert text_of(key_of(text.upper())) == text


@given(host_names)
def test_keys_are_what_dnspython_makes_of_the_text(text: str) -> None:
    assert key_of(text) == dns.name.from_text(text).to_wire()


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "a label is empty"),
        (".", "a label is empty"),
        ("a..mesh", "a label is empty"),
        ("a.mesh..", "a label is empty"),
        ("x" * 64 + ".mesh", "the label has 64 bytes"),
        ("a b.mesh", "not the label of a host"),
        ("-a.mesh", "not the label of a host"),
        ("a-.mesh", "not the label of a host"),
        ("-.mesh", "not the label of a host"),
        ("*.mesh", "not the label of a host"),
        ("ä.mesh", "not the label of a host"),
        ("\N{KELVIN SIGN}.mesh", "not the label of a host"),
        ("\ud800.mesh", "not the label of a host"),
    ],
)
def test_a_text_that_is_no_host_name_is_refused_with_the_label(text: str, wrong: str) -> None:
    with pytest.raises(Malformed) as caught:
        key_of(text)
    assert caught.value.wrong == wrong


def test_underscores_may_stand_anywhere_even_alone() -> None:
    assert key_of("_.mesh") == b"\1_\4mesh\0"
    assert key_of("_-_.mesh") == b"\3_-_\4mesh\0"


def test_a_name_may_take_255_bytes_and_no_more() -> None:
    longest = ".".join(["x" * 63] * 3 + ["x" * 61])
    assert len(key_of(longest)) == LONGEST_NAME
    with pytest.raises(Malformed) as caught:
        key_of(longest + "x")
    assert caught.value.wrong == "the name takes 256 bytes"


@given(st.text())
def test_any_text_is_a_name_or_malformed(text: str) -> None:
    try:
        key = key_of(text)
    except Malformed:
        return
    assert key == key_of(text_of(key))


def test_bytes_that_are_no_plain_characters_are_shown_by_their_number() -> None:
    assert text_of(b"\5a.b\\\xff\0") == "a\\046b\\092\\255"
    assert text_of(b"\0") == "."


@given(raw_labels.filter(bool))
def test_what_is_shown_is_read_back_by_dnspython(parts: list[bytes]) -> None:
    assert dns.name.from_text(text_of(wire(parts)) + ".").to_wire() == wire(parts)


# --- above and below ----------------------------------------------------------------------------


@given(raw_labels)
def test_labels_and_parents_take_a_name_apart(parts: list[bytes]) -> None:
    assert list(labels(wire(parts))) == parts
    above = [wire(parts[at:]) for at in range(1, len(parts))]
    assert list(parents(wire(parts))) == above


def test_a_name_is_within_itself_and_what_is_above_it() -> None:
    name = b"\1x\7backend\4mesh\0"
    assert is_within(name, name)
    assert is_within(name, MESH)
    assert is_within(name, b"\0")
    assert not is_within(MESH, name)
    assert not is_within(name, b"\5mesh2\0")


def test_bytes_that_look_like_a_zone_inside_a_label_are_no_zone() -> None:
    assert b"\7xx\4mesh\0".endswith(MESH)
    assert not is_within(b"\7xx\4mesh\0", MESH)


@given(raw_labels, raw_labels)
def test_within_means_to_dnspython_what_it_means_to_us(one: list[bytes], two: list[bytes]) -> None:
    lower = [[part.lower() for part in parts] for parts in (one, two)]
    for parts in (lower[0] + lower[1], lower[0]):
        expected = dns.name.Name([*parts, b""]).is_subdomain(dns.name.Name([*lower[1], b""]))
        assert is_within(wire(parts), wire(lower[1])) == expected


def test_what_stands_before_a_suffix_is_a_name_of_its_own() -> None:
    assert without(key_of("backend.mesh.svc.local"), key_of("svc.local")) == key_of("backend.mesh")


# --- addresses ----------------------------------------------------------------------------------


@given(st.ip_addresses())
def test_reverse_names_are_those_that_dnspython_asks_for(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    asked = dns.reversename.from_address(str(address))
    if getattr(address, "ipv4_mapped", None) is None:  # dnspython makes IPv4 of these
        assert reverse_of(address.packed) == asked.to_wire()


def test_mapped_addresses_are_reversed_as_ipv6() -> None:
    packed = ipaddress.ip_address("::ffff:240.0.0.1").packed
    assert text_of(reverse_of(packed)) == "1.0.0.0.0.0.0.f.f.f.f.f" + ".0" * 20 + ".ip6.arpa"
