"""What this process may do, from the texts of /proc."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.host.capabilities import effective, has_net_admin, is_mapped, maps

if TYPE_CHECKING:
    from pathlib import Path

STATUS = "Name:\tpython3\nCapPrm:\t000001ffffffffff\nCapEff:\t{}\nCapBnd:\t0000000000000000\n"


@pytest.mark.parametrize(
    ("mask", "allowed"),
    [("000001ffffffffff", True), ("0000000000001000", True), ("0000000000000fff", False)],
)
def test_net_admin_is_bit_twelve_of_the_effective_set(
    tmp_path: Path, mask: str, *, allowed: bool
) -> None:
    status = tmp_path / "status"
    status.write_text(STATUS.format(mask))
    assert has_net_admin(str(status)) is allowed


def test_without_proc_no_capability_is_claimed(tmp_path: Path) -> None:
    assert not has_net_admin(str(tmp_path / "status"))
    assert effective("Name:\tx\n") == 0


def test_the_initial_user_namespace_maps_every_user() -> None:
    assert maps("         0          0 4294967295\n", 4294967294)


def test_a_user_namespace_maps_only_its_ranges() -> None:
    uid_map = "0 100000 1000\n5678 5678 1\n"
    assert maps(uid_map, 999)
    assert maps(uid_map, 5678)
    assert not maps(uid_map, 1000)
    assert not maps(uid_map, 5679)


def test_a_kernel_without_user_namespaces_maps_every_user(tmp_path: Path) -> None:
    assert is_mapped(5678, str(tmp_path / "uid_map"))
    (tmp_path / "uid_map").write_text("0 0 1\n")
    assert not is_mapped(5678, str(tmp_path / "uid_map"))
