"""Connections from ourselves to ourselves, and where they arrive.

Theory.  A process listens at two places of one family: at the ``proxy``'s, where captured
connections go, and at the ``target``, an address of the loopback interface to which it then sends
a connection itself.  What becomes of that connection tells what the rules do to it:

=====================  =============================================================
arrives at the proxy   captured, to the right port
arrives at the target  not captured
is refused             sent elsewhere, where nobody listens: captured to another port
nothing happens        dropped
=====================  =============================================================

No capability is needed for that, so the sidecar's own user can do it, whose packets the rules
know by their owner.

*Who* answered is proven by a word that nobody else knows: chance bytes go through the connection
one way and a turned copy of them the other way.  That matters in a pod that others call already:
their connections arrive at the same port, and are closed.

What surprised us: the accepted socket knows where its connection was meant to go before it was
redirected (SO_ORIGINAL_DST, which any user may ask), so a rule can be told from a program that
forwards connections.  And who closes first keeps the address for a minute (TIME_WAIT), so the
client does, lest the sidecar find its port in use.
"""

from __future__ import annotations

import selectors
import socket
from posix import urandom
from time import monotonic

from kuma_net.record import Record
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Literal, Self, TypeAlias

    Place: TypeAlias = Literal["proxy", "target", "nowhere"]
    Address: TypeAlias = tuple[str, int]

LOCALHOST = {Family.IPV4: "127.0.0.1", Family.IPV6: "::1"}
PASSTHROUGH = {Family.IPV4: "127.0.0.6", Family.IPV6: "::6"}
"""Where the sidecar listens, and from where it hands captured connections to the workload."""

BACKLOG = 128
WORD_BYTES = 16
_ORIGINAL_DST = 80
"""SO_ORIGINAL_DST (linux/netfilter_ipv4.h) and IP6T_SO_ORIGINAL_DST are the same number."""
_LEVEL = {Family.IPV4: socket.IPPROTO_IP, Family.IPV6: socket.IPPROTO_IPV6}
_SOCKADDR_BYTES = {Family.IPV4: 16, Family.IPV6: 28}
_SOCKADDR_ADDRESS = {Family.IPV4: slice(4, 8), Family.IPV6: slice(8, 24)}


DROPPED = "there was no answer: it is dropped on the way, or sent elsewhere"
REFUSED = "it was refused, so it is redirected to a port where nobody listens, or rejected"


class Arrival(Record):
    """What became of a connection.

    ``original`` is where it was meant to go, as connection tracking knows it; None where it does
    not.  ``problem`` says in the kernel's words why it arrived nowhere.
    """

    place: Place
    original: Address | None = None
    problem: str = ""


class Occupied(OSError):
    """An address to listen at cannot be had; ``address`` says which, ``strerror`` why."""

    def __init__(self, address: Address, problem: OSError) -> None:
        """Keep the address beside the kernel's word."""
        super().__init__(problem.errno, problem.strerror)
        self.address = address


class Ends:
    """Both listening sockets of one family, and connections between them; a context manager."""

    def __init__(self, family: Family, proxy_port: int, target_ports: Iterable[int]) -> None:
        """Listen at the proxy's port and at the first target port that is free.

        Raises Occupied for the proxy's port, and for the last target port if none can be had.
        """
        self.family = family
        self._proxy = _listening(family, (LOCALHOST[family], proxy_port))
        try:
            self._target = _first_free(family, target_ports)
        except OSError:
            self._proxy.close()
            raise
        self.target: Address = self._target.getsockname()[:2]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Listen no longer."""
        self._proxy.close()
        self._target.close()

    def send(self, source: str, seconds: float) -> Arrival:
        """Connect from a source address to the target and return where it arrived in time."""
        until = monotonic() + seconds
        with _socket(self.family) as client:
            client.settimeout(seconds)
            word = urandom(WORD_BYTES)
            try:
                client.bind((source, 0))
                client.connect(self.target)
                client.sendall(word)
                return self._meet(client, word, until)
            except TimeoutError:
                return Arrival("nowhere", problem=DROPPED)
            except ConnectionRefusedError:
                return Arrival("nowhere", problem=REFUSED)
            except OSError as problem:
                return Arrival("nowhere", problem=problem.strerror or str(problem))

    def _meet(self, client: socket.socket, word: bytes, until: float) -> Arrival:
        """Accept at both places until one of the connections brings the word."""
        places: dict[socket.socket, Place] = {self._proxy: "proxy", self._target: "target"}
        accepted: dict[socket.socket, Place] = {}
        with selectors.PollSelector() as ready:
            for listener in places:
                ready.register(listener, selectors.EVENT_READ)
            try:
                while (left := until - monotonic()) > 0:
                    for key, _ in ready.select(left):
                        one = key.fileobj
                        assert isinstance(one, socket.socket)  # noqa: S101 - only those are watched
                        if one in places:
                            if (visitor := _accept(one)) is not None:
                                accepted[visitor] = places[one]
                                ready.register(visitor, selectors.EVENT_READ)
                        elif _received(one) == word:
                            return self._greet(client, one, word, accepted[one])
                        else:
                            ready.unregister(one)
                            del accepted[one]
                            one.close()
            finally:
                for one in accepted:
                    one.close()
        return Arrival("nowhere", problem="somebody else answered, or nobody")

    def _greet(
        self, client: socket.socket, visitor: socket.socket, word: bytes, place: Place
    ) -> Arrival:
        """Send the turned word back: the connection must carry it both ways."""
        original = _original(self.family, visitor)
        visitor.sendall(word[::-1])
        answer = client.recv(WORD_BYTES)
        client.close()
        if answer != word[::-1]:
            return Arrival("nowhere", original, "the answer came back changed")
        return Arrival(place, original)


def _socket(family: Family) -> socket.socket:
    return socket.socket(family.number, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)


def _listening(family: Family, address: Address) -> socket.socket:
    made = _socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(BACKLOG)
        made.setblocking(False)  # noqa: FBT003 - the socket's own word
    except OSError as problem:
        made.close()
        raise Occupied(address, problem) from problem
    return made


def _first_free(family: Family, ports: Iterable[int]) -> socket.socket:
    last: OSError | None = None
    for port in ports:
        try:
            return _listening(family, (PASSTHROUGH[family], port))
        except Occupied as problem:
            last = problem
    raise last or OSError("there is no port to try")


def _accept(listener: socket.socket) -> socket.socket | None:
    try:
        visitor, _ = listener.accept()
    except OSError:  # whoever it was has gone again
        return None
    visitor.setblocking(False)  # noqa: FBT003 - as above
    return visitor


def _received(visitor: socket.socket) -> bytes:
    try:
        return visitor.recv(WORD_BYTES)
    except OSError:
        return b""


def _original(family: Family, visitor: socket.socket) -> Address | None:
    """Return where a connection was sent before any redirect: a sockaddr of connection tracking."""
    try:
        raw = visitor.getsockopt(_LEVEL[family], _ORIGINAL_DST, _SOCKADDR_BYTES[family])
    except OSError:
        return None
    address = socket.inet_ntop(family.number, raw[_SOCKADDR_ADDRESS[family]])
    return address, int.from_bytes(raw[2:4], "big")
