"""Whether Docker's rules for its embedded resolver are in this network namespace.

In a container on a user-defined network Docker answers DNS at 127.0.0.11 and keeps rules for that
in chains ``DOCKER_OUTPUT`` and ``DOCKER_POSTROUTING`` of the nat table, by iptables of either
flavour.  The sidecar's own queries must go through them.
"""

from __future__ import annotations

from kuma_net.errors import NetlinkError, PermissionDenied
from kuma_net.host.legacy_tables import read_tables, table_names
from kuma_net.host.netlink_socket import NetlinkSocket
from kuma_net.netlink.nftables import get_chain
from kuma_net.values import BOTH_FAMILIES, Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netlink.message import Kernel
    from kuma_net.tproxy.config import BackendName

TABLE, CHAIN = "nat", "DOCKER_OUTPUT"


def docker_output(backend: BackendName = "auto") -> tuple[Family, ...]:
    """Return the families that have the chain where ``backend`` could jump to it.

    ``auto`` (and ``nftables``, which only wants to know) looks at both flavours of iptables.
    Where the kernel does not say, there is none.
    """
    looked_in_nft = backend != "iptables-legacy"
    looked_in_legacy = backend != "iptables-nft"
    with NetlinkSocket() as kernel:
        return tuple(
            family
            for family in BOTH_FAMILIES
            if (looked_in_nft and _in_nft(kernel, family))
            or (looked_in_legacy and _in_legacy(family))
        )


def _in_nft(kernel: Kernel, family: Family) -> bool:
    question = get_chain("ip" if family == Family.IPV4 else "ip6", TABLE, CHAIN)
    try:
        return bool(kernel.dump(question))
    except (NetlinkError, PermissionDenied):  # mostly ENOENT
        return False


def _in_legacy(family: Family) -> bool:
    if TABLE not in table_names(family):
        return False
    return (TABLE, CHAIN) in read_tables(family, (TABLE,)).chains
