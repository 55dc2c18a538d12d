"""Which lock file iptables-legacy takes; our own lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.errors import HostError
from kuma_net.host.locks import NAMESPACE, Held, LockFile, xtables_lock

if TYPE_CHECKING:
    from pathlib import Path


def test_the_variable_is_honoured() -> None:
    assert xtables_lock({"XTABLES_LOCKFILE": "/x/y"}) == LockFile("/x/y")


def test_the_usual_file_is_used_where_it_can_be(tmp_path: Path) -> None:
    usual = str(tmp_path / "xtables.lock")
    assert xtables_lock({}, usual) == LockFile(usual)
    assert xtables_lock({"XTABLES_LOCKFILE": ""}, usual) == LockFile(usual)


def test_else_the_namespace_is_locked_and_that_is_said(tmp_path: Path) -> None:
    chosen = xtables_lock({}, str(tmp_path / "missing" / "xtables.lock"))
    assert chosen.path == NAMESPACE
    assert "No such file or directory" in chosen.note


def test_only_one_of_us_at_a_time() -> None:
    name = b"\0kuma-net/test-of-locks"
    with (
        Held(0, name),
        pytest.raises(HostError, match=r"another kuma-net .* waited 0\.05 s"),
        Held(0.05, name),
    ):
        pass
    with Held(0, name):
        pass
