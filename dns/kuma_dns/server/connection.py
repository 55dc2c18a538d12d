"""One client's connection: length, query, length, query... in; answers out in any order.

Theory.  Each message has its length before it, two bytes (RFC 1035 section 4.2.2).  Queries may
follow each other without waiting for answers, and answers leave as they become known (RFC 7766
sections 6.2.1.1 and 7).  All that is to be said at the end of a turn leaves with one call: a
length that travels alone makes some clients think that the rest is missing (section 8).

What a client may cost us is bounded on every side:

* *time of a turn*: a few kilobytes are read at once; whoever has sent more gets another turn;
* *idle time*: counts from when the last answer was taken.  Bytes of a query that is never
  finished do not count, nor does an answer that is taken a byte at a time;
* *answers she does not read*: as long as the kernel has no room for one, nothing more is read or
  answered, so that her own sending comes to a halt.  What is on its way already still comes, 64
  KB for each question perhaps: beyond some megabytes of all connections, whoever takes nothing
  is closed;
* *questions under way*: the same, beyond some number of them;
* *half-sent queries*: the longest query has 4 KB; of a longer message so much is handed on as
  makes clear that it is none, and the rest is thrown away as it comes;
* *nonsense*: whoever sends a response, or less than a header, has lost her place in the stream
  and will not find it again: what she asked before is answered, and the connection closed.

A client may close her half (shutdown(2)) and still wait for answers; she gets them.
"""

from __future__ import annotations

from contextlib import suppress
from socket import SHUT_RDWR
from struct import Struct
from typing import TYPE_CHECKING, Final

from kuma_dns.wire.frames import Frames
from kuma_dns.wire.message import HEADER

if TYPE_CHECKING:
    from socket import socket

    from kuma_dns.server.tcp import TcpListener

_READ: Final = 4096
"""Bytes of one turn: some hundred queries."""
_MOST_UNSENT: Final = 16 << 10
_MOST_OWED: Final = 8 << 20
"""Bytes of answers that all connections together have not taken."""
_MOST_WAITING: Final = 256
"""Questions of one connection that are under way to upstream servers."""
_LENGTH: Final = Struct("!H").pack
_RESPONSE: Final = 0x80
_CUT: Final = 2
"""The bits QR and TC in the third byte of a header."""


