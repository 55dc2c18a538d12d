"""Which backend: a pure choice from what was asked and what the kernel answered.

``auto`` is nf_tables wherever the kernel has it, whatever tools are installed; iptables-legacy
where the kernel has only that.  The iptables-nft flavour is never chosen by itself: it needs
nf_tables too, and programs besides.
"""

from __future__ import annotations

from kuma_net.errors import NoBackend
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.backends.base import Kind
    from kuma_net.host.probe import KernelFacts
    from kuma_net.tproxy.config import BackendName


class Choice(Record):
    """A backend and, as a clause for the person, why it is this one."""

    kind: Kind
    reason: str


def select(asked: BackendName, kernel: KernelFacts) -> Choice:
    """Return the backend to use; NoBackend, with a reason for each, when none can work.

    Where the kernel could not be asked for want of CAP_NET_ADMIN, what was asked is believed
    and ``auto`` means nftables: that serves a dry run, and a real one is refused elsewhere.
    """
    if not kernel.net_admin:
        reason = "CAP_NET_ADMIN is missing, so the kernel could not be asked"
        return Choice("nftables" if asked == "auto" else asked, reason)
    lacking = {kind: reason for kind, reason in _lacking(kernel).items() if reason}
    if asked != "auto":
        if asked in lacking:
            raise NoBackend({asked: lacking[asked]})
        return Choice(asked, "it was asked for")
    if "nftables" not in lacking:
        return Choice("nftables", "the kernel has nf_tables")
    if "iptables-legacy" not in lacking:
        return Choice("iptables-legacy", f"{lacking['nftables']}, but it has the older ip_tables")
    raise NoBackend(lacking)


def _lacking(kernel: KernelFacts) -> dict[str, str]:
    """Return what keeps each backend from working; empty: nothing does."""
    no_nf_tables = f"the kernel has no nf_tables{_told(kernel.nf_tables_reason)}"
    no_ip_tables = "the kernel has no ip_tables, neither loaded nor as a module"
    return {
        "nftables": "" if kernel.nf_tables else no_nf_tables,
        "iptables-nft": "" if kernel.nf_tables else no_nf_tables,
        "iptables-legacy": "" if kernel.ip_tables else no_ip_tables,
    }


def _told(reason: str) -> str:
    return f" ({reason})" if reason else ""
