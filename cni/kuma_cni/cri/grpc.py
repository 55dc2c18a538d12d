"""Unary gRPC calls over a unix socket: HTTP/2 by h2, one call after another, deadlines throughout.

Theory (grpc/doc/PROTOCOL-HTTP2.md).  A call is one HTTP/2 request: ``POST /package.Service/Method``
with ``te: trailers`` and ``content-type: application/grpc``.  The body is one byte that says
whether it is compressed, four bytes of length, and the message.  The answer has the same shape; how
the call went is in its *trailers*, ``grpc-status`` and a percent-encoded ``grpc-message``.  A
server that refuses at once sends headers and trailers in one.

h2 keeps the state of the protocol and knows no sockets: bytes go in, events come out, and after
each of them there may be bytes to send (settings, acknowledgements, windows).

What must be minded:

* every wait is for what is left of the call's deadline: a server that drips one byte at a time,
  or pings for ever, gets no more time than one that says nothing;
* flow control works on both sides: what we received must be acknowledged or the server stops after
  64 KiB, and a long request waits for the server's windows;
* the answer is bounded, compressed answers are not asked for and refused;
* ``:authority`` must be a valid one: servers written in Go refuse the socket's path there.

After any failure but a plain gRPC status the connection is closed; the next call opens another.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from h2.connection import H2Connection
    from h2.events import DataReceived, Event

OK: Final = 0
UNKNOWN: Final = 2
DEADLINE_EXCEEDED: Final = 4
NOT_FOUND: Final = 5
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
"""Of grpc/doc/statuscodes.md."""
_NAMES: Final = {
    UNKNOWN: "UNKNOWN",
    DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    NOT_FOUND: "NOT_FOUND",
    RESOURCE_EXHAUSTED: "RESOURCE_EXHAUSTED",
    UNIMPLEMENTED: "UNIMPLEMENTED",
    INTERNAL: "INTERNAL",
    UNAVAILABLE: "UNAVAILABLE",
}
PATIENCE: Final = 5.0
"""Seconds for one call, the connection included."""
LARGEST: Final = 16 << 20
"""Bytes of an answer: what a kubelet takes from its runtime."""
LONGEST_MESSAGE: Final = 500
"""Characters of an error's text that are kept."""
CLOSED: Final = "the server closed the connection"
_PREFIX: Final = 5
_READ: Final = 1 << 16


class GrpcError(Exception):
    """A call failed: ``code`` of gRPC and ``message``, a clause; ``socket`` says with whom."""

    def __init__(self, code: int, message: str, path: str = "") -> None:
        """Keep what the server said, or what happened to the call."""
        self.code = code
        self.message = message
        self.socket = path
        name = _NAMES.get(code, f"status {code}")
        super().__init__(f"{path}: {message} ({name})" if path else f"{message} ({name})")


class Channel:
    """A server behind a unix socket; connects when it is first called."""

    def __init__(self, path: str, timeout: float = PATIENCE) -> None:
        """Name the socket; ``timeout`` is for one call, in seconds."""
        self.path = path
        self._timeout = timeout
        self._line: _Line | None = None

    def call(self, method: str, body: bytes) -> bytes:
        """Return the message that answers ``body``; raises GrpcError.

        ``method`` is a path such as ``/runtime.v1.RuntimeService/Version``.
        """
        deadline = time.monotonic() + self._timeout
        try:
            if self._line is None:
                self._line = _Line(self.path, deadline)
            answer = self._line.exchange(method, body, deadline)
        except TimeoutError as problem:
            raise self._lost(DEADLINE_EXCEEDED, "no answer in time") from problem
        except (BrokenPipeError, ConnectionResetError) as problem:  # found out by sending
            raise self._lost(UNAVAILABLE, CLOSED) from problem
        except OSError as problem:
            said = problem.strerror or str(problem)
            raise self._lost(UNAVAILABLE, f"no connection: {said}") from problem
        except _Broken as problem:
            raise self._lost(problem.code, problem.wrong) from problem
        if answer.code != OK:
            raise GrpcError(answer.code, answer.message[:LONGEST_MESSAGE], self.path)
        return answer.body

    def _lost(self, code: int, wrong: str) -> GrpcError:
        self.close()
        return GrpcError(code, wrong[:LONGEST_MESSAGE], self.path)

    def close(self) -> None:
        """Close the connection; a later call opens another."""
        if self._line is not None:
            self._line.close()
            self._line = None


class _Broken(Exception):
    """The connection cannot be used any longer."""

    def __init__(self, code: int, wrong: str) -> None:
        self.code = code
        self.wrong = wrong
        super().__init__(wrong)