class Connection:
    """Reads queries, hands them on, sends answers."""

    __slots__ = (
        "_descriptor",
        "_drains",
        "_ended",
        "_flushes",
        "_frames",
        "_listener",
        "_loop",
        "_open",
        "_owed",
        "_paused",
        "_socket",
        "_unsent",
        "waiting",
    )

    def __init__(self, sock: socket, listener: TcpListener) -> None:
        """Take an accepted socket."""
        sock.setblocking(False)  # noqa: FBT003 - the library's signature
        self._socket = sock
        self._descriptor = sock.fileno()
        self._listener = listener
        self._loop = listener.loop
        self._frames = Frames()
        self._unsent = bytearray()
        self._drains = self._ended = self._paused = self._flushes = False
        self._open = True
        self._owed = self.waiting = 0
        self._loop.on_readable(self._descriptor, self._on_readable)

    @property
    def is_served(self) -> bool:
        """Whether it is we who keep the client waiting, not she us."""
        return bool(self.waiting) and not self._unsent

    def close(self) -> None:
        """Close at once."""
        if self._open:
            self._open = False
            self._unsent.clear()  # who waits for other servers' answers still holds this object
            self._owe(0)
            self._listener.closed(self)
            self._loop.forget(self._descriptor)
            # A process that makes a table has this socket, too: without shutdown(2) the client
            # would hear of the end when that process ends.
            with suppress(OSError):
                self._socket.shutdown(SHUT_RDWR)
            self._socket.close()

    def drain(self) -> None:
        """Answer what has arrived, then close."""
        self._drains = True
        if not self._paused:
            self._on_readable()

    def _end(self) -> None:
        """Read no more; close as soon as all is said."""
        if self._open and not self._ended:
            self._ended = True
            self._loop.pause_reading(self._descriptor)
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._ended and not (self.waiting or self._unsent or self._paused):
            self.close()

    # --- queries --------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        if self._ended:
            return
        try:
            received = self._socket.recv(_READ)
        except BlockingIOError:
            received = b""
            if not self._drains:
                return
        except OSError:
            self.close()
            return
        if received:
            self._frames.add(received)
            self._take()
        if len(received) < (_READ if self._drains else 1):
            self._end()

    def _take(self) -> None:
        """Answer the whole queries; the others stay where they are."""
        now, began, known = self._loop.now, self._loop.now(), 0
        counts = self._listener.resolver.counts
        while not self._is_full():
            packet = self._frames.next()
            if packet is None:
                break
            if len(packet) < HEADER or packet[2] & _RESPONSE:
                counts.ignored += 1
                self._frames = Frames()
                self._end()
                break
            if self._tell(packet):
                known += 1
            else:
                self._ask(packet, now())
        else:
            self._pause()
        if known:
            counts.requests.observe(now() - began, known)

    def _is_full(self) -> bool:
        return len(self._unsent) > _MOST_UNSENT or self.waiting >= _MOST_WAITING

    def _tell(self, packet: bytes) -> bool:
        """Answer at once if that is easy: see ``resolve.memo`` and ``resolve.quick``."""
        resolver, query = self._listener.resolver, packet[2:]
        told = resolver.memo.find(query)
        if told is not None and not told[0] & _CUT:
            resolver.counts.memo_hits += 1
        else:
            told = resolver.quick.answer(query, keep=False)
            if told is None:
                return False
        resolver.counts.tally[told[-1]] += 1
        self._say(packet[:2] + told[:-1])
        return True

    def _ask(self, packet: bytes, now: float) -> None:
        self.waiting += 1
        answer = self._listener.resolver.receive(packet, _Client(self, now), now)
        if answer is not None:
            self.answer(answer.packet, now)

    # --- answers --------------------------------------------------------------------------------

    def answer(self, packet: bytes, since: float) -> None:
        """Answer a query that was asked at ``since``, at the end of this turn."""
        self.waiting -= 1
        self._listener.resolver.counts.requests.observe(self._loop.now() - since)
        if self._open:
            self._say(packet)

    def _say(self, packet: bytes) -> None:
        self._unsent += _LENGTH(len(packet)) + packet
        if not self._flushes:
            self._flushes = True
            self._loop.at_turn_end(self._flush)

    def _flush(self) -> None:
        """Send what there is; go on when all of it has gone."""
        self._flushes = False
        if not self._open:
            return
        try:
            del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        self._owe(len(self._unsent))
        if self._unsent:
            if self._listener.owed > _MOST_OWED:
                self.close()
                return
            self._pause()
            self._loop.on_writable(self._descriptor, self._flush)
            return
        self._listener.used(self)
        self._go_on()

    def _owe(self, size: int) -> None:
        """Tell the listener how many bytes of answers are not taken."""
        self._listener.owed += size - self._owed
        self._owed = size

    def _pause(self) -> None:
        self._paused = True
        self._loop.pause_reading(self._descriptor)

    def _go_on(self) -> None:
        """Answer what was held back, read on, or close if nothing more will come."""
        if self._paused:
            self._paused = False
            self._loop.on_writable(self._descriptor, None)
            self._take()
            if self._open and not (self._paused or self._ended):
                self._loop.on_readable(self._descriptor, self._on_readable)
                if self._drains:  # what is to be read may have come long ago, or not at all
                    self._loop.at(self._loop.now(), self._on_readable)
        self._close_if_done()


class _Client:
    """Who asked one question on a connection."""

    __slots__ = ("_connection", "_since")
    tcp: Final = True

    def __init__(self, connection: Connection, since: float) -> None:
        self._connection = connection
        self._since = since

    def send(self, packet: bytes) -> None:
        """Send an answer that was not there at once."""
        self._connection.answer(packet, self._since)
