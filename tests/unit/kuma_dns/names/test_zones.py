"""Zones: which of them owns a name."""

from __future__ import annotations

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.names.zones import LONGEST_ZONE, Zones, zone_key
from kuma_dns.wire.name import is_within, key_of
from kuma_dns.wire.query import Query
from kuma_dns.wire.reply import reply, soa
from kuma_net.values import Malformed
from lab.messages import ask, keys

MESH, LOCAL = key_of("mesh"), key_of("mesh.local")


def test_without_a_choice_both_of_kumas_zones_are_ours() -> None:
    assert set(Zones().keys) == {MESH, LOCAL}


def test_a_name_belongs_to_the_zone_it_ends_in() -> None:
    zones = Zones()
    assert zones.of(key_of("a.b.mesh")) == zones.of(MESH) == MESH
    assert zones.of(key_of("x.mesh.local")) == LOCAL
    assert zones.of(key_of("notmesh")) is None
    assert zones.of(key_of("mesh.example")) is None
    assert zones.of(b"\0") is None


def test_bytes_of_a_zone_within_a_label_are_not_the_zone() -> None:
    assert Zones().of(b"\7xx\4mesh\0") is None


def test_of_zones_within_each_other_the_longest_owns_a_name() -> None:
    zones = Zones(("mesh", "east.mesh", "Mesh.", "b.east.mesh"))
    assert len(zones.keys) == 3
    assert zones.of(key_of("a.b.east.mesh")) == key_of("b.east.mesh")
    assert zones.of(key_of("c.east.mesh")) == key_of("east.mesh")
    assert zones.of(key_of("east2.mesh")) == MESH


def test_a_zone_that_is_no_name_is_refused() -> None:
    with pytest.raises(Malformed):
        Zones(("mesh", "not a zone"))


def test_a_zone_leaves_room_for_the_names_of_its_soa() -> None:
    longest = ".".join(["x" * 63] * 3 + ["x" * (LONGEST_ZONE - 3 * 64 - 2)])
    (zone,) = Zones((longest,)).keys
    assert len(zone) == LONGEST_ZONE
    packet = reply(Query(ask("a.mesh")), authority=soa(zone, 30, 1))
    assert len(dns.message.from_wire(packet).authority) == 1
    with pytest.raises(Malformed, match="the zone takes 245 bytes; 244 at most"):
        zone_key(longest + "x")


@given(keys(), st.lists(st.sampled_from(["mesh", "a", "b.a", "x.b.a"]), min_size=1))
def test_the_owner_is_the_longest_zone_around_a_name(key: bytes, names: list[str]) -> None:
    around = [zone for zone in map(key_of, names) if is_within(key, zone)]
    assert Zones(tuple(names)).of(key) == max(around, key=len, default=None)
