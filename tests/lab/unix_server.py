"""Servers behind unix sockets, good and bad, for clients that must bear both.

A server is a function that gets each connection, in a thread of its own; it ends with the context.
``Speaking`` speaks gRPC, by h2; the others are what a client may meet instead.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded, WindowUpdated

from kuma_cni.cri.grpc import OK, UNIMPLEMENTED, GrpcError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Handler: TypeAlias = Callable[[socket.socket], None]


@contextmanager
def serving(path: Path, handler: Handler) -> Iterator[str]:
    """Serve a socket; yields its path."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(16)
    open_lines: list[socket.socket] = []

    def one(line: socket.socket) -> None:
        with line, suppress(OSError):
            handler(line)

    def accept() -> None:
        with suppress(OSError):
            while True:
                line, _ = listener.accept()
                open_lines.append(line)
                threading.Thread(target=one, args=(line,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield str(path)
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for line in open_lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class Speaking:
    """A gRPC server: ``answer`` gets method and message and returns a message.

    GrpcError becomes its status.  ``calls`` are the methods that were asked for.
    """

    def __init__(self, answer: Callable[[str, bytes], bytes]) -> None:
        """Take what answers."""
        self._answer = answer
        self.calls: list[str] = []
        self.connections = 0

    def __call__(self, line: socket.socket) -> None:
        """Serve a connection to its end."""
        self.connections += 1
        http = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        http.initiate_connection()
        line.sendall(http.data_to_send())
        asked: dict[int, tuple[str, bytearray]] = {}
        unsent: dict[int, list[bytes]] = {}
        while received := line.recv(65536):
            for event in http.receive_data(received):
                if isinstance(event, RequestReceived):
                    path = dict(event.headers)[b":path"].decode()
                    asked[event.stream_id] = (path, bytearray())
                elif isinstance(event, DataReceived):
                    asked[event.stream_id][1].extend(event.data)
                    http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded):
                    method, body = asked.pop(event.stream_id)
                    self._begin(http, event.stream_id, (method, bytes(body)), unsent)
                if isinstance(event, StreamEnded | WindowUpdated):
                    _send_on(http, unsent)
            line.sendall(http.data_to_send())

    def _begin(
        self,
        http: H2Connection,
        stream: int,
        asked: tuple[str, bytes],
        unsent: dict[int, list[bytes]],
    ) -> None:
        method, body = asked
        self.calls.append(method.rpartition("/")[2])
        try:
            message = self._answer(method, body[5:])
        except GrpcError as problem:
            headers = [(":status", "200"), ("content-type", "application/grpc")]
            headers += [("grpc-status", str(problem.code)), ("grpc-message", problem.message)]
            http.send_headers(stream, headers, end_stream=True)
            return
        http.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        unsent[stream] = [bytes([0]) + len(message).to_bytes(4, "big") + message]


def _send_on(http: H2Connection, unsent: dict[int, list[bytes]]) -> None:
    """Send what the client's windows allow."""
    for stream, (left,) in list(unsent.items()):
        rest = left
        while rest and (room := http.local_flow_control_window(stream)) > 0:
            piece = rest[: min(room, http.max_outbound_frame_size)]
            http.send_data(stream, piece)
            rest = rest[len(piece) :]
        unsent[stream] = [rest]
        if not rest:
            del unsent[stream]
            http.send_headers(stream, [("grpc-status", str(OK))], end_stream=True)


def refuse(method: str, body: bytes) -> bytes:
    """Know no method."""
    raise GrpcError(UNIMPLEMENTED, f"unknown method {method} %C3%A4 {len(body)}")


def hang(line: socket.socket) -> None:
    """Read and say nothing."""
    while line.recv(65536):
        pass


def drip(line: socket.socket) -> None:
    """Say the beginning of something, a byte every twentieth of a second, for ever."""
    for number in range(1 << 20):
        line.sendall(bytes([b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"[number % 9]]))
        time.sleep(0.05)


def ping(line: socket.socket) -> None:
    """Keep the connection busy, for ever, without an answer."""
    http = H2Connection(H2Configuration(client_side=False))
    http.initiate_connection()
    line.settimeout(0.02)
    while True:
        with suppress(TimeoutError):
            http.receive_data(line.recv(65536))
        http.ping(b"01234567")
        line.sendall(http.data_to_send())


def close(line: socket.socket) -> None:
    """Hang up at the first word."""
    line.recv(65536)


def go_away(line: socket.socket) -> None:
    """End the connection politely, at the first call."""
    http = H2Connection(H2Configuration(client_side=False))
    http.initiate_connection()
    http.receive_data(line.recv(65536))
    http.close_connection()
    line.sendall(http.data_to_send())
    hang(line)


def talk_http1(line: socket.socket) -> None:
    """Be some other server."""
    line.recv(65536)
    line.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    hang(line)


def reset(line: socket.socket) -> None:
    """Drop each call."""
    _answer_raw(line, lambda http, stream: http.reset_stream(stream, 7))


def plain_page(line: socket.socket) -> None:
    """Answer by a page that is none of gRPC."""

    def answer(http: H2Connection, stream: int) -> None:
        http.send_headers(stream, [(":status", "404"), ("content-type", "text/html")])
        http.send_data(stream, b"<html>", end_stream=True)

    _answer_raw(line, answer)


def no_trailers(line: socket.socket) -> None:
    """Leave out how the call went."""

    def answer(http: H2Connection, stream: int) -> None:
        http.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        http.send_data(stream, bytes(5), end_stream=True)

    _answer_raw(line, answer)


def wrong_length(line: socket.socket) -> None:
    """Announce more than is sent."""
    _answer_raw(line, lambda http, stream: _message(http, stream, b"\0\0\0\0\x09abc"))


def compressed(line: socket.socket) -> None:
    """Send a compressed message that nobody asked for."""
    _answer_raw(line, lambda http, stream: _message(http, stream, b"\1\0\0\0\x03abc"))


def many_headers(line: socket.socket) -> None:
    """Send more headers than anybody wants to keep."""

    def answer(http: H2Connection, stream: int) -> None:
        headers = [(":status", "200")] + [(f"x-{number}", "x" * 4000) for number in range(60)]
        http.send_headers(stream, headers)

    _answer_raw(line, answer)


def flood(line: socket.socket) -> None:
    """Answer without end."""
    http = H2Connection(H2Configuration(client_side=False))
    http.initiate_connection()
    line.sendall(http.data_to_send())
    stream = 0
    while received := line.recv(65536):
        for event in http.receive_data(received):
            if isinstance(event, StreamEnded):
                stream = event.stream_id
                http.send_headers(stream, [(":status", "200")])
        while stream and (room := http.local_flow_control_window(stream)) > 0:
            http.send_data(stream, bytes(min(room, http.max_outbound_frame_size)))
        line.sendall(http.data_to_send())


def _message(http: H2Connection, stream: int, raw: bytes) -> None:
    http.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
    http.send_data(stream, raw)
    http.send_headers(stream, [("grpc-status", "0")], end_stream=True)


def _answer_raw(line: socket.socket, answer: Callable[[H2Connection, int], None]) -> None:
    http = H2Connection(H2Configuration(client_side=False))
    http.initiate_connection()
    line.sendall(http.data_to_send())
    while received := line.recv(65536):
        for event in http.receive_data(received):
            if isinstance(event, StreamEnded):
                answer(http, event.stream_id)
        line.sendall(http.data_to_send())
