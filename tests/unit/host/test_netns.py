"""Wrong places for a network namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.errors import ConfigError
from kuma_net.host.netns import entered, identity

if TYPE_CHECKING:
    from pathlib import Path


def test_a_missing_file_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"netns: .* not a network namespace: No such file"):
        entered(str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="embedded null"):
        entered("a\0b")


def test_a_missing_process_is_the_callers_mistake() -> None:
    with pytest.raises(ConfigError, match=r"pid: '4194305' .*no network namespace of a process"):
        entered(4194305)


def test_a_file_that_is_no_namespace_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="Invalid argument"), entered(str(tmp_path / "file")):
        pass


def test_a_namespace_is_itself() -> None:
    assert identity() == identity("/proc/self/ns/net")
