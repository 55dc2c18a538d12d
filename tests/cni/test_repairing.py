"""What the repair is told: the plugin's own configuration, with the paths that we see."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kuma_cni.installer.repairing import begin_repair, repair_settings
from kuma_cni.installer.settings import load
from kuma_cni.repair.counts import Counts
from kuma_net.serving.log import Log
from kuma_net.serving.loop import Loop
from kuma_net.serving.sample import Sample

if TYPE_CHECKING:
    from pathlib import Path

ENVIRON = {
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
    "MOUNTED_CNI_NET_DIR": "/host/net.d",
    "NODE_NAME": "worker",
    "POD_NAMESPACE": "kuma-system",
    "CONTAINER_RUNTIME_ENDPOINT": "unix:///run/crio/crio.sock",
}


def test_it_gets_the_plugins_configuration_with_our_paths(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    wanted = repair_settings(load(ENVIRON | {"KUMA_CNI_HOST_ROOT": str(tmp_path)}))
    assert wanted.netconf.kubeconfig == "/host/net.d/ZZZ-kuma-cni-kubeconfig"
    assert wanted.netconf.exclude_namespaces == ("kube-system",)
    assert wanted.netconf.own_namespace == "kuma-system"
    assert (wanted.node, wanted.host, wanted.interval) == ("worker", str(tmp_path), 15.0)
    assert wanted.endpoint == "unix:///run/crio/crio.sock"


def test_without_an_api_server_and_mounts_it_does_with_what_is_there() -> None:
    wanted = repair_settings(load({"KUMA_CNI_HOST_ROOT": "/nonexistent"}))
    assert (wanted.netconf.kubeconfig, wanted.host) == ("", "")


def test_who_does_not_want_it_gets_none() -> None:
    loop = Loop(lambda _: None)
    sink = os.open(os.devnull, os.O_WRONLY)
    log = Log("info", Sample(1, 1), descriptor=sink)
    assert begin_repair(load({"KUMA_CNI_REPAIR": "false"}), loop, log, Counts()) is None
    loop.close()
    os.close(sink)
