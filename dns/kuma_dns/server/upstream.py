"""Sockets to upstream servers by UDP: pooled, random, given back after few uses.

Theory.  The best defence against forged answers is a socket of its own for each question: the
kernel takes a random port for it, ``connect`` makes the kernel drop whatever comes from another
address or port, and it reports ICMP errors.  That costs six system calls a question, a quarter
of all its time.  Here up to ``MOST_USES`` questions share a socket, whatever their names, and
after ``LONGEST_USE`` seconds it takes none any more; it is closed as soon as the last of its
questions has landed.  All that one turn of the loop wants to ask leaves at its end, with one
system call a socket.

What an attacker gets from that (RFC 5452).  She cannot see our packets, so for each forged one she
must guess the port (of some 28,000, ip_local_port_range of ip(7)) and the id (of 65,536) under
which *this* question was sent, besides the server's address and port: one chance in 2 * 10^9, as
with a port of its own, for ids are drawn from the kernel's random numbers per question, and a
datagram with the right port and the id of another question fails at the question's name.  What
sharing gives her is that a port she has *found out* is good for more than one question.  To find
out an open port takes a scan, and the fastest known (SAD DNS, 2020) tests 1,000 ports a second; a
connected socket answers no probe but one with the server's own address.  So a port that lives one
second is gone before a scan of 28,000 has found it, and under load it is gone after
``MOST_USES`` questions, some milliseconds.  Equal questions never have two flights
(``resolve.flights``), so there are no birthdays to be had.

What surprised us: an ICMP error is reported to whichever call on the socket comes next, and
that call has then not been done; all questions of the socket are told.  EPERM comes from a
netfilter rule that rejects, and is as final as ENETUNREACH.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Final, cast

from kuma_dns.server.bursts import Bursts
from kuma_dns.server.upstream_tcp import TcpQuestion

if TYPE_CHECKING:
    from kuma_dns.counts import Counts
    from kuma_dns.resolve.flights import Flight, Flights
    from kuma_dns.resolve.servers import Server
    from kuma_net.serving.loop import Loop

MOST_USES: Final = 64
"""Questions that one socket is used for."""
LONGEST_USE: Final = 1.0
"""Seconds for which a socket takes new questions."""
_BULK: Final = 2048
"""Bytes of randomness fetched at once."""


def random_idents() -> list[bytes]:
    """Return many random ids of messages, two bytes each, from the kernel."""
    bulk = os.urandom(_BULK)
    return [bulk[at : at + 2] for at in range(0, _BULK, 2)]


class UdpQuestions:
    """One connected socket and the questions that were sent from it."""

    def __init__(self, home: UpstreamSockets, server: Server) -> None:
        """Open a socket with a random port; raises OSError."""
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self.socket.connect(server)
        except OSError:
            self.socket.close()
            raise
        self.server = server
        self.left = MOST_USES
        self.waiting: dict[bytes, Flight] = {}
        self.unsent: list[bytes] = []
        self._home = home
        self._retiring = home.loop.at(home.loop.now() + LONGEST_USE, self.retire)
        home.loop.on_readable(self.socket.fileno(), self._on_readable)

    def forget(self, ident: bytes) -> None:
        """Wait for no answer with this id; close if that was the last one."""
        self.waiting.pop(ident, None)
        if not self.left and not self.waiting:
            self.close()

    def retire(self) -> None:
        """Take no more questions."""
        self.left = 0
        if not self.waiting:
            self.close()

    def close(self) -> None:
        """Give the port back."""
        if self.socket.fileno() >= 0:
            self._retiring.cancel()
            self._home.loop.forget(self.socket.fileno())
            self.socket.close()

    def send(self) -> None:
        """Send what has been collected."""
        packets, self.unsent = self.unsent, []
        try:
            self._home.bursts.send(self.socket.fileno(), packets)
        except OSError:
            self._give_up()

    def _on_readable(self) -> None:
        try:
            packets = self._home.bursts.receive(self.socket.fileno())
        except OSError:
            self._give_up()
            return
        received, waiting = self._home.flights.received, self.waiting
        now = self._home.loop.now()
        for packet in packets:
            flight = waiting.get(packet[:2])
            if flight is not None:
                received(flight, self.server, packet, now)

    def _give_up(self) -> None:
        """Tell all questions that the server cannot be reached."""
        self.left = 0
        now = self._home.loop.now()
        for flight in list(self.waiting.values()):
            self._home.flights.unreachable(flight, self.server, now)
        if not self.waiting:
            self.close()


class UpstreamSockets:
    """Asks servers over sockets: the effect side of ``Flights``."""

    flights: Flights

    def __init__(self, loop: Loop, counts: Counts) -> None:
        """Begin without sockets; ``attach`` says whom to tell."""
        self.loop = loop
        self.counts = counts
        self.bursts = Bursts()
        self._idents = random_idents()
        self._open: dict[Server, UdpQuestions] = {}
        self._unsent: list[UdpQuestions] = []

    def attach(self, flights: Flights) -> None:
        """Tell these flights what comes back."""
        self.flights = flights

    def ask(
        self, server: Server, packet: bytes, flight: Flight, *, tcp: bool
    ) -> tuple[UdpQuestions | TcpQuestion, bytes] | None:
        """Send a query at the end of this turn; None: there is no way to that server."""
        try:
            if tcp:
                return TcpQuestion(self, server, self._ident() + packet[2:], flight), b""
            sock = self._open.get(server)
            if sock is None or not sock.left:
                sock = self._open[server] = UdpQuestions(self, server)
        except OSError:
            return None
        ident = self._ident()
        while ident in sock.waiting:
            ident = self._ident()
        sock.left -= 1
        sock.waiting[ident] = flight
        if not sock.unsent:
            if not self._unsent:
                self.loop.at_turn_end(self._send)
            self._unsent.append(sock)
        sock.unsent.append(ident + packet[2:])
        return sock, ident

    def _ident(self) -> bytes:
        if not self._idents:
            self._idents = random_idents()
        return self._idents.pop()

    def forget(self, ticket: object) -> None:
        """Wait no longer for the answer to a question."""
        sock, ident = cast("tuple[UdpQuestions | TcpQuestion, bytes]", ticket)
        sock.forget(ident)

    def close(self) -> None:
        """Close what is open for new questions; the rest closes with its flights."""
        for sock in self._open.values():
            sock.retire()

    def _send(self) -> None:
        some, self._unsent = self._unsent, []
        for sock in some:
            sock.send()
