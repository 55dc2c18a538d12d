"""What the repair does when nobody says anything."""

from __future__ import annotations

from kuma_cni.cri.grpc import PATIENCE as RUNTIME_PATIENCE
from kuma_cni.kubernetes.api import PATIENCE as API_PATIENCE
from kuma_cni.repair.settings import RepairSettings


def test_a_round_has_time_for_a_runtime_that_hangs_and_for_the_api_server_after_it() -> None:
    assert RepairSettings().patience > RUNTIME_PATIENCE + API_PATIENCE


def test_without_a_word_the_nodes_own_paths_count_and_no_api_server_is_asked() -> None:
    settings = RepairSettings()
    assert (settings.host, settings.endpoint, settings.node) == ("", "", "")
    assert settings.netconf.kubeconfig == ""