class _Answer:
    """What has come of an answer so far."""

    def __init__(self, stream: int) -> None:
        self.stream = stream
        self.raw = bytearray()
        self.headers: dict[bytes, bytes] = {}
        self.ended = False

    @property
    def code(self) -> int:
        """The call's status; raises _Broken where there is none."""
        status = self.headers.get(b"grpc-status", b"")
        if status.isdigit() and len(status) < 4:  # noqa: PLR2004 - codes have two digits
            return int(status)
        http = self.headers.get(b":status", b"?").decode("ascii", "replace")
        raise _Broken(UNKNOWN, f"the answer is none of gRPC (HTTP status {http})")

    @property
    def message(self) -> str:
        """The server's words."""
        return unquote(self.headers.get(b"grpc-message", b"").decode("ascii", "replace"))

    @property
    def body(self) -> bytes:
        """The message; raises _Broken where it is not whole."""
        prefix, body = self.raw[:_PREFIX], self.raw[_PREFIX:]
        if len(prefix) < _PREFIX or int.from_bytes(prefix[1:], "big") != len(body):
            raise _Broken(INTERNAL, "the answer's length is not the one announced")
        if prefix[0]:
            raise _Broken(INTERNAL, "the answer is compressed, which was not asked for")
        return bytes(body)


class _Line:
    """One connection."""

    def __init__(self, path: str, deadline: float) -> None:
        from h2.config import H2Configuration
        from h2.connection import H2Connection

        self._http: H2Connection = H2Connection(H2Configuration(header_encoding=None))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._deadline = deadline
        try:
            self._wait()
            self._socket.connect(path)
            self._http.initiate_connection()
            self._flush()
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Let go."""
        self._socket.close()

    def exchange(self, method: str, body: bytes, deadline: float) -> _Answer:
        """Send a request and return the answer, whole and checked."""
        from h2.exceptions import H2Error

        self._deadline = deadline
        try:
            answer = _Answer(self._http.get_next_available_stream_id())
            self._http.send_headers(answer.stream, self._headers(method))
            self._send(answer, bytes([0]) + len(body).to_bytes(4, "big") + body)
            while not answer.ended:
                self._receive(answer)
        except H2Error as problem:
            with suppress(OSError):
                self._flush()
            raise _Broken(INTERNAL, f"the server breaks HTTP/2: {problem}") from problem
        if answer.code == OK:
            _ = answer.body
        return answer

    def _headers(self, method: str) -> list[tuple[str, str]]:
        left = max(1, int((self._deadline - time.monotonic()) * 1000))
        return [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", "kuma-net"),
            ("grpc-timeout", f"{left}m"),
        ]

    def _send(self, answer: _Answer, body: bytes) -> None:
        """Send a request's body as far and as fast as the server's windows allow."""
        stream, http = answer.stream, self._http
        while body and not answer.ended:
            room = min(http.local_flow_control_window(stream), http.max_outbound_frame_size)
            if room <= 0:
                self._flush()
                self._receive(answer)
                continue
            http.send_data(stream, body[:room], end_stream=len(body) <= room)
            body = body[room:]
        self._flush()

    def _receive(self, answer: _Answer) -> None:
        """Take what the server sends next."""
        self._wait()
        received = self._socket.recv(_READ)
        if not received:
            raise _Broken(UNAVAILABLE, CLOSED)
        if received.startswith(b"HTTP/1"):  # h2 takes it for the length of a frame and waits
            raise _Broken(INTERNAL, "the server speaks HTTP/1, so it is no container runtime's")
        for event in self._http.receive_data(received):
            self._take(event, answer)
        self._flush()

    def _take(self, event: Event, answer: _Answer) -> None:
        from h2 import events

        if isinstance(event, events.ConnectionTerminated):
            raise _Broken(UNAVAILABLE, "the server ended the connection")
        if getattr(event, "stream_id", None) != answer.stream:
            return  # settings, pings: answered by h2
        if isinstance(event, events.ResponseReceived | events.TrailersReceived):
            for name, value in event.headers:
                answer.headers[bytes(name)] = bytes(value)
        elif isinstance(event, events.DataReceived):
            self._keep(event, answer)
        elif isinstance(event, events.StreamReset):
            raise _Broken(UNAVAILABLE, f"the server dropped the call (code {event.error_code})")
        elif isinstance(event, events.StreamEnded):
            answer.ended = True

    def _keep(self, event: DataReceived, answer: _Answer) -> None:
        answer.raw += event.data or b""
        if len(answer.raw) > LARGEST + _PREFIX:
            raise _Broken(RESOURCE_EXHAUSTED, f"the answer is longer than {LARGEST} bytes")
        if event.flow_controlled_length:
            self._http.acknowledge_received_data(event.flow_controlled_length, answer.stream)

    def _flush(self) -> None:
        if pending := self._http.data_to_send():
            self._wait()
            self._socket.sendall(pending)  # its timeout is for all of it

    def _wait(self) -> None:
        """Give the next operation what is left of the time; raises TimeoutError."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
