"""Which file a runtime takes."""

from __future__ import annotations

import pytest

from kuma_cni.conflist.choose import before, choose, foreign, named, networks

GOOD = b'{"name": "a", "type": "bridge"}'
LIST = b'{"name": "a", "plugins": [{"type": "bridge"}]}'
OURS = b'{"name": "kuma-cni", "type": "kuma-cni"}'


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        ({}, None),
        ({"README": GOOD}, None),
        ({"10-b.conf": GOOD, "10-a.json": GOOD}, "10-a.json"),
        ({"10-a.conflist": LIST, "10-a.conf": GOOD}, "10-a.conf"),
        ({"10-a.conf": b"", "20-a.conflist": LIST}, "20-a.conflist"),
        # By bytes, as Go sorts: capitals come before small letters, digits before both.
        ({"a.conf": GOOD, "Z.conf": GOOD, "9.conf": GOOD}, "9.conf"),
        ({"a.conf": GOOD, "Z.conf": GOOD}, "Z.conf"),
        ({"10-a.conf.before-kuma-cni": GOOD, "10-a.conf.cilium_bak": GOOD}, None),
    ],
)
def test_the_first_good_one_by_name_is_taken(files: dict[str, bytes], taken: str | None) -> None:
    chosen = choose(networks(files))
    assert (chosen.name if chosen else None) == taken


def test_bad_ones_before_it_stand_in_containerds_way() -> None:
    found = networks({"10-a.conf": b"", "20-a.conf": GOOD, "30-a.conf": b""})
    assert [one.name for one in before(found, "20-a.conf")] == ["10-a.conf"]


def test_a_network_of_ours_alone_is_nobodys_primary() -> None:
    copied = LIST.replace(b"}]", b'}], "kuma_cni_copy_of": "x"')
    found = networks({"00-k.conf": OURS, "05-k.conflist": copied, "10-a.conf": GOOD})
    assert [one.name for one in foreign(found)] == ["10-a.conf"]


@pytest.mark.parametrize(
    ("asked", "there", "found"),
    [
        ("10-a.conf", ["10-a.conf", "10-a.conflist"], "10-a.conf"),
        ("10-a.conf", ["10-a.conflist"], "10-a.conflist"),
        ("10-a.conflist", ["10-a.conf"], "10-a.conf"),
        ("10-a.conflist", ["10-a.json"], "10-a.json"),
        ("10-a", ["10-a.conflist"], "10-a.conflist"),
        ("10-a.conf", ["10-b.conf"], None),
    ],
)
def test_a_name_means_the_other_ending_too(asked: str, there: list[str], found: str | None) -> None:
    network = named(networks(dict.fromkeys(there, GOOD)), asked)
    assert (network.name if network else None) == found
