"""The table: what is put in is found, nothing else is."""

from __future__ import annotations

import mmap
from ipaddress import IPv4Address, IPv6Address
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.names.table import ADDRESS, COLLIDES, DERIVED, KNOWN, REVERSE, Entry, Table, block_of
from kuma_dns.wire.name import key_of, reverse_of
from lab.messages import keys

entries = st.builds(
    Entry,
    ipv4=st.integers(0, 255).map(lambda count: bytes(4 * count)),
    ipv6=st.lists(st.binary(min_size=16, max_size=16), max_size=5).map(b"".join),
    flags=st.sampled_from([0, KNOWN, KNOWN | COLLIDES, REVERSE, KNOWN | DERIVED]),
    source=st.integers(0, 255),
    pointer=st.one_of(st.just(b""), keys()),
)
tables = st.dictionaries(keys(), entries, max_size=8)
ONE = Entry(b"\xf0\0\0\1", b"", KNOWN, 0, b"")


@given(tables, st.lists(keys(), max_size=10))
def test_what_is_put_in_is_found_and_nothing_else(
    records: dict[bytes, Entry], others: list[bytes]
) -> None:
    table = Table(block_of(records.items(), ttl=30))
    for key in (*records, *others):
        assert table.get(key) == records.get(key)
    assert list(table) == list(records.items())


@given(tables)
def test_the_short_way_to_addresses_is_the_long_one(records: dict[bytes, Entry]) -> None:
    table = Table(block_of(records.items(), ttl=30))
    for key, entry in records.items():
        clean = not entry.flags & COLLIDES
        assert table.addresses(key, ipv6=False) == (entry.ipv4 if clean else b"")
        assert table.addresses(key, ipv6=True) == (entry.ipv6 if clean else b"")
    assert table.addresses(b"\x05other\0", ipv6=False) == b""


def test_what_is_sought_in_vain_by_the_short_way_is_not_lost_to_the_long_one() -> None:
    address = bytes((240, 0, 0, 1))
    reverse = Entry(b"", b"", REVERSE, 0, key_of("a.mesh"))
    records = {key_of("a.mesh"): ONE, ADDRESS + address: reverse}
    table = Table(block_of(records.items(), ttl=30))
    sought = {key_of("b.mesh"): None, key_of("a.mesh"): ONE, reverse_of(address): reverse}
    for key, entry in sought.items():
        assert table.addresses(key, ipv6=False) == (entry.ipv4 if entry else b"")
        assert table.get(key) == entry


def test_names_of_the_same_hash_are_told_apart() -> None:
    one, two = key_of("hxcmqurip.mesh"), key_of("oxexryexh.mesh")
    assert crc32(one) == crc32(two)
    records = {one: ONE, two: ONE._replace(source=1)}
    table = Table(block_of(records.items(), ttl=30))
    assert [table.get(one), table.get(two)] == list(records.values())
    assert Table(block_of([(one, ONE)], ttl=30)).get(two) is None


@given(st.lists(st.ip_addresses(), min_size=1, max_size=8, unique=True))
def test_reverse_names_are_kept_under_their_addresses_and_found_by_name(
    addresses: list[IPv4Address | IPv6Address],
) -> None:
    entry = Entry(b"", b"", REVERSE, 0, key_of("a.mesh"))
    *some, other = [address.packed for address in addresses]
    table = Table(block_of([(ADDRESS + address, entry) for address in some], ttl=30))
    assert [table.get(reverse_of(address)) for address in some] == [entry] * len(some)
    assert table.get(reverse_of(other)) is None
    assert list(table) == [(reverse_of(address), entry) for address in some]
    assert table.names == 0


def test_a_reverse_name_may_be_a_name_like_any_other() -> None:
    name = key_of("1.0.0.240.in-addr.arpa")
    table = Table(block_of([(name, ONE)], ttl=30))
    assert table.get(name) == ONE
    assert table.get(key_of("2.0.0.240.in-addr.arpa")) is None
    assert table.get(key_of("01.0.0.240.in-addr.arpa")) is None
    assert table.get(key_of("0.0.240.in-addr.arpa")) is None


def test_a_table_may_be_empty() -> None:
    table = Table(block_of([], ttl=30))
    assert table.get(key_of("a.mesh")) is None
    assert (list(table), table.names, table.sources, table.labels) == ([], 0, (), {})


def test_a_table_tells_its_ttl_serial_sources_and_labels() -> None:
    block = block_of(
        [(key_of("a.mesh"), ONE)],
        ttl=7,
        serial=11,
        sources=("one", "zwölf"),
        labels={"zone": "east", "mesh": "default"},
    )
    table = Table(block)
    assert (table.ttl, table.serial, table.sources) == (7, 11, ("one", "zwölf"))
    assert table.labels == {"zone": "east", "mesh": "default"}


def test_only_names_that_a_source_has_are_counted() -> None:
    records = {
        key_of("a.mesh"): ONE,
        key_of("twice.mesh"): Entry(b"", b"", KNOWN | COLLIDES, 0, b""),
        key_of("other-spelling.mesh"): ONE._replace(flags=KNOWN | DERIVED),
        key_of("above.mesh"): Entry(b"", b"", 0, 0, b""),
        key_of("1.0.0.240.in-addr.arpa"): Entry(b"", b"", REVERSE, 0, key_of("a.mesh")),
    }
    assert Table(block_of(records.items(), ttl=30)).names == 2


@given(tables)
def test_the_same_names_make_the_same_bytes(records: dict[bytes, Entry]) -> None:
    assert block_of(records.items(), ttl=30) == block_of(list(records.items()), ttl=30)


def test_the_serial_number_changes_with_the_content_only() -> None:
    blocks = [
        block_of([(key_of("a.mesh"), ONE)], ttl=30),
        block_of([(key_of("a.mesh"), ONE)], ttl=31),
        block_of([(key_of("b.mesh"), ONE)], ttl=30),
        block_of([(key_of("a.mesh"), ONE._replace(ipv4=b"\xf0\0\0\2"))], ttl=30),
    ]
    assert len({Table(block).serial for block in blocks}) == 4
    assert len({Table(block).digest for block in blocks}) == 4
    assert all(Table(block).serial for block in blocks)


def test_a_table_may_lie_in_mapped_memory() -> None:
    block = block_of([(key_of("a.mesh"), ONE)], ttl=30, sources=("names",))
    with mmap.mmap(-1, len(block)) as mapped:
        mapped.write(block)
        table = Table(mapped)
        assert (table.get(key_of("a.mesh")), table.sources) == (ONE, ("names",))


def test_other_bytes_are_no_table() -> None:
    with pytest.raises(ValueError, match="no table: it begins with b'JUNK'"):
        Table(b"JUNK" + bytes(60))
