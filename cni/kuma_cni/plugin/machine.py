"""The machine as actions see it from a pod's network namespace.

The pod's files do not exist while its network is made, and the node's are none of its business.
So nothing is looked up: the sidecar's user is a number, name servers are those that the runtime
sent, and there is neither an SSH session nor a change that waits to be confirmed.  The kernel is
the only one asked, over netlink, which also works where there is no /proc; the only backend is
nftables, which starts no process.
"""

from __future__ import annotations

from kuma_net.actions.world import Machine
from kuma_net.tproxy.facts import Account, DnsServers, HostFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_net.backends.base import Kind
    from kuma_net.host.pending import Pending, Word
    from kuma_net.netlink.route import Link
    from kuma_net.tproxy.config import Config
    from kuma_net.values import Network

DEFAULT_UID = 5678
"""The sidecar's where nobody says another, as in Kuma."""


class PodMachine(Machine):
    """A ``World`` of the network namespace that the calling thread is in."""

    def __init__(
        self, has_user: Callable[[int], bool] = lambda _: True, servers: tuple[Network, ...] = ()
    ) -> None:
        """Keep who knows which user ids there are, and the name servers of the pod."""
        super().__init__({})
        self._has_user = has_user
        self._servers = servers

    def facts(self, config: Config, *, own_table: bool) -> HostFacts:
        """Return what can be known of a pod that is being made."""
        from kuma_net.host.links import links, why_no_ipv6

        uid = int(config.kuma_dp_user or DEFAULT_UID)
        found = links()
        reason = "ipFamilyMode is ipv4" if config.ip_family_mode == "ipv4" else why_no_ipv6(found)
        dns = config.redirect.dns
        return HostFacts(
            account=Account(uid, "number given" if config.kuma_dp_user else "default number"),
            unmapped_uid=not self._has_user(uid),
            loopback=_loopback(found),
            ipv6=not reason,
            ipv6_reason=reason,
            dns=DnsServers("runtimeConfig.dns", self._servers) if dns.enabled else None,
            own_table=own_table,
        )

    def holders(self, besides: Kind | None = None) -> tuple[Kind, ...]:
        """Name nftables alone: what iptables put there would take a program to remove."""
        return () if besides == "nftables" else ("nftables",)

    def ask_watcher(self, word: Word) -> Pending | None:  # noqa: ARG002 - the seam's
        """Return None: no change of a plugin waits to be confirmed."""
        return None


class MachineWithIpv6(PodMachine):
    """The same before somebody switched IPv6 off, which also took ``::6`` away.

    Another plugin behind us in the chain may do so (``tuning`` sets sysctls).  Rules for IPv6
    harm nobody then.
    """

    def facts(self, config: Config, *, own_table: bool) -> HostFacts:
        """Return the facts of then."""
        return super().facts(config, own_table=own_table).replace(ipv6=True, ipv6_reason="")

    def has_address(self) -> bool:
        """Miss nothing that nobody needs."""
        return True


def _loopback(found: tuple[Link, ...]) -> str:
    return next((link.name for link in found if link.loopback), "lo")
