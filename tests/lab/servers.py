"""Servers that tell who reached them: where a packet lands is what its sender is told.

A server answers each TCP connection and each datagram with one ``Landing``: the host and the
port that it listens on, whom it sees as the peer, and for TCP the destination the peer had
asked for before any redirect (SO_ORIGINAL_DST; connection tracking keeps it).

What surprised us: a UDP server bound to the wildcard address answers from whichever address the
kernel likes, which a redirect's reverse translation does not know; the answer must be sent from
the address the query came to (IP_PKTINFO).
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING

from kuma_net.record import Record
from lab.host import fork_here
from lab.system import death_wish, wish_death

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

SO_ORIGINAL_DST = 80
"""include/uapi/linux/netfilter_ipv4.h; IP6T_SO_ORIGINAL_DST has the same number."""
IP_PKTINFO = 8
"""include/uapi/linux/in.h."""
IPV6_RECVPKTINFO, IPV6_PKTINFO = 49, 50
"""include/uapi/linux/in6.h (RFC 3542)."""

FAMILIES = (socket.AF_INET, socket.AF_INET6)
ANYWHERE = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104 - inside the lab


class Door(Record):
    """What a server listens on: ``tcp`` or ``udp``, a port, the user who owns the socket."""

    proto: str
    port: int
    uid: int = 0


class Landing(Record):
    """Where a packet arrived; addresses as ``(address, port)``.

    ``original`` is where it was sent before redirects, None where the host does not know.
    """

    host: str
    port: int
    peer: tuple[str, int]
    original: tuple[str, int] | None = None


class effective:  # noqa: N801 - reads as a word: `with effective(uid, gid):`
    """Sockets made inside belong to the user and group; afterwards all is as before.

    A socket's owner, which netfilter looks at, is the effective user of the process at the time
    it is made (net/netfilter/xt_owner.c: f_cred->fsuid).
    """

    def __init__(self, uid: int, gid: int) -> None:
        """Name the user and the group."""
        self._ids = uid, gid

    def __enter__(self) -> None:
        """Become them, keeping the way back."""
        uid, gid = self._ids
        self._before = os.geteuid(), os.getegid()
        wish = death_wish()
        os.setegid(gid)
        os.seteuid(uid)
        wish_death(wish)

    def __exit__(self, *_: object) -> None:
        """Become who we were."""
        uid, gid = self._before
        wish = death_wish()
        os.seteuid(uid)
        os.setegid(gid)
        wish_death(wish)


def open_doors(host: str, doors: Sequence[Door]) -> int:
    """Listen on all doors in both families and serve them in a child; return its pid.

    The sockets listen before this returns, so nobody needs to wait for them.
    """
    sockets = [one for door in doors for one in listening(door)]
    pid = fork_here(partial(_serve, host, sockets))
    for one in sockets:
        one.close()
    return pid


def listening(door: Door) -> Iterator[socket.socket]:
    """Yield a listening socket for each family, owned by the door's user."""
    kind = socket.SOCK_STREAM if door.proto == "tcp" else socket.SOCK_DGRAM
    for family in FAMILIES:
        with _owned(door.uid):
            one = socket.socket(family, kind)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if door.proto == "udp":
            one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1) if family == socket.AF_INET else (
                one.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
            )
        one.bind((ANYWHERE[family], door.port))
        if door.proto == "tcp":
            one.listen(128)
        one.settimeout(0)
        yield one


def _owned(uid: int) -> AbstractContextManager[None]:
    return effective(uid, uid)


def _serve(host: str, sockets: list[socket.socket]) -> None:
    """Answer for ever."""
    with selectors.DefaultSelector() as ready:
        for one in sockets:
            ready.register(one, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                asked = key.fileobj
                assert isinstance(asked, socket.socket)
                _answer(host, asked)


def _answer(host: str, one: socket.socket) -> None:
    try:
        if one.type == socket.SOCK_STREAM:
            _answer_connection(host, one)
        else:
            _answer_datagram(host, one)
    except OSError:
        pass  # the peer went away; the next one may not


def _answer_connection(host: str, one: socket.socket) -> None:
    connection, peer = one.accept()
    with connection:
        port = one.getsockname()[1]
        landing = Landing(host, port, peer[:2], original_destination(connection))
        connection.sendall(encode(landing))


def _answer_datagram(host: str, one: socket.socket) -> None:
    _, controls, _, peer = one.recvmsg(2048, socket.CMSG_SPACE(64))
    landing = Landing(host, one.getsockname()[1], peer[:2])
    one.sendmsg([encode(landing)], [reply_from(control) for control in controls], 0, peer)


def reply_from(control: tuple[int, int, bytes]) -> tuple[int, int, bytes]:
    """Turn "it came to this address" into "send from this address" (ip(7), RFC 3542)."""
    level, kind, raw = control
    if level == socket.IPPROTO_IP:
        _, _, came_to = struct.unpack("=I4s4s", raw)
        return level, kind, struct.pack("=I4s4s", 0, came_to, bytes(4))
    return level, IPV6_PKTINFO, raw[:16] + struct.pack("=I", 0)


def original_destination(connection: socket.socket) -> tuple[str, int] | None:
    """Return where the peer's connection was meant to go, None if it is not tracked here."""
    try:
        if connection.family == socket.AF_INET:
            raw = connection.getsockopt(socket.IPPROTO_IP, SO_ORIGINAL_DST, 16)
            port, address = struct.unpack_from("!2xH4s", raw)
        else:
            raw = connection.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28)
            port, address = struct.unpack_from("!2xH4x16s", raw)
    except OSError:
        return None
    return socket.inet_ntop(connection.family, address), port


def encode(landing: Landing) -> bytes:
    """Return the line a server sends."""
    return json.dumps([landing.host, landing.port, landing.peer, landing.original]).encode()


def decode(line: bytes) -> Landing:
    """Read the line a server sent; ``ValueError`` if it is none of ours."""
    host, port, peer, original = json.loads(line)
    return Landing(host, port, tuple(peer), tuple(original) if original else None)
