"""Keys of many names, and addresses gathered by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.names.gathering import MOST_LABELS, Gathering, Keys, checked_key
from kuma_dns.names.source import Complaints
from kuma_dns.names.table import MOST_ADDRESSES
from kuma_dns.wire.name import key_of
from kuma_net.values import Malformed

names = st.lists(
    st.text(alphabet="abAB01-_. é\u212a\ud800", max_size=70)
    | st.sampled_from(["a" * 63, "a" * 64, ".".join(["a" * 49] * 5)]),
    min_size=1,
    max_size=4,
).map(".".join)


def outcome(read: object, name: str) -> bytes | str:
    assert callable(read)
    try:
        return bytes(read(name))
    except Malformed as refused:
        return str(refused)


@given(st.lists(names, max_size=6))
def test_the_short_way_to_keys_gives_what_the_long_one_gives(some: list[str]) -> None:
    keys = Keys()
    for name in [*some, *some, *[f"x.{name}" for name in some]]:
        assert outcome(keys.of, name) == outcome(checked_key, name)


@pytest.mark.parametrize("label", ["a-", "-a", "-", "é", "a b", "a" * 64, ""])
def test_a_label_that_is_none_is_refused_although_the_rest_was_seen(label: str) -> None:
    keys = Keys()
    keys.of("a.mesh")
    with pytest.raises(Malformed):
        keys.of(f"{label}.mesh")


def test_a_name_that_is_too_long_is_refused_although_its_rest_was_seen() -> None:
    keys = Keys()
    rest = ".".join(["a" * 49] * 4)
    assert keys.of(f"b.{rest}") == key_of(f"b.{rest}")
    with pytest.raises(Malformed, match="the name has"):
        keys.of(f"{'c' * 60}.{rest}")


def test_a_name_has_at_most_so_many_labels() -> None:
    deep = ".".join(["a"] * MOST_LABELS)
    keys = Keys()
    for name in (deep, deep + ".", deep):
        assert keys.of(name) == key_of(name)
    for name in (f"b.{deep}", f"b.{deep}", f"c.b.{deep}"):
        with pytest.raises(Malformed, match="more than 32 labels"):
            keys.of(name)


def test_a_name_of_any_length_is_refused_at_once() -> None:
    with pytest.raises(Malformed, match="the name has 4000000 characters"):
        checked_key("a." * 2_000_000)


def test_only_so_many_tails_are_remembered() -> None:
    keys = Keys()
    for number in range(20_005):
        assert keys.of(f"a.t{number}") == key_of(f"a.t{number}")
    assert keys.of("b.t20004") == key_of("b.t20004")


def test_addresses_are_gathered_in_order_each_once() -> None:
    complaints = Complaints("")
    gathering = Gathering(complaints)
    for name, address in [("a", b"\1\1\1\1"), ("b", b"\3\3\3\3"), ("A", b"\2\2\2\2")]:
        gathering.add("", name, address)
    gathering.add("", "a", b"\1\1\1\1")
    gathering.add("", "a", bytes(16))
    assert gathering.records() == [
        (b"\1a\0", b"\1\1\1\1\2\2\2\2", bytes(16)),
        (b"\1b\0", b"\3\3\3\3", b""),
    ]
    assert complaints.count == 0


def test_too_many_addresses_and_names_that_are_none_are_told() -> None:
    complaints = Complaints("")
    gathering = Gathering(complaints)
    for number in range(MOST_ADDRESSES + 1):
        gathering.add(f"line {number}", "a", bytes((1, 1, 1, number)))
    gathering.add("again", "a", bytes((1, 1, 1, 0)))
    gathering.add("line x", "a..b", bytes(4))
    assert [(told.path, told.wrong) for told in complaints.violations] == [
        ("line 255", "more than 255 addresses of one family"),
        ("line x", "a label is empty"),
    ]
    ((_, ipv4, _),) = gathering.records()
    assert len(ipv4) == 4 * MOST_ADDRESSES
