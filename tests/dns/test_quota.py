"""Rationed processor time is seen in the files of either version of cgroups."""

from __future__ import annotations

from pathlib import Path

import pytest

from kuma_dns.server.quota import is_rationed


@pytest.mark.parametrize(
    ("name", "text", "rationed"),
    [
        ("cpu.max", "max 100000\n", False),
        ("cpu.max", "50000 100000\n", True),
        ("cpu.max", "", False),
        ("cpu/cpu.cfs_quota_us", "-1\n", False),
        ("cpu/cpu.cfs_quota_us", "20000\n", True),
    ],
)
def test_a_quota_is_a_ration(tmp_path: Path, name: str, text: str, rationed: bool) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    assert is_rationed(tmp_path) is rationed


def test_without_cgroups_there_is_none(tmp_path: Path) -> None:
    assert not is_rationed(tmp_path)
