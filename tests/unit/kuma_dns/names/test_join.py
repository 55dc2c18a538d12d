"""All sources together."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.names.addresses import addresses_of, each_text
from kuma_dns.names.join import DEFAULT_TTL, Joined
from kuma_dns.names.source import Names
from kuma_dns.names.spellings import spellings
from kuma_dns.names.table import COLLIDES, DERIVED, KNOWN, REVERSE, Table
from kuma_dns.names.zones import Zones
from kuma_dns.wire.name import key_of, parents, reverse_of, text_of
from lab.messages import keys

ZONES = Zones()


def said(source: str = "file x", **addresses: str) -> Names:
    """Return a source; names are written with ``__`` for dots and ``_`` for ``-``."""
    records = [
        (key_of(name.replace("__", ".").replace("_", "-")), *addresses_of(texts.split()))
        for name, texts in addresses.items()
    ]
    return Names(source, records)


def texts(joined: Joined) -> dict[str, str]:
    """Return what is served of A and AAAA: name to addresses, or what it is instead."""
    table = Table(joined.block())
    told = {}
    for key, (ipv4, ipv6, flags, _, pointer) in table:
        shown = " ".join(each_text(ipv4, ipv6))
        if flags & COLLIDES:
            shown = "collides"
        elif flags & REVERSE:
            shown = text_of(pointer)
        elif not flags & KNOWN:
            shown = "empty"
        told[text_of(key)] = shown
    return told


def complaints(joined: Joined) -> list[str]:
    return [str(violation) for violation in joined.violations.violations]


def test_names_of_all_sources_are_served_with_the_names_above_and_the_reverse_ones() -> None:
    joined = Joined([said(a__svc__mesh="240.0.0.1"), said("hosts", b="::1")], ZONES)
    assert texts(joined) == {
        "b": "::1",
        "a.svc.mesh": "240.0.0.1",
        "svc.mesh": "empty",
        "1.0.0.240.in-addr.arpa": "a.svc.mesh",
        f"1.{'0.' * 31}ip6.arpa": "b",
    }
    assert complaints(joined) == []
    table = Table(joined.block())
    assert (table.sources, table.names, table.ttl) == (("file x", "hosts"), 2, DEFAULT_TTL)
    found = table.get(key_of("b"))
    assert found is not None
    assert found.source == 1


def test_no_names_above_outside_our_zones_nor_the_zones_themselves() -> None:
    zones = Zones(("mesh", "b.c.mesh"))
    names = said(x__y__com="1.1.1.1", x__b__c__mesh="1.1.1.1", mesh="1.1.1.1")
    joined = Joined([names], zones)
    assert {text_of(key) for key in joined.empty} == {"c.mesh"}


def test_a_name_that_is_known_is_not_empty_because_another_is_below_it() -> None:
    joined = Joined([said(a__b__mesh="1.1.1.1", b__mesh="1.1.1.2")], ZONES)
    assert joined.empty == set()


def test_the_same_name_with_the_same_addresses_is_no_collision() -> None:
    joined = Joined([said(a__mesh="1.1.1.1 1.1.1.2"), said("y", a__mesh="1.1.1.2 1.1.1.1")], ZONES)
    assert joined.known == {key_of("a.mesh"): (b"\1\1\1\1\1\1\1\2", b"", KNOWN, 0)}
    assert complaints(joined) == []


def test_an_address_that_is_told_twice_is_served_once() -> None:
    joined = Joined([said(a__mesh="1.1.1.2 1.1.1.1 1.1.1.2 ::1 ::1")], ZONES)
    assert joined.known == {key_of("a.mesh"): (b"\1\1\1\2\1\1\1\1", bytes(15) + b"\1", KNOWN, 0)}


def test_two_records_that_contradict_each_other_collide_and_all_others_are_served() -> None:
    sources = [
        said(a__mesh="1.1.1.1", b__mesh="1.1.1.3"),
        said("y", a__mesh="1.1.1.2"),
        said("z", a__mesh="1.1.1.4"),
    ]
    joined = Joined(sources, ZONES)
    assert texts(joined) == {
        "a.mesh": "collides",
        "b.mesh": "1.1.1.3",
        "3.1.1.1.in-addr.arpa": "b.mesh",
    }
    (told,) = complaints(joined)
    assert told.startswith("a.mesh: is 1.1.1.1 (file x) and 1.1.1.2 (y): not served; ")


def test_to_have_no_address_of_a_family_contradicts_having_one() -> None:
    joined = Joined([said(a__mesh=""), said("y", a__mesh="::1")], ZONES)
    assert complaints(joined)[0].startswith("a.mesh: is without addresses (file x) and ::1 (y)")


def service(name: str, address: str, source: str = "file x") -> Names:
    return Names(source, [(key_of(name), *addresses_of([address]))])


def test_other_spellings_are_served_but_have_no_reverse_name() -> None:
    joined = Joined([service("a_b_svc_80.mesh", "240.0.0.1")], ZONES)
    assert texts(joined) == {
        "a_b_svc_80.mesh": "240.0.0.1",
        "a.b.svc.80.mesh": "240.0.0.1",
        "b.svc.80.mesh": "empty",
        "svc.80.mesh": "empty",
        "80.mesh": "empty",
        "1.0.0.240.in-addr.arpa": "a_b_svc_80.mesh",
    }
    table = Table(joined.block())
    other = table.get(key_of("a.b.svc.80.mesh"))
    assert other is not None
    assert other.flags == KNOWN | DERIVED
    assert table.names == 1


def test_nothing_is_derived_outside_our_zones() -> None:
    joined = Joined([service("a_b.com", "240.0.0.1"), service("mesh", "240.0.0.2")], ZONES)
    assert joined.derived == {}


def test_a_record_wins_over_a_spelling_that_says_something_else() -> None:
    sources = [service("a_b.mesh", "1.1.1.1"), service("a.b.mesh", "1.1.1.2", "y")]
    for some in permutations(sources):
        joined = Joined(some, ZONES)
        assert texts(joined)["a.b.mesh"] == "1.1.1.2"
        assert complaints(joined) == []
        (warning,) = joined.warnings.violations
        assert str(warning) == (
            "a.b.mesh: spelling of a_b.mesh, but y differs; the record is served"
        )


def test_a_record_that_says_what_the_spelling_says_is_worth_no_word() -> None:
    joined = Joined([service("a_b.mesh", "1.1.1.1"), service("a.b.mesh", "1.1.1.1")], ZONES)
    assert joined.warnings.count == 0
    assert joined.derived == {}


def test_two_spellings_that_contradict_each_other_collide() -> None:
    sources = [
        service("a_b_c.mesh", "1.1.1.1"),
        service("a_b.c.mesh", "1.1.1.2", "y"),
        service("a.b_c.mesh", "1.1.1.3", "z"),
    ]
    joined = Joined(sources, ZONES)
    assert texts(joined)["a.b.c.mesh"] == "collides"
    (told,) = complaints(joined)
    assert told.startswith("a.b.c.mesh: is 1.1.1.1 (file x) and 1.1.1.2 (y): not served; ")


def test_two_spellings_that_agree_are_one() -> None:
    joined = Joined([service("a_b_c.mesh", "1.1.1.1"), service("a_b.c.mesh", "1.1.1.1")], ZONES)
    assert texts(joined)["a.b.c.mesh"] == "1.1.1.1"
    assert complaints(joined) == []


def test_the_spelling_of_a_name_that_collides_collides() -> None:
    sources = [service("a_b.mesh", "1.1.1.1"), service("a_b.mesh", "1.1.1.2", "y")]
    assert texts(Joined(sources, ZONES))["a.b.mesh"] == "collides"
    more = [*sources, service("a.b.mesh", "1.1.1.3", "z")]
    joined = Joined(more, ZONES)
    assert texts(joined)["a.b.mesh"] == "1.1.1.3"
    assert joined.warnings.count == 0


def test_the_reverse_name_leads_to_the_first_name_in_order() -> None:
    sources = [
        said(zz__mesh="1.1.1.1 ::ffff:101:101"),
        said(aaa__mesh="1.1.1.1", m__mesh="1.1.1.1"),
    ]
    for some in permutations(sources):
        told = texts(Joined(some, ZONES))
        assert told["1.1.1.1.in-addr.arpa"] == "aaa.mesh"
        assert told[text_of(reverse_of(bytes(10) + b"\xff\xff\1\1\1\1"))] == "zz.mesh"


def test_the_shortest_ttl_holds_and_the_first_label() -> None:
    one, two, three = Names("x", ttl=60), Names("y", ttl=20), Names("z")
    one.labels, two.labels = {"zone": "east"}, {"zone": "west", "mesh": "m"}
    joined = Joined([one, two, three], ZONES, 10)
    assert (joined.ttl, joined.labels) == (20, {"zone": "east", "mesh": "m"})
    assert Joined([three], ZONES, 10).ttl == 10


addresses = st.lists(st.sampled_from(["1.1.1.1", "1.1.1.2", "::1", "::ffff:101:101"]), max_size=3)
labels_ = st.sampled_from(["a", "a-0", "a_b", "b", "a.b", "a.a-0", "c"])
records = st.lists(
    st.tuples(
        st.tuples(labels_, st.sampled_from(["mesh", "b.mesh", "com", "mesh.local"])).map(".".join),
        addresses,
    ),
    max_size=8,
)


@given(st.lists(records, max_size=3), st.randoms())
def test_the_order_of_records_changes_nothing(
    sources: list[list[tuple[str, list[str]]]], random: object
) -> None:
    def names(shuffled: bool) -> list[Names]:
        all_names = []
        for number, some in enumerate(sources):
            given_ = [(key_of(name), *addresses_of(sorted(set(ips)))) for name, ips in some]
            if shuffled:
                random.shuffle(given_)  # type: ignore[attr-defined]  # hypothesis' Random
            all_names.append(Names(f"source {number}", given_))
        return all_names

    assert (
        Joined(names(shuffled=False), ZONES).block() == Joined(names(shuffled=True), ZONES).block()
    )


@given(st.dictionaries(keys(), st.binary(min_size=4, max_size=4), max_size=12))
def test_the_table_holds_exactly_what_follows_from_the_records(given_: dict[bytes, bytes]) -> None:
    zone = key_of("mesh")
    inside = {key[:-1] + zone: address for key, address in given_.items() if len(key) < 200}
    joined = Joined([Names("x", [(key, ip, b"") for key, ip in inside.items()])], ZONES)
    table = Table(joined.block())
    derived = {other for key in inside for other in spellings(key, zone)} - inside.keys()
    above = (
        {parent for key in (*inside, *derived) for parent in parents(key) if parent != zone}
        - inside.keys()
        - derived
    )
    reverse = {reverse_of(address) for address in inside.values()}
    assert {key for key, _ in table} == inside.keys() | derived | above | reverse
    for key, address in inside.items():
        assert table.get(key) == (address, b"", KNOWN, 0, b"")
        pointer = table.get(reverse_of(address))
        assert pointer is not None
        same = [other for other, ip in inside.items() if ip == address]
        assert pointer.pointer == min(same, key=text_of)
