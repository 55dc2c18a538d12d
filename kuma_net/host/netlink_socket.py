"""The only AF_NETLINK socket: sends requests, collects answers, says what was refused.

One socket speaks one protocol (``NETFILTER`` or ``ROUTE``) with the network namespace of the
thread that first uses it; ``close`` lets go of it and the next request opens another.

Rules of the kernel that shape this code (net/netlink/af_netlink.c, net/netfilter/nfnetlink.c):

* the refusals of a batch all arrive after the whole batch was read, in order; the first is the
  cause, those after it mostly its consequences;
* an acknowledgement is asked for on the last message before the batch's end: one for the end
  itself exists only since 6.10;
* without CAP_NET_ADMIN the kernel answers the first message and looks at no other;
* a datagram must fit the send buffer: SO_SNDBUFFORCE may exceed the limit that SO_SNDBUF obeys,
  but needs CAP_NET_ADMIN in the user namespace that owns the network namespace;
* a listing that a change interrupted is flagged so, and asked for again here.

``_socket`` is the C half of ``socket``; the Python half costs 8 ms of start-up.
"""

from __future__ import annotations

from _socket import AF_NETLINK, SO_RCVTIMEO, SO_SNDBUF, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, socket
from _struct import pack
from errno import EINTR, EMSGSIZE, ENOBUFS, EPERM, EPROTONOSUPPORT, ETIMEDOUT
from posix import strerror

from kuma_net.errors import NetlinkError, PermissionDenied
from kuma_net.netlink.message import (
    ACK,
    BATCH_END,
    DONE,
    DUMP,
    DUMP_INTERRUPTED,
    ERROR,
    MULTI,
    Answer,
    Message,
    answer,
    encode,
    messages,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from kuma_net.netlink.message import Request

ROUTE = 0
NETFILTER = 12
"""NETLINK_ROUTE and NETLINK_NETFILTER (include/uapi/linux/netlink.h)."""

ANSWER_SECONDS = 10
RECEIVE_BYTES = 1 << 17
USUAL_BUFFER = 1 << 17
"""Below this many bytes a datagram fits the send buffer as it is (212,992 by default)."""
DUMP_ATTEMPTS = 20

_SOL_NETLINK = 270
_EXT_ACK = 11
_CAP_ACK = 10
_SO_SNDBUFFORCE = 32


class NetlinkSocket:
    """A ``Kernel``: see ``netlink.message``.  ``what`` words the activity for PermissionDenied."""

    def __init__(self, protocol: int = NETFILTER, what: str = "changing the firewall") -> None:
        """Open nothing yet."""
        self._protocol = protocol
        self._what = what
        self._socket: socket | None = None
        self._sequence = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def commit(self, requests: Sequence[Request]) -> None:
        """Send all in one datagram and wait for the kernel's word; see ``Kernel``.

        Raises NetlinkError for the first that was refused, PermissionDenied.
        """
        first = self._sequence + 1
        acked = len(requests) - (2 if requests[-1].type == BATCH_END else 1)
        encoded = [
            encode(request, first + index, ACK if index == acked else 0)
            for index, request in enumerate(requests)
        ]
        self._sequence += len(requests)
        self._send(b"".join(encoded))
        refused = self._outcome(first, first + acked)
        if refused is not None:
            index = refused.sequence - first
            raise self._error(refused, requests[index], index, encoded[index])

    def dump(self, request: Request) -> list[Message]:
        """Return the messages that answer the request; see ``Kernel``.

        Raises NetlinkError when it is refused, or when the listing is interrupted by changes
        time and again; PermissionDenied.
        """
        for _ in range(DUMP_ATTEMPTS):
            self._sequence += 1
            self._send(encode(request, self._sequence))
            try:
                found = self._collect(request)
            except NetlinkError as error:
                if error.errno != ENOBUFS:
                    raise
                continue
            if found is not None:
                return found
        raise NetlinkError(
            EINTR, strerror(EINTR), request.words(), 0, "changes kept interrupting the listing"
        )

    def _collect(self, request: Request) -> list[Message] | None:
        """Return one listing, or None when a change interrupted it."""
        found: list[Message] = []
        interrupted = False
        while True:
            for message in self._receive():
                if message.sequence != self._sequence:
                    continue
                interrupted |= bool(message.flags & DUMP_INTERRUPTED)
                if message.type == ERROR:
                    said = answer(message)
                    if said.errno == EINTR:
                        return None
                    if said.errno:
                        raise self._error(said, request, 0)
                    return found
                if message.type == DONE:
                    return None if interrupted else found
                found.append(message)
                if not (message.flags & MULTI or request.flags & DUMP):
                    return found

    def _outcome(self, first: int, last: int) -> Answer | None:
        """Return the first refusal among the answers, or None when all was done."""
        refused: Answer | None = None
        while True:
            for message in self._receive():
                if message.type != ERROR or not first <= message.sequence <= last:
                    continue
                said = answer(message)
                if said.errno and refused is None:
                    refused = said
                if message.sequence == last or (said.errno and message.sequence == first):
                    return refused

    def _send(self, data: bytes) -> None:
        connection = self._socket or self._open()
        if len(data) > USUAL_BUFFER:
            _enlarge(connection, 2 * len(data))
        try:
            connection.send(data)
        except OSError as error:
            code = error.errno or EMSGSIZE
            hint = "raise net.core.wmem_max" if code == EMSGSIZE else ""
            words = f"a message of {len(data)} bytes"
            raise NetlinkError(code, strerror(code), words, -1, hint) from error

    def _receive(self) -> list[Message]:
        connection = self._socket or self._open()
        try:
            return list(messages(connection.recv(RECEIVE_BYTES)))
        except BlockingIOError:
            words = f"an answer within {ANSWER_SECONDS} s"
            raise NetlinkError(ETIMEDOUT, strerror(ETIMEDOUT), words) from None
        except OSError as error:
            code = error.errno or EINTR
            words = "to be heard (its answers were lost)" if code == ENOBUFS else "to be heard"
            raise NetlinkError(code, strerror(code), words) from error

    def _open(self) -> socket:
        try:
            connection = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, self._protocol)
        except OSError as error:
            code = error.errno or EPROTONOSUPPORT
            raise NetlinkError(code, strerror(code), "a netlink socket") from error
        connection.setsockopt(SOL_SOCKET, SO_RCVTIMEO, pack("@ll", ANSWER_SECONDS, 0))
        for option in (_EXT_ACK, _CAP_ACK):
            try:
                connection.setsockopt(_SOL_NETLINK, option, 1)
            except OSError:  # before 4.12 (4.3): the answers are merely less telling
                continue
        self._socket = connection
        return connection

    def _error(
        self, said: Answer, request: Request, index: int, data: bytes = b""
    ) -> NetlinkError | PermissionDenied:
        """Return the error; ``data`` is the request's bytes where they may tell more."""
        if said.errno == EPERM and index == 0:
            return PermissionDenied("CAP_NET_ADMIN", self._what)
        explanation = said.explanation
        if data and self._protocol == NETFILTER and request.type > BATCH_END:
            from kuma_net.netlink.refusal import explain

            explanation = explain(data, said)
        return NetlinkError(said.errno, strerror(said.errno), request.words(), index, explanation)


def _enlarge(connection: socket, size: int) -> None:
    """Make room for a datagram of half that size, as far as allowed."""
    for option in (_SO_SNDBUFFORCE, SO_SNDBUF):
        try:
            connection.setsockopt(SOL_SOCKET, option, size)
        except PermissionError:
            continue
        return
