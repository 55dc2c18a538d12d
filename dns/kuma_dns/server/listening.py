"""The sockets we answer at: for each address one of UDP and one of TCP, on the same port.

All addresses are tried before anything is said, so that a person learns in one go of everything
that is in the way.  SO_REUSEADDR is for TCP alone: there it lets a restart take a port whose old
connections linger (TIME_WAIT), with UDP it would let two servers share a port and each of them
starve at random.  IPv6 sockets are for IPv6 only: 0.0.0.0 and :: on one port are two listeners.

The receive buffer is as large as we are allowed: a burst must wait in the kernel while a table
is swapped.  SO_RCVBUFFORCE (CAP_NET_ADMIN) goes beyond net.core.rmem_max, SO_RCVBUF up to it.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Final

from kuma_dns.resolve.servers import Server
from kuma_net.errors import HostError
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kuma_dns.server.systemd import Inherited
    from kuma_dns.settings.load import Settings

RECEIVE_BUFFER: Final = 4 << 20
"""Bytes: some 8000 queries, as the kernel counts them."""
BACKLOG: Final = 512
_SO_RCVBUFFORCE: Final = 33
"""include/uapi/asm-generic/socket.h."""
_TRIES: Final = 16
"""How often a free port for both protocols is looked for."""
_NO_SUCH_ADDRESS: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_WORDS: Final = {
    errno.EADDRINUSE: "another program listens there already",
    errno.EADDRNOTAVAIL: "this host has no such address",
    errno.EAFNOSUPPORT: "this host has no IPv6",
    errno.EACCES: "a port below 1024 needs root or CAP_NET_BIND_SERVICE",
}


class Bound(Record):
    """One address and its two sockets; ``place`` has the port that they really have."""

    place: Server
    udp: socket.socket
    tcp: socket.socket


class Sockets(Record):
    """Everything to answer at: our own sockets and systemd's; ``places`` are their addresses."""

    places: tuple[Server, ...]
    udp: tuple[socket.socket, ...]
    tcp: tuple[socket.socket, ...]
    http: socket.socket | None = None
    http_place: Server | None = None
    skipped: tuple[tuple[Server, str], ...] = ()


def open_sockets(settings: Settings, given: Inherited) -> Sockets:
    """Return all sockets that the settings ask for; ``HostError`` tells every one in the way.

    Sockets of systemd stand for the default addresses; whoever asks for addresses besides gets
    both.
    """
    asked = "--listen" in settings.asked
    wrong: list[str] = []
    own = Listening(())
    if asked or not given:
        try:
            own = listen(settings.listen, asked=asked)
        except HostError as refused:
            wrong.append(str(refused))
    http = given.http[0] if given.http else None
    if http is None and settings.http is not None:
        try:
            http = listen_http(settings.http)
        except HostError as refused:
            wrong.append(str(refused))
    if wrong:
        raise HostError("\n".join(wrong))
    places = [*map(place_of, (*given.udp, *given.tcp)), *[one.place for one in own.bound]]
    return Sockets(
        tuple(dict.fromkeys(places)),
        (*given.udp, *[one.udp for one in own.bound]),
        (*given.tcp, *[one.tcp for one in own.bound]),
        http,
        None if http is None else place_of(http),
        own.skipped,
    )


class Listening(Record):
    """Everything that could be bound, and what was left out because it need not be there."""

    bound: tuple[Bound, ...]
    skipped: tuple[tuple[Server, str], ...] = ()


def listen(places: Sequence[Server], *, asked: bool) -> Listening:
    """Bind all addresses; raises ``HostError`` with a line for each that cannot be.

    Unless they were ``asked`` for, IPv6 ones are left out on a host without IPv6.
    """
    bound: list[Bound] = []
    skipped: list[tuple[Server, str]] = []
    wrong: list[str] = []
    for place in places:
        try:
            bound.append(_both(place))
        except _Refused as refused:
            optional = not asked and _is_ipv6(place)
            if optional and refused.number in _NO_SUCH_ADDRESS:
                skipped.append((place, refused.why))
            else:
                wrong.append(f"cannot listen at {place} ({refused.protocol}): {refused.why}")
    if not bound and not wrong:
        wrong = [f"cannot listen at {place}: {why}" for place, why in skipped]
    if wrong:
        for one in bound:
            one.udp.close()
            one.tcp.close()
        raise HostError("\n".join(wrong))
    return Listening(tuple(bound), tuple(skipped))


def listen_http(place: Server) -> socket.socket:
    """Return the socket of the HTTP server; raises ``HostError``."""
    try:
        return _tcp(place)
    except OSError as problem:
        why = _why(problem)
        raise HostError(f"cannot listen at {place} (HTTP): {why}") from None


def place_of(one: socket.socket) -> Server:
    """Return where a socket is bound."""
    host, port = one.getsockname()[:2]
    return Server(host, port)


def _is_ipv6(place: Server) -> bool:
    return ":" in place.host


class _Refused(Exception):
    """An address that cannot be had."""

    def __init__(self, protocol: str, problem: OSError) -> None:
        self.protocol = protocol
        self.number = problem.errno
        self.why = _why(problem)
        super().__init__(self.why)


def _why(problem: OSError) -> str:
    return _WORDS.get(problem.errno or 0) or problem.strerror or str(problem)


def _both(place: Server) -> Bound:
    """Bind UDP and TCP; a free port (0) must be free for both."""
    for left in reversed(range(_TRIES)):
        try:
            udp = _udp(place)
        except OSError as problem:
            raise _Refused("UDP", problem) from None
        real = place._replace(port=udp.getsockname()[1])
        try:
            return Bound(real, udp, _tcp(real))
        except OSError as problem:
            udp.close()
            if place.port or problem.errno != errno.EADDRINUSE or not left:
                raise _Refused("TCP", problem) from None
    raise AssertionError  # the last try returns or raises


def _made(place: Server, kind: int) -> socket.socket:
    family = socket.AF_INET6 if _is_ipv6(place) else socket.AF_INET
    one = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return one


def _bind(one: socket.socket, place: Server) -> None:
    try:
        one.bind((place.host, place.port))
    except OSError:
        one.close()
        raise


def _udp(place: Server) -> socket.socket:
    one = _made(place, socket.SOCK_DGRAM)
    for option in (socket.SO_RCVBUF, _SO_RCVBUFFORCE):
        try:
            one.setsockopt(socket.SOL_SOCKET, option, RECEIVE_BUFFER)
        except PermissionError:  # the second needs CAP_NET_ADMIN; the first did what it could
            continue
    _bind(one, place)
    return one


def _tcp(place: Server) -> socket.socket:
    one = _made(place, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _bind(one, place)
    try:
        one.listen(BACKLOG)
    except OSError:  # Linux lets two bind a port with SO_REUSEADDR, but only one of them listen
        one.close()
        raise
    return one
