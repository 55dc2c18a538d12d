"""Clients that ask by UDP.

Each time the socket is readable, what has arrived is taken in batches (``server.datagrams``).
For every packet of a batch the memo is looked into at once; whatever is not there goes the longer
ways.  Answers that are there at once lie where the queries lay and leave with one system call.
Others come later, by ``send`` of the client that the query was handed on with; they are collected
until the end of the loop's turn and leave together too.

Counting costs one line: the memo keeps each answer's kind behind its last byte, and that byte is
written into the slot but not sent.  What surprised us: an empty recvmmsg costs less than a turn
of the loop, so after a batch it is tried again at once; and a batch's time is every answer's
time, since all of them leave at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_dns.counts import COUNTED
from kuma_dns.server.datagrams import ROOM, Datagrams
from kuma_dns.wire.message import LONGEST_MESSAGE

if TYPE_CHECKING:
    from socket import socket

    from kuma_dns.resolve.resolver import Resolver
    from kuma_dns.server.datagrams import Peer
    from kuma_net.serving.loop import Loop

_BATCHES: Final = 8
"""Of one call; then others get their turn."""
_LATE_SLOTS: Final = 16
_LAST_BATCHES: Final = 64
"""Of the last call, when the listener closes."""
_COUNTED: Final = bytes((COUNTED,))


class UdpListener:
    """Answers what arrives at one socket."""

    def __init__(self, sock: socket, resolver: Resolver, loop: Loop) -> None:
        """Take a bound socket; it is closed with the listener."""
        sock.setblocking(False)  # noqa: FBT003 - the library's signature
        self._socket = sock
        self._resolver = resolver
        self._loop = loop
        self._slots = Datagrams(sock)
        self._late_slots = Datagrams(sock, slots=_LATE_SLOTS, room=LONGEST_MESSAGE)
        self._late: list[tuple[bytes, Peer]] = []
        self._closed = False
        loop.on_readable(sock.fileno(), self._on_readable)

    def close(self) -> None:
        """Answer what has arrived, send what is there, and close the socket."""
        self._take(_LAST_BATCHES)
        self._send_late()
        self._closed = True
        self._loop.forget(self._socket.fileno())
        self._socket.close()

    def _on_readable(self) -> None:
        self._take(_BATCHES)

    def _take(self, batches: int) -> None:
        slots, now = self._slots, self._loop.now
        for _ in range(batches):
            count = slots.receive()
            if not count:
                return
            began = now()
            answered = self._answer(count, began)
            counts = self._resolver.counts
            counts.dropped += slots.send(answered)
            slots.renew(count)
            counts.requests.observe(now() - began, answered)

    def _answer(self, count: int, now: float) -> int:
        """Write the answers over the queries; return how many slots are to be sent."""
        slots, resolver = self._slots, self._resolver
        packets, words, sizes = slots.packets, slots.words, slots.sizes
        memo, quick = resolver.memo, resolver.quick.answer
        lasting, brief, tally = memo.lasting.get, memo.brief.get, resolver.counts.tally
        keep, missed = True, 0
        unanswered = []
        for slot, start, body, length, size in slots.places[:count]:
            end = start + words[length]
            query = packets[body:end]
            told = lasting(query) or brief(query)
            if told is None:
                missed += 1
                told = quick(query, keep=keep) or self._resolve(slot, packets[start:end], now)
                keep = memo.has_room
                if told is None:
                    unanswered.append(slot)
                    continue
            packets[body : body + len(told)] = told
            sizes[size] = len(told) + 1
            tally[told[-1]] += 1
        resolver.counts.memo_hits += count - missed
        return slots.leave_out(unanswered, count) if unanswered else count

    def _resolve(self, slot: int, packet: bytes, now: float) -> bytes | None:
        """Return an answer without id, its kind behind it; None: later or never."""
        resolver = self._resolver
        if self._slots.is_cut(slot):
            packet += b"\0"  # longer than any query may be: what becomes of such is not ours to say
        client = _Client(self, self._slots.peer(slot), now)
        answer = resolver.receive(packet, client, now)
        if answer is None:
            return None
        if len(answer.packet) > ROOM:
            client.send(answer.packet)
            return None
        return answer.packet[2:] + _COUNTED

    def send(self, packet: bytes, peer: Peer, since: float) -> None:
        """Send an answer at the end of the turn; it is lost if the listener is closed."""
        if self._closed:
            return
        self._resolver.counts.requests.observe(self._loop.now() - since)
        if not self._late:
            self._loop.at_turn_end(self._send_late)
        self._late.append((packet, peer))

    def _send_late(self) -> None:
        while self._late:
            some, self._late = self._late[:_LATE_SLOTS], self._late[_LATE_SLOTS:]
            for slot, (packet, peer) in enumerate(some):
                self._late_slots.put(slot, packet, peer)
            self._resolver.counts.dropped += self._late_slots.send(len(some))


class _Client:
    """Who asked one question, for as long as she waits."""

    __slots__ = ("_listener", "_peer", "_since")
    tcp: Final = False

    def __init__(self, listener: UdpListener, peer: Peer, since: float) -> None:
        self._listener = listener
        self._peer = peer
        self._since = since

    def send(self, packet: bytes) -> None:
        """Send an answer that was not there at once."""
        self._listener.send(packet, self._peer, self._since)
