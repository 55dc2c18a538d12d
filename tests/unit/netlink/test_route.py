"""rtnetlink bytes, both ways."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.netlink import route
from kuma_net.netlink.message import attribute, nested
from kuma_net.netlink.route import Link, LinkAddress
from kuma_net.values import Family

U32 = st.integers(0, 2**32 - 1)
NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=15)


@st.composite
def link_addresses(draw: st.DrawFn) -> LinkAddress:
    family = draw(st.sampled_from([Family.IPV4, Family.IPV6]))
    return LinkAddress(
        family,
        draw(st.integers(0, 2**31 - 1)),
        draw(st.integers(0, 2**family.bits - 1)),
        draw(st.integers(0, family.bits)),
        draw(U32),
        draw(U32),
    )


@given(st.builds(Link, st.integers(0, 2**31 - 1), NAMES, U32))
def test_a_link_comes_back_from_its_bytes(link: Link) -> None:
    assert route.read_link(route.link_body(link)) == link


@given(link_addresses())
def test_an_address_comes_back_from_its_bytes(address: LinkAddress) -> None:
    assert route.read_address(route.address_body(address)) == address


def test_only_the_loopback_flag_makes_a_loopback_interface() -> None:
    assert Link(1, "lo", route.IFF_LOOPBACK | route.IFF_UP).loopback
    assert not Link(2, "eth0", route.IFF_UP).loopback


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({10: {2: bytes(240)}}, True),
        ({2: {1: bytes(4)}, 10: {2: bytes(240)}}, True),
        ({10: {2: bytes(26 * 4) + pack("=i", 1) + bytes(20)}}, False),
        ({10: {2: bytes(26 * 4)}}, False),
        ({10: {}}, False),
        ({2: {1: bytes(4)}}, False),
    ],
)
def test_a_link_takes_part_in_ipv6_unless_its_settings_switch_it_off(
    settings: dict[int, dict[int, bytes]], expected: bool
) -> None:
    families = [
        nested(family, *[attribute(kind, value) for kind, value in inner.items()])
        for family, inner in settings.items()
    ]
    body = route.link_body(Link(2, "eth0", route.IFF_UP))
    found = route.read_link(body + nested(route.IFLA_AF_SPEC, *families))
    assert found == Link(2, "eth0", route.IFF_UP, ipv6=expected)
    assert found.up


def test_the_question_for_links_names_none() -> None:
    assert route.links_question() == bytes(16)


def test_an_address_of_an_unknown_family_is_passed_over() -> None:
    assert route.read_address(b"\x11" + bytes(7)) is None


def test_without_the_wide_flags_the_narrow_ones_count() -> None:
    body = bytes([10, 128, 0x80, 0]) + (1).to_bytes(4, "little")
    found = route.read_address(body + attribute(route.IFA_ADDRESS, bytes(15) + b"\1"))
    assert found is not None
    assert (str(found), found.flags, found.metric) == ("::1/128", 0x80, 0)


def test_on_a_line_with_two_ends_ours_is_the_local_one() -> None:
    near, far = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
    body = bytes([2, 32, 0, 0]) + (3).to_bytes(4, "little")
    body += attribute(route.IFA_ADDRESS, far) + attribute(route.IFA_LOCAL, near)
    found = route.read_address(body)
    assert found is not None
    assert str(found) == "10.0.0.1/32"


def test_the_question_for_addresses_names_the_family() -> None:
    assert route.addresses_question(Family.IPV6) == b"\x0a" + bytes(7)
