"""What the machine is like, as far as a plan depends on it; ``host.probe`` finds it out."""

from __future__ import annotations

from kuma_net.record import Record
from kuma_net.values import PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.values import Family, Network


class Account(Record):
    """The sidecar's account: its numeric id and how it was found, in words."""

    uid: int
    found_by: str


class DnsServers(Record):
    """The name servers of a resolv.conf: each a /32 or /128 network, in file order.

    ``error`` says why the file could not be read, or is empty.
    """

    path: str
    servers: tuple[Network, ...] = ()
    error: str = ""


class HostFacts(Record):
    """The facts a plan needs, gathered in one place at one time.

    * ``account``: the sidecar's account, or None when it is not to be found.
    * ``unmapped_uid``: the user namespace's id map does not cover the account.
    * ``loopback``: name of the loopback interface.
    * ``ipv6``: whether IPv6 is to be set up; ``ipv6_reason`` why not.
    * ``dns``: the name servers, or None when DNS capture was not asked for.
    * ``docker_output``: families whose nat table has Docker's DOCKER_OUTPUT chain.
    * ``session_ports``: local TCP ports of the SSH session that runs us, when on a host.
    * ``own_table``: the backend keeps its own table (nftables), so no foreign chain is in reach.
    """

    account: Account | None = None
    unmapped_uid: bool = False
    loopback: str = "lo"
    ipv6: bool = True
    ipv6_reason: str = ""
    dns: DnsServers | None = None
    docker_output: tuple[Family, ...] = ()
    session_ports: PortSet = PortSet()
    own_table: bool = True
