"""Network configuration lists for the lab's nodes: the reference plugins' with ours among them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kuma_net.record import Record
from lab.injected import ANNOTATIONS

if TYPE_CHECKING:
    from lab.libcni import Json

LOG_FILE = "/var/log/kuma-net/cni.log"
STATE_DIR = "/var/lib/cni/kuma-net"
KUBECONFIG = "/etc/cni/net.d/kuma-cni-kubeconfig"

OURS: Json = {
    "type": "kuma-cni",
    "log_level": "info",
    "capabilities": {ANNOTATIONS: True, "dns": True},
    "kubernetes": {"kubeconfig": KUBECONFIG, "exclude_namespaces": ["kube-system"]},
}
"""Our entry as the installer writes it; nobody may ever read that kubeconfig."""

PORTMAP: Json = {"type": "portmap", "capabilities": {"portMappings": True}}
WITNESS: Json = {"type": "witness", "capabilities": OURS["capabilities"]}


class Addressing(Record):
    """What host-local hands out; without an IPv6 network there is no IPv6 in the pod."""

    ipv4: str = "10.77.0.0/24"
    ipv6: str = "fd77::/64"

    @property
    def ipam(self) -> Json:
        """The ``ipam`` object, with a default route in each family."""
        networks = [network for network in (self.ipv4, self.ipv6) if network]
        return {
            "type": "host-local",
            "ranges": [[{"subnet": network}] for network in networks],
            "routes": [{"dst": "::/0" if ":" in network else "0.0.0.0/0"} for network in networks],
        }


def bridge(addressing: Addressing = Addressing()) -> Json:  # noqa: B008 - a frozen value
    """Return a bridge whose node's end is the pods' gateway."""
    return {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipam": addressing.ipam}


def ptp(addressing: Addressing = Addressing()) -> Json:  # noqa: B008 - a frozen value
    """Return links from the node to each pod, without a bridge."""
    return {"type": "ptp", "ipam": addressing.ipam}


def conflist(*plugins: Json, version: str = "1.0.0", **fields: Any) -> str:
    """Return the text of a list named ``lab``."""
    return json.dumps({"cniVersion": version, "name": "lab", "plugins": list(plugins), **fields})
