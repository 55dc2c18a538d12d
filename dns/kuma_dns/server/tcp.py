"""Clients that ask by TCP (RFC 7766): many connections, many questions on each.

A connection that is full of promise costs as much as one that is used, so their number is
bounded.  When the bound is reached, a new connection takes the place of the one that has been
idle longest; RFC 7766 section 6.2.3 lets a server close idle connections whenever it needs to,
and clients are told to ask again on a new one.  To refuse the new one instead would let anybody
who opens a thousand connections and says nothing shut out everybody else.

What is done with one connection stands in ``server.connection``.
"""

from __future__ import annotations

from socket import IPPROTO_TCP, SO_SNDBUF, SOL_SOCKET, TCP_NODELAY
from typing import TYPE_CHECKING, Final

from kuma_dns.server.connection import Connection

if TYPE_CHECKING:
    from socket import socket

    from kuma_dns.resolve.resolver import Resolver
    from kuma_net.serving.loop import Loop, Timer

_ACCEPTS: Final = 64
"""Of one turn."""
_SEND_BUFFER: Final = 64 << 10
"""Bytes: the longest answer."""
_BREATH: Final = 0.1
"""Seconds without accepting when there are no descriptors left."""


class TcpListener:
    """Accepts connections and closes the idle ones."""

    def __init__(
        self, sock: socket, resolver: Resolver, loop: Loop, *, idle: float = 10.0, most: int = 1000
    ) -> None:
        """Take a listening socket; it is closed with the listener.

        A connection is closed after ``idle`` seconds without a whole query and its answer;
        ``most`` are open at once.
        """
        sock.setblocking(False)  # noqa: FBT003 - the library's signature
        # What is accepted inherits both.  Left alone, the kernel keeps up to 4 MB of what one
        # client does not read (net.ipv4.tcp_wmem).
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        sock.setsockopt(SOL_SOCKET, SO_SNDBUF, _SEND_BUFFER)
        self.resolver = resolver
        self.loop = loop
        self.owed = 0
        self._socket = sock
        self._idle = idle
        self._most = most
        self._connections: dict[Connection, float] = {}
        self._sweep: Timer | None = None
        self._closed = False
        self._listen()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def close(self) -> None:
        """Accept no more; what is open stays so."""
        if not self._closed:
            self._closed = True
            self.loop.forget(self._socket.fileno())
            self._socket.close()

    def drain(self) -> None:
        """Answer what has been asked on the open connections, then close each."""
        for connection in list(self._connections):
            connection.drain()

    def abort(self) -> None:
        """Close all that are open, answered or not."""
        for connection in list(self._connections):
            connection.close()

    def used(self, connection: Connection) -> None:
        """Let a connection's idle time begin anew; they are kept in order of it."""
        self._connections.pop(connection, None)
        self._connections[connection] = self.loop.now()

    def closed(self, connection: Connection) -> None:
        """Forget a connection that was closed."""
        self._connections.pop(connection, None)

    def _listen(self) -> None:
        if not self._closed:
            self.loop.on_readable(self._socket.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        for _ in range(_ACCEPTS):
            try:
                sock, _ = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionError:  # gone before she was let in (accept(2))
                continue
            except OSError:  # no descriptors or memory left: waiting connections stay readable
                if self._make_room():
                    continue
                self.loop.pause_reading(self._socket.fileno())
                self.loop.at(self.loop.now() + _BREATH, self._listen)
                return
            self._admit(sock)

    def _admit(self, sock: socket) -> None:
        if len(self._connections) >= self._most:
            self._make_room()
        self.used(Connection(sock, self))
        if self._sweep is None:
            self._sweep = self.loop.at(self.loop.now() + self._idle, self._on_sweep)

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest; one that waits for us comes last.

        Returns whether there was one.
        """
        oldest = next(iter(self._connections), None)
        idle = next((one for one in self._connections if not one.waiting), oldest)
        if idle is None:
            return False
        idle.close()
        return True

    def _on_sweep(self) -> None:
        """Close who has been idle too long; come again when the next one may be."""
        now = self.loop.now()
        for connection, since in list(self._connections.items()):
            if since + self._idle > now:
                break
            if connection.is_served:
                self.used(connection)
            else:
                connection.close()
        oldest = next(iter(self._connections.values()), None)
        self._sweep = None
        if oldest is not None:
            self._sweep = self.loop.at(oldest + self._idle, self._on_sweep)
