"""Zones: which of them owns a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_dns.names.zones import Zones
from kuma_dns.wire.name import is_within, key_of
from kuma_net.values import Malformed
from lab.messages import keys

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


@given(keys(), st.lists(st.sampled_from(["mesh", "a", "b.a", "x.b.a"]), min_size=1))
def test_the_owner_is_the_longest_zone_around_a_name(key: bytes, names: list[str]) -> None:
    around = [zone for zone in map(key_of, names) if is_within(key, zone)]
    assert Zones(tuple(names)).of(key) == max(around, key=len, default=None)
