"""A small HTTP server for a scraper and a curious person: GET and HEAD, one request a connection.

h11 (RFC 9112 without sockets) reads and writes; this file moves the bytes and bounds everything a
client could hold on to: connections (a further one takes the place of the oldest, so that idle
ones shut nobody out), bytes of a request, and the time until a request is there and an answer is
taken.  An answer is either there as a whole or comes in pieces, made only as fast as the client
reads them: a million names are 100 MB, which must neither lie in memory nor keep the loop from
answering queries.

One request a connection: a scraper comes every few seconds, so keeping the connection would save
nothing and cost a state.  What surprised us: closing a socket on which something was not read
makes the kernel send a reset, which may overtake our answer.  So after the answer we shut down our
side and read on, for a moment, until the client has closed hers.

h11 is imported when the first server is made: its tables take 25 ms.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kuma_net.serving.loop import Loop, Timer

MOST_CONNECTIONS: Final = 32
LONGEST_REQUEST: Final = 8192
"""Bytes of the request line and headers."""
PATIENCE: Final = 5.0
"""Seconds until a request must be there, and within which each piece of an answer is taken."""
LINGER: Final = 1.0
"""Seconds to wait for the client to close after us."""
_READ: Final = 4096
"""Bytes of a request that are taken in one turn: h11 bounds what it keeps, not what it is given."""
_BREATH: Final = 0.1
"""Seconds without accepting when there are no descriptors left."""
_PIECE: Final = 65536
_METHODS: Final = (b"GET", b"HEAD")
_REASONS: Final = {
    200: b"OK",
    400: b"Bad Request",
    404: b"Not Found",
    405: b"Method Not Allowed",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"


class Page(Record):
    """An answer: its body is there, or comes in pieces."""

    body: bytes | Iterator[bytes]
    kind: str = TEXT
    status: int = 200


class Pages(Protocol):
    """Whoever knows what stands where."""

    def __call__(self, path: str, query: Mapping[str, str]) -> Page | None:
        """Return the page at a path; None: there is none."""


class HttpServer:
    """Accepts connections and answers one request on each."""

    def __init__(
        self, sock: socket.socket, pages: Pages, loop: Loop, on_error: Callable[[Exception], None]
    ) -> None:
        """Serve on a listening socket; ``on_error`` hears what making a page raised."""
        import h11

        self.h11 = h11
        self.pages = pages
        self.loop = loop
        self.on_error = on_error
        self.connections: dict[_Connection, None] = {}
        self._socket = sock
        self._closed = False
        self._listen()

    def _listen(self) -> None:
        if not self._closed:
            self.loop.on_readable(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            client, _ = self._socket.accept()
        except (BlockingIOError, ConnectionError):  # gone before she was let in (accept(2))
            return
        except OSError:  # no descriptors left: whoever waits to be let in keeps us awake
            self.loop.pause_reading(self._socket.fileno())
            self.loop.at(self.loop.now() + _BREATH, self._listen)
            return
        if len(self.connections) >= MOST_CONNECTIONS:
            next(iter(self.connections)).close()
        client.setblocking(False)  # noqa: FBT003 - the library's signature
        self.connections[_Connection(client, self)] = None

    def close(self) -> None:
        """Accept nobody any longer and close every connection."""
        self._closed = True
        self.loop.forget(self._socket.fileno())
        self._socket.close()
        for connection in tuple(self.connections):
            connection.close()

    def page(self, method: bytes, target: bytes) -> Page:
        """Return the page for a request."""
        if method not in _METHODS:
            return Page(b"only GET and HEAD are understood here\n", status=405)
        try:
            url = urlsplit(target.decode("ascii"))
            query = dict(parse_qsl(url.query, keep_blank_values=True, max_num_fields=10))
        except ValueError:
            return Page(b"that is no address of a page\n", status=400)
        try:
            found = self.pages(url.path, query)
        except Exception as problem:  # noqa: BLE001 - a page in trouble is no reason to end
            self.on_error(problem)
            return Page(b"this page is in trouble; the log says more\n", status=500)
        return found or Page(b"there is no such page\n", status=404)


class _Connection:
    """One client: her request is read, its answer written, then she is waited for to close."""

    def __init__(self, client: socket.socket, server: HttpServer) -> None:
        h11 = server.h11
        self._socket = client
        self._descriptor = client.fileno()
        self._server = server
        self._loop = server.loop
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_REQUEST)
        self._pieces: Iterator[bytes] = iter(())
        self._unsent = b""
        self._ended = False
        self._finished = False
        self._timer: Timer | None = None
        self._loop.on_readable(self._descriptor, self._read)
        self._wait(PATIENCE)

    def _wait(self, seconds: float) -> None:
        """Close the connection unless something happens in time."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.at(self._loop.now() + seconds, self.close)

    def _read(self) -> None:
        try:
            received = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        h11 = self._server.h11
        try:
            self._http.receive_data(received)
            event = self._http.next_event()
        except h11.RemoteProtocolError:
            if self._http.our_state is not h11.IDLE:
                self.close()
                return
            page = Page(b"that is no request of HTTP\n", status=400)
            self._answer(page, head=False)
            return
        if isinstance(event, h11.Request):
            page = self._server.page(event.method, event.target)
            self._answer(page, head=event.method == b"HEAD")
        elif isinstance(event, h11.ConnectionClosed):
            self.close()

    def _answer(self, page: Page, *, head: bool) -> None:
        self._loop.on_readable(self._descriptor, self._discard)
        self._pieces = self._written(page, head=head)
        self._write()

    def _written(self, page: Page, *, head: bool) -> Iterator[bytes]:
        """Yield the bytes of an answer, each piece when it is asked for."""
        h11, http = self._server.h11, self._http
        headers = [
            (b"Content-Type", page.kind.encode()),
            (b"Connection", b"close"),
            (b"Cache-Control", b"no-store"),
        ]
        if page.status == 405:  # noqa: PLR2004 - it must say what is allowed (RFC 9110 15.5.6)
            headers.append((b"Allow", b", ".join(_METHODS)))
        whole = isinstance(page.body, bytes)
        if isinstance(page.body, bytes):
            headers.append((b"Content-Length", str(len(page.body)).encode()))
        reason = _REASONS[page.status]
        response = h11.Response(status_code=page.status, headers=headers, reason=reason)
        yield http.send(response) or b""
        if not head:
            for piece in (page.body,) if whole else page.body:
                yield http.send(h11.Data(data=piece)) or b""
        yield http.send(h11.EndOfMessage()) or b""

    def _write(self) -> None:
        """Write as much as the client takes, one piece a turn at most."""
        try:
            self._unsent = self._unsent or next(self._pieces)
            sent = self._socket.send(self._unsent) if self._unsent else 0
        except BlockingIOError:
            sent = 0
        except StopIteration:
            self._finish()
            return
        except OSError:
            self.close()
            return
        except Exception as problem:  # noqa: BLE001 - a page in trouble is no reason to end
            self._server.on_error(problem)
            self.close()
            return
        if sent:
            self._unsent = self._unsent[sent:]
            self._wait(PATIENCE)
        self._loop.on_writable(self._descriptor, self._write)

    def _finish(self) -> None:
        """Say that this was all, and wait for the client to say the same."""
        self._loop.on_writable(self._descriptor, None)
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self._ended = True
        if self._ended:
            self.close()
        else:
            self._finished = True
            self._wait(LINGER)

    def _discard(self) -> None:
        """Read what nobody needs any longer, until the client has said all she wants to say.

        She may have closed her side before she reads our answer: that is no end of it.
        """
        try:
            if self._socket.recv(_PIECE):
                return
        except BlockingIOError:
            return
        except OSError:
            self._finished = True
        if self._finished:
            self.close()
        else:
            self._ended = True
            self._loop.pause_reading(self._descriptor)

    def close(self) -> None:
        """Let go of the client."""
        if self in self._server.connections or self._socket.fileno() >= 0:
            self._server.connections.pop(self, None)
            if self._timer is not None:
                self._timer.cancel()
            self._loop.forget(self._descriptor)
            self._socket.close()
