"""The lab: an application's host, a remote host and a guest behind the application's bridge.

::

    remote                          app                              guest
    eth0 10.77.0.1 fd77::1  ------  eth0 10.77.0.2 fd77::2
    eth1 10.78.0.1 fd78::1  ------  eth1 10.78.0.2 fd78::2
    (also every address of                                br0 10.79.0.1 fd79::1
     "office", "abroad", "world")                          '---  eth0 10.79.0.2 fd79::2

``app`` sends everything else to ``remote``, which answers for whole networks (a route of type
local, "AnyIP").  ``::6`` is not on its loopback interface: to put it there is the installer's
part.  Names of addresses stand for an IPv4 and an IPv6 one, so that one table of packets is
sent twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyroute2 import IPRoute

from lab.host import Host
from lab.senders import Probe, send
from lab.servers import Door, open_doors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

ADDRESSES: dict[str, tuple[str, str]] = {
    "self": ("10.77.0.2", "fd77::2"),
    "self-b": ("10.78.0.2", "fd78::2"),
    "gateway": ("10.79.0.1", "fd79::1"),
    "guest": ("10.79.0.2", "fd79::2"),
    "remote": ("10.77.0.1", "fd77::1"),
    "remote-b": ("10.78.0.1", "fd78::1"),
    "office": ("198.51.100.7", "2001:db8:51::7"),
    "office-b": ("198.51.100.99", "2001:db8:51::99"),
    "abroad": ("203.0.113.9", "2001:db8:113::9"),
    "world": ("192.0.2.9", "2001:db8:192::9"),
    "nameserver": ("192.0.2.53", "2001:db8:53::53"),
    "localhost": ("127.0.0.1", "::1"),
    "passthrough": ("127.0.0.6", "::6"),
    "loopback": ("127.0.0.9", "::9"),
    "stub": ("127.0.0.53", ""),
}
"""Names that rows of a packet table use; an empty text where a family has no such address."""

ANSWERED = (
    *("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"),
    *("2001:db8:51::/48", "2001:db8:113::/48", "2001:db8:192::/48", "2001:db8:53::/48"),
)
"""Networks that ``remote`` answers for as a whole."""

HOST_OF = {"remote": "remote", "guest": "guest"} | dict.fromkeys(
    ("remote-b", "office", "office-b", "abroad", "world", "nameserver"), "remote"
)
"""Which host an address belongs to; every name not listed is the application's."""

_NODAD = 2
"""IFA_F_NODAD, include/uapi/linux/if_addr.h."""
_HOST_SCOPE, _LOCAL_TABLE = 254, 255
"""RT_SCOPE_HOST and RT_TABLE_LOCAL, include/uapi/linux/rtnetlink.h."""


class Lab:
    """The three hosts, linked and addressed; a context manager that takes all down again."""

    def __init__(self) -> None:
        """Build it: about 120 ms."""
        self.hosts: dict[str, Host] = {}
        self._doors: dict[str, set[Door]] = {}
        try:
            for name in ("app", "remote", "guest"):
                self.hosts[name] = self.make(name)
            self._connect()
        except BaseException:
            self.stop()
            raise

    def make(self, name: str) -> Host:
        """Make a host."""
        return Host(name)

    def link(self) -> None:
        """Make the links of the application's host."""
        self.app.call(link_app, self.remote.pid, self.guest.pid)

    @property
    def app(self) -> Host:
        """The host whose traffic is captured."""
        return self.hosts["app"]

    @property
    def remote(self) -> Host:
        """Everybody else."""
        return self.hosts["remote"]

    @property
    def guest(self) -> Host:
        """A container behind the application's bridge."""
        return self.hosts["guest"]

    def listen(self, host: str, doors: Iterable[Door]) -> None:
        """Have a host serve the doors that it does not serve yet."""
        served = self._doors.setdefault(host, set())
        missing = [door for door in doors if door not in served]
        served.update(missing)
        if missing:
            self.hosts[host].call(open_doors, host, missing)

    def stop(self) -> None:
        """End every host; the kernel takes links, addresses and rules with them."""
        for host in self.hosts.values():
            host.stop()

    def __enter__(self) -> Self:
        """Return the lab."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take it down."""
        self.stop()

    def _connect(self) -> None:
        self.link()
        self.remote.call(address_remote)
        self.guest.call(address_guest)
        for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.app.sysctl(name, "1")
        # A local route is enough to send from an IPv4 address, not from an IPv6 one.
        self.remote.sysctl("net.ipv6.ip_nonlocal_bind", "1")
        # Neighbours that know each other: a first packet from such an address would wait a second.
        self.remote.call(send, Probe("udp", (ADDRESSES["self"][1], 9)))


