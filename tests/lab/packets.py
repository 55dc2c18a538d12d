"""Rows of a packet table as the rules of the application's host see them, for the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_net.netfilter.packet import Packet
from kuma_net.values import Family, L4Proto, Network
from lab.rows import FAMILIES
from lab.topology import ADDRESSES, HOST_OF

if TYPE_CHECKING:
    from lab.rows import Row

INTERFACE_TO = {"remote-b": "eth1", "guest": "br0"}
"""The link of the application's host towards an address; eth0 if not listed, lo for its own."""
INTERFACE_FROM = {"neighbour": "eth1", "guest": "br0"}
"""The link through which a sender's packets arrive; eth0 if not listed."""


def packet_of(row: Row, family: str) -> Packet:
    """Return the row's packet over a family."""
    origin = row.origin
    sent = origin.host == "app"
    usual = "guest" if origin.host == "guest" else "self"
    return Packet(
        hook="OUTPUT" if sent else "PREROUTING",
        family=Family.IPV4 if family == "ipv4" else Family.IPV6,
        proto=L4Proto.TCP if row.proto == "tcp" else L4Proto.UDP,
        source=_address(origin.source or usual, family),
        destination=_address(row.name, family),
        source_port=40000,
        destination_port=row.port,
        in_interface="" if sent else INTERFACE_FROM.get(row.sender, "eth0"),
        out_interface=_leaving(row) if sent else "",
        uid=origin.uid if sent else None,
        gid=origin.gid if sent else None,
    )


def _address(name: str, family: str) -> int:
    return Network.parse(ADDRESSES[name][FAMILIES.index(family)]).address


def _leaving(row: Row) -> str:
    return INTERFACE_TO.get(row.name, "eth0") if row.name in HOST_OF else "lo"
