"""A packet that belongs to no connection, made by hand: half a handshake that nobody began.

The application's kernel answers it with a reset; with ``dropInvalidPackets`` it never sees it.
"""

from __future__ import annotations

import select
import socket
import time

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from lab.installing import BACKENDS, config_of, install_here
from lab.rows import check_rows, parse_rows
from lab.senders import GRACE, PATIENCE
from lab.topology import ADDRESSES, Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.backends.base import Kind

FROM_PORT, TO_PORT = 33333, 8080
RESET = 0x04
"""RFC 9293 section 3.1."""


def stray_answer(source: str, destination: str, patience: float) -> bool:
    """Send a SYN+ACK out of the blue; return whether a reset comes back within the seconds."""
    v6 = ":" in destination
    family = socket.AF_INET6 if v6 else socket.AF_INET
    network = IPv6(src=source, dst=destination) if v6 else IP(src=source, dst=destination)
    packet = bytes(network / TCP(sport=FROM_PORT, dport=TO_PORT, flags="SA", seq=1, ack=1))
    with (
        socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender,
        socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP) as receiver,
    ):
        sender.sendto(packet, (destination, 0))
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            if select.select([receiver], [], [], left)[0]:
                raw = receiver.recv(2048)
                segment = TCP(raw if v6 else raw[20:])
                if segment.dport == FROM_PORT and int(segment.flags) & RESET:
                    return True
    return False


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dropped", [False, True], ids=["left-alone", "dropped"])
def test_a_packet_of_no_connection_is_dropped_only_when_asked(
    backend: Kind, *, dropped: bool
) -> None:
    with Lab() as lab:
        options = {"dropInvalidPackets": dropped, "backend": backend}
        lab.app.call(install_here, config_of(options))
        pairs = zip(ADDRESSES["remote"], ADDRESSES["self"], strict=True)
        patience = GRACE if dropped else PATIENCE
        answered = [lab.remote.call(stray_answer, *pair, patience) for pair in pairs]
        assert answered == [not dropped] * 2
        check_rows(lab, parse_rows("remote tcp self:8080 -> inbound"))
