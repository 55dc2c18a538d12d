"""The configuration: what a person asked for, as frozen values with Kuma's defaults.

Built by ``sources`` (defaults < files < annotations < environment < flags) or by hand in tests.
The shape follows the key paths (``redirect.inbound.port`` is ``config.redirect.inbound.port``);
``options`` lists every option once, with the field it fills.  ``Config.origins`` tells where
each value came from and does not take part in equality.
"""

from __future__ import annotations

from kuma_net.record import Record
from kuma_net.values import PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import ClassVar, Literal, TypeAlias

    from kuma_net.values import InterfacePattern, L4Proto, Network

    BackendName: TypeAlias = Literal["auto", "nftables", "iptables-nft", "iptables-legacy"]
    IpFamilyMode: TypeAlias = Literal["dualstack", "ipv4"]


class OwnerExclusion(Record):
    """One rule of ``excludePortsForUIDs`` or ``...ForGIDs``: ``[PROTO:][PORTS:]IDS``."""

    protocols: tuple[L4Proto, ...]
    ports: PortSet
    ids: tuple[int, int]


class Inbound(Record):
    """``redirect.inbound``: what arrives.  ``include_ports`` non-empty wins over exclude_ports.

    ``port_ipv6`` other than 0: arriving IPv6 goes there instead of to ``port`` (sidecars of
    Kuma before 2.9 listen on 15010 for it).
    """

    enabled: bool = True
    port: int = 15006
    include_ports: PortSet = PortSet()
    exclude_ports: PortSet = PortSet()
    exclude_ips: tuple[Network, ...] = ()
    insert: bool = False
    chain_name: str = "INBOUND"
    redirect_chain_name: str = "INBOUND_REDIRECT"
    port_ipv6: int = 0


class Outbound(Record):
    """``redirect.outbound``: what is sent.  ``include_*`` non-empty: only that is captured."""

    enabled: bool = True
    port: int = 15001
    include_ports: PortSet = PortSet()
    exclude_ports: PortSet = PortSet()
    exclude_for_uids: tuple[OwnerExclusion, ...] = ()
    exclude_for_gids: tuple[OwnerExclusion, ...] = ()
    include_ips: tuple[Network, ...] = ()
    exclude_ips: tuple[Network, ...] = ()
    insert: bool = False
    chain_name: str = "OUTBOUND"
    redirect_chain_name: str = "OUTBOUND_REDIRECT"


class Dns(Record):
    """``redirect.dns``: ``capture_all`` implies ``enabled`` (sources see to it)."""

    enabled: bool = False
    capture_all: bool = False
    port: int = 15053
    tcp: bool = False
    skip_zone_split: bool = False
    resolv_conf: str = "/etc/resolv.conf"


class VirtualNetwork(Record):
    """One item of ``redirect.vnet.networks``: ``IFACE:CIDR``."""

    interface: InterfacePattern
    network: Network


class Redirect(Record):
    """``redirect``."""

    inbound: Inbound = Inbound()
    outbound: Outbound = Outbound()
    dns: Dns = Dns()
    vnet: tuple[VirtualNetwork, ...] = ()
    exclude_interfaces: tuple[InterfacePattern, ...] = ()


class Log(Record):
    """``log``: a LOG rule at the head of our hook chains; ``level`` a syslog severity."""

    enabled: bool = False
    level: int = 7


class Retry(Record):
    """``retry``: tries are ``max_retries + 1``; ``sleep`` in seconds between them."""

    max_retries: int = 4
    sleep: float = 2.0


class Origin(Record):
    """Where a value came from: ``flag --x``, ``env X``, ``file F``, ``annotation A``, default."""

    source: str
    text: str = ""


class Config(Record):
    """Everything that can be asked of ``install``."""

    ip_family_mode: IpFamilyMode = "dualstack"
    kuma_dp_user: str = ""
    redirect: Redirect = Redirect()
    drop_invalid_packets: bool = False
    log: Log = Log()
    comments_disabled: bool = False
    store_firewalld: bool = False
    wait: int = 5
    wait_interval: int = 0
    retry: Retry = Retry()
    iptables_executables: tuple[tuple[str, str], ...] = ()
    cni_mode: bool = False
    dry_run: bool = False
    verbose: bool = False
    backend: BackendName = "auto"
    origins: Mapping[str, Origin] = {}

    _incidental: ClassVar[tuple[str, ...]] = ("origins",)

    def source_of(self, path: str) -> str:
        """Return in words where the value at a key path came from."""
        origin = self.origins.get(path)
        return origin.source if origin else "default"