def quiet_host() -> Host:
    """Return a host that sends nothing by itself, so that counters stand still.

    Its one link has addresses and stays down: up, it would announce its groups (MLD, RFC 3810).
    """
    host = Host("quiet")
    try:
        host.call(_address_quiet)
    except BaseException:
        host.stop()
        raise
    return host


def _address_quiet() -> None:
    with IPRoute() as routes:
        routes.link("add", ifname="eth0", kind="bridge")
        _address(routes, "eth0", "self", state="down")
        routes.link("set", index=1, state="up")


def link_app(remote: int, guest: int) -> None:
    """Make the links of the application's host; pids say where their other ends go."""
    with IPRoute() as routes:
        for name, other_name, pid in (
            ("eth0", "eth0", remote),
            ("eth1", "eth1", remote),
            ("guest0", "eth0", guest),
        ):
            peer = {"ifname": other_name, "net_ns_pid": pid}
            routes.link("add", ifname=name, kind="veth", peer=peer)
        routes.link("add", ifname="br0", kind="bridge")
        bridge = _index(routes, "br0")
        routes.link("set", index=_index(routes, "guest0"), master=bridge, state="up")
        _address(routes, "eth0", "self")
        _address(routes, "eth1", "self-b")
        _address(routes, "br0", "gateway")
        _loopback(routes)
        for gateway in ADDRESSES["remote"]:
            routes.route("add", dst="default", gateway=gateway)


def address_remote() -> None:
    """Give the remote host its addresses and routes."""
    with IPRoute() as routes:
        _address(routes, "eth0", "remote")
        _address(routes, "eth1", "remote-b")
        _loopback(routes)
        answer_for(routes, ANSWERED)
        for gateway in ADDRESSES["self"]:
            routes.route("add", dst="default", gateway=gateway)


def answer_for(routes: IPRoute, networks: Iterable[str]) -> None:
    """Have this host take every address of the networks for its own ("AnyIP")."""
    for network in networks:
        local = {"type": "local", "scope": _HOST_SCOPE, "table": _LOCAL_TABLE}
        routes.route("add", dst=network, oif=1, **local)


def address_guest() -> None:
    """Give the guest its addresses and routes."""
    with IPRoute() as routes:
        _address(routes, "eth0", "guest")
        _loopback(routes)
        for gateway in ADDRESSES["gateway"]:
            routes.route("add", dst="default", gateway=gateway)


def _index(routes: IPRoute, name: str) -> int:
    found: int = routes.link_lookup(ifname=name)[0]
    return found


def _address(routes: IPRoute, link: str, name: str, state: str = "up") -> None:
    """Give a link the two addresses of that name (/24 and /64) and bring it up."""
    index = _index(routes, link)
    routes.link("set", index=index, state=state)
    for address in ADDRESSES[name]:
        v6 = ":" in address
        flags = {"flags": _NODAD} if v6 else {}
        routes.addr("add", index=index, address=address, prefixlen=64 if v6 else 24, **flags)


def _loopback(routes: IPRoute) -> None:
    """Bring lo up, with a second IPv6 address; all of 127.0.0.0/8 is there anyway."""
    routes.link("set", index=1, state="up")
    routes.addr("add", index=1, address=ADDRESSES["loopback"][1], prefixlen=128, flags=_NODAD)
