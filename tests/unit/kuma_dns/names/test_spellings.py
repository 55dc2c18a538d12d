"""Other spellings of names."""

from __future__ import annotations

import pytest
from hypothesis import given

from kuma_dns.names.spellings import spellings
from kuma_dns.wire.name import is_within, key_of, text_of
from lab.messages import keys

MESH = key_of("mesh")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("frontend-api_kuma-demo_svc_8080.mesh", "frontend-api.kuma-demo.svc.8080.mesh"),
        ("a_b.c_d.mesh", "a.b.c.d.mesh"),
        ("web-0.web.mesh", "web.web-0.mesh"),
        ("web.web-0.mesh", "web-0.web.mesh"),
        ("web-7d4b9-x2x.web.mesh", "web.web-7d4b9-x2x.mesh"),
    ],
)
def test_names_of_services_and_instances_have_another_spelling(name: str, other: str) -> None:
    assert [text_of(key) for key in spellings(key_of(name), MESH)] == [other]


def test_as_many_labels_as_a_name_may_have_are_derived() -> None:
    name = "_".join("a" * 30) + ".b_c.mesh"
    assert spellings(key_of(name), MESH) == (key_of(name.replace("_", ".")),)


@pytest.mark.parametrize(
    "name",
    [
        "mesh",
        "backend.mesh",
        "frontend-api.kuma-demo.svc.8080.mesh",
        "web.shop.mesh",
        "web0.web.mesh",
        "web.web.mesh",
        "web-0.web.ns.mesh",
        "_sip.mesh",
        "a__b.mesh",
        "a_-b.mesh",
        "a-_b.mesh",
        "a_.mesh",
        "_".join("a" * 31) + ".b_c.mesh",
    ],
)
def test_nothing_else_is_derived(name: str) -> None:
    assert spellings(key_of(name), MESH) == ()


def test_underscores_of_the_zone_itself_stay() -> None:
    zone = key_of("my_mesh")
    assert spellings(key_of("a_b.my_mesh"), zone) == (key_of("a.b.my_mesh"),)
    assert spellings(key_of("a.my_mesh"), zone) == ()


@given(keys())
def test_a_spelling_is_another_name_in_the_same_zone(key: bytes) -> None:
    if len(key) + len(MESH) > 255:
        return
    name = key[:-1] + MESH
    for other in spellings(name, MESH):
        assert other != name
        assert is_within(other, MESH)
        assert len(other) == len(name)
