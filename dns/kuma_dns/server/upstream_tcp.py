"""One question to an upstream server over TCP (RFC 7766), on a connection of its own.

The way over TCP is rare: what does not fit into a datagram, and clients that come by TCP
themselves.  So there is no pool.  No time limit either: the flight knows when to stop, and
forgets the question.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kuma_dns.resolve.flights import Flight
    from kuma_dns.resolve.servers import Server
    from kuma_dns.server.upstream import UpstreamSockets

_LENGTH: Final = Struct("!H")
_ROOM: Final = 65536


class TcpQuestion:
    """A connection that carries one question and its answer."""

    def __init__(
        self, home: UpstreamSockets, server: Server, packet: bytes, flight: Flight
    ) -> None:
        """Begin to connect; raises OSError if there is no way."""
        family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            with suppress(BlockingIOError):
                self._socket.connect(server)
        except OSError:
            self._socket.close()
            raise
        self._home = home
        self._server = server
        self._flight = flight
        self._unsent = _LENGTH.pack(len(packet)) + packet
        self._ident = packet[:2]
        self._received = bytearray()
        home.loop.on_writable(self._socket.fileno(), self._on_writable)
        home.loop.on_readable(self._socket.fileno(), self._on_readable)

    def forget(self, _: bytes = b"") -> None:
        """Close the connection."""
        if self._socket.fileno() >= 0:
            self._home.loop.forget(self._socket.fileno())
            self._socket.close()

    def _on_writable(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            return
        except OSError:
            self._break_off()
            return
        if not self._unsent:
            self._home.loop.on_writable(self._socket.fileno(), None)

    def _on_readable(self) -> None:
        try:
            some = self._socket.recv(_ROOM)
        except BlockingIOError:
            return
        except OSError:
            some = b""
        self._received += some
        if not some:
            self._break_off()
        elif self._is_whole():
            self._hand_over()

    def _is_whole(self) -> bool:
        have = len(self._received) - _LENGTH.size
        return have >= 0 and have >= _LENGTH.unpack_from(self._received)[0]

    def _hand_over(self) -> None:
        """Hand over what came; whatever is no answer to this question breaks the way off."""
        end = _LENGTH.size + _LENGTH.unpack_from(self._received)[0]
        packet = bytes(self._received[_LENGTH.size : end])
        if packet[:2] == self._ident:
            now = self._home.loop.now()
            self._home.flights.received(self._flight, self._server, packet, now, tcp=True)
        if self._socket.fileno() >= 0:
            self._break_off()

    def _break_off(self) -> None:
        self.forget()
        self._home.flights.unreachable(self._flight, self._server, self._home.loop.now())
