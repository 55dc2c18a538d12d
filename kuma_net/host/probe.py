"""What the machine is like: one look, before anything is planned.

``kernel_facts`` is what choosing a backend needs, ``probe`` what a plan needs.  Both ask the
kernel and read files; neither starts a program, and neither changes anything (asking
iptables-legacy for its rules, for one, creates its tables).  The order is that of a plain
install: the question that usually decides comes first, and what it decides is not asked again.
"""

from __future__ import annotations

from kuma_net.errors import NetlinkError, PermissionDenied
from kuma_net.host import loopback
from kuma_net.host.netlink_socket import NetlinkSocket
from kuma_net.netlink.message import Request
from kuma_net.record import Record
from kuma_net.tproxy.facts import HostFacts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_net.tproxy.config import Config
    from kuma_net.values import Family

GET_GENERATION = 0x0A10
"""NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN (include/uapi/linux/netfilter/nf_tables.h)."""
PROC_NET = "/proc/thread-self/net"
MODULES = "/lib/modules"


class KernelFacts(Record):
    """What choosing a backend depends on.

    ``net_admin``: we may change this network namespace.  Without it the kernel does not say
    whether it has nf_tables, and both others are False.  ``ip_tables`` is looked at only
    where there is no nf_tables, and is True otherwise.
    """

    net_admin: bool
    nf_tables: bool
    ip_tables: bool
    nf_tables_reason: str = ""


def kernel_facts(proc_net: str = PROC_NET, modules: str = MODULES) -> KernelFacts:
    """Ask the kernel whether it has nf_tables, by one message; it loads the module if need be.

    The answer EPERM is the kernel's word on CAP_NET_ADMIN, which counts in the user namespace
    that owns the network namespace.
    """
    try:
        with NetlinkSocket() as kernel:
            kernel.dump(Request(GET_GENERATION, 0, bytes(4), "the question for nf_tables"))
    except PermissionDenied:
        return KernelFacts(net_admin=False, nf_tables=False, ip_tables=False)
    except NetlinkError as refused:
        from kuma_net.host import capabilities

        return KernelFacts(
            net_admin=capabilities.has_net_admin(),
            nf_tables=False,
            ip_tables=_has_ip_tables(proc_net, modules),
            nf_tables_reason=refused.strerror,
        )
    return KernelFacts(net_admin=True, nf_tables=True, ip_tables=True)


def _has_ip_tables(proc_net: str, modules: str) -> bool:
    """Whether ip_tables is in the kernel (its file is in /proc) or could be loaded."""
    import posix

    try:
        posix.stat(f"{proc_net}/ip_tables_names")
    except OSError:
        folder = f"{modules}/{posix.uname().release}"
        return any(_mentions(f"{folder}/modules.{kind}") for kind in ("dep", "builtin"))
    return True


def _mentions(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as listing:  # noqa: PTH123 - lean
            return any("/ip_tables.ko" in line.partition(":")[0] for line in listing)
    except OSError:
        return False


def probe(config: Config, *, own_table: bool, environ: Mapping[str, str]) -> HostFacts:
    """Return what the plan for ``config`` depends on.

    ``own_table``: the backend keeps a table of its own (nftables, memory).  Nothing is raised
    for what the machine lacks: the facts say it, and the plan judges.
    """
    from kuma_net.host import accounts, capabilities, resolv, session

    user = config.kuma_dp_user
    account = (
        accounts.verbatim(user) if config.cni_mode else accounts.find(user, lenient=config.dry_run)
    )
    loopback_name = _loopback()
    ipv6, ipv6_reason = ipv6_to_capture(config, loopback_name)
    dns = config.redirect.dns
    return HostFacts(
        account=account,
        unmapped_uid=account is not None and not capabilities.is_mapped(account.uid),
        loopback=loopback_name,
        ipv6=ipv6,
        ipv6_reason=ipv6_reason,
        dns=resolv.read(dns.resolv_conf) if dns.enabled else None,
        docker_output=_docker(config, own_table=own_table),
        session_ports=session.ports(environ),
        own_table=own_table,
    )


def _loopback() -> str:
    try:
        return loopback.name()
    except NetlinkError:
        return "lo"


def ipv6_to_capture(config: Config, loopback_name: str = "lo") -> tuple[bool, str]:
    """Whether there is IPv6 to set up, else why not.

    In CNI mode a plugin has decided before us, when addresses were not there yet; see ``links``.
    """
    if config.ip_family_mode == "ipv4":
        return False, "ipFamilyMode is ipv4"
    try:
        if config.cni_mode:
            from kuma_net.host.links import links, why_no_ipv6

            reason = why_no_ipv6(links())
            return not reason, reason
        found = loopback.has_ipv6_address()
    except NetlinkError as refused:
        return False, str(refused)
    if not found:
        return False, "no interface has an IPv6 address besides ::1"
    if _switched_off(loopback_name):
        return False, "it is switched off on the loopback interface (disable_ipv6)"
    return True, ""


def _switched_off(interface: str) -> bool:
    """Whether addresses of IPv6 are refused on an interface (ip-sysctl: ``disable_ipv6``)."""
    try:
        with open(f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6", "rb") as setting:  # noqa: PTH123 - lean
            return setting.read().strip() == b"1"
    except OSError:
        return False


def _docker(config: Config, *, own_table: bool) -> tuple[Family, ...]:
    """Look for Docker's rules where they matter: to a jump to them, or to DNS of all servers."""
    dns = config.redirect.dns
    if not dns.enabled or (own_table and not dns.capture_all):
        return ()
    from kuma_net.host.docker import docker_output

    return docker_output("auto" if own_table else config.backend)
