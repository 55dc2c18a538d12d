"""The installer as a process, in every folder of the table: files in, files out, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.conf_scenarios import OURS, Scenario, scenarios
from lab.installer import Installer, Node

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SCENARIOS = [one for one in scenarios() if not one.waits][:16]


def parsed(files: Mapping[str, bytes]) -> dict[str, object]:
    """Files by what they say, our entry in few words; those that are no JSON by their bytes."""
    found: dict[str, object] = {}
    for name, text in files.items():
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_files_in_files_out_and_back(tmp_path: Path, scenario: Scenario) -> None:
    node = Node(tmp_path, CNI_NETWORK_CONFIG=json.dumps({**OURS, "log_socket": ""}))
    node.environ |= {"SLEEP": "false", "KUMA_CNI_LOG_FILE": "off", **scenario.settings}
    node.put(scenario.before)
    once = Installer(node)
    assert once.run() == 0, once.text()
    assert sorted(node.files()) == sorted(scenario.after)
    assert (node.bin / "kuma-cni").stat().st_mode & 0o777 == 0o755
    check = Installer(node, "check")
    assert check.run() == 0, check.text()
    assert Installer(node, "uninstall").run() == 0
    if scenario.removed == scenario.before:
        assert node.files() == scenario.before
    assert parsed(node.files()) == parsed(scenario.removed)
    assert list(node.bin.iterdir()) == []
