"""Which versions there are, and which verb came with which."""

from __future__ import annotations

import pytest

from kuma_cni.spec.problem import CniError
from kuma_cni.spec.versions import VERSIONS, at_least, check_version


def test_versions_are_ordered_as_they_were_published() -> None:
    assert at_least("1.1.0", "0.4.0")
    assert at_least("0.4.0", "0.4.0")
    assert not at_least("0.3.1", "0.4.0")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_has_add_and_del(version: str) -> None:
    check_version(version, "ADD")
    check_version(version, "DEL")


@pytest.mark.parametrize(
    ("verb", "first", "too_old"),
    [("CHECK", "0.4.0", "0.3.1"), ("GC", "1.1.0", "1.0.0"), ("STATUS", "1.1.0", "1.0.0")],
)
def test_later_verbs_need_a_later_version(verb: str, first: str, too_old: str) -> None:
    check_version(first, verb)
    with pytest.raises(CniError, match=f"CNI {too_old} has no {verb}") as caught:
        check_version(too_old, verb)
    assert caught.value.code == 1
    assert first in caught.value.details


@pytest.mark.parametrize("version", ["", "1", "1.0", "v1.0.0", "2.0.0", "1.0.0 ", "x" * 5000])
def test_any_other_version_is_refused_and_the_right_ones_are_named(version: str) -> None:
    with pytest.raises(CniError, match="not supported") as caught:
        check_version(version, "ADD")
    assert caught.value.code == 1
    assert "0.3.1" in caught.value.details
    assert len(caught.value.details) < 200
