"""Looking after pods that run already, with the configuration that the plugin is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kuma_cni.conflist.network import written
from kuma_cni.repair.loop import Repair
from kuma_cni.repair.settings import RepairSettings
from kuma_cni.spec.netconf import read_netconf

if TYPE_CHECKING:
    from kuma_cni.installer.settings import Settings
    from kuma_cni.repair.counts import Counts
    from kuma_net.serving.log import Log
    from kuma_net.serving.loop import Loop


def begin_repair(settings: Settings, loop: Loop, log: Log, counts: Counts) -> Repair | None:
    """Begin to look after pods; None where that is not wanted."""
    if not settings.repair:
        return None
    repair = Repair(loop, repair_settings(settings), log, counts)
    repair.start()
    return repair


def repair_settings(settings: Settings) -> RepairSettings:
    """Return what the repair has to know; paths of the node are replaced by those that we see."""
    netconf = read_netconf(written(settings.entry()))
    kubeconfig = f"{settings.mounted_net_dir}/{settings.kubeconfig_name}"
    host = settings.host_root
    return RepairSettings(
        interval=settings.repair_interval,
        endpoint=settings.runtime,
        host=host if host and Path(host, "run").is_dir() else "",
        node=settings.node,
        netconf=netconf.replace(kubeconfig=kubeconfig if settings.api_host else ""),
    )
