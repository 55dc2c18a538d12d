"""Packets: what is left out means that it is not there."""

from __future__ import annotations

from kuma_net.netfilter.packet import Packet
from kuma_net.values import Family, L4Proto

SENT = Packet("OUTPUT", Family.IPV4, L4Proto.TCP, 0x0A000001, 0x0A000002, 40000, 80, uid=1000)


def test_a_packet_that_arrives_has_no_socket() -> None:
    arriving = Packet("PREROUTING", Family.IPV6, L4Proto.UDP, 1, 2, 40000, 53, in_interface="eth0")
    assert (arriving.uid, arriving.gid) == (None, None)
    assert arriving.out_interface == ""


def test_a_packet_is_the_first_of_its_connection_unless_said_otherwise() -> None:
    assert SENT.state == "NEW"
    assert SENT.replace(state="INVALID") != SENT


def test_packets_are_values() -> None:
    assert SENT.replace() == SENT
    assert SENT.replace(uid=0) != SENT
