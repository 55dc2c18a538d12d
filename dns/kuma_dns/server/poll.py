"""Asks a unix socket for Kuma's DNS document each second, the way kuma-dp does.

``GET /dns`` with ``If-None-Match``; ``304`` says that nothing has changed.  A server that knows no
ETags sends the same document each second: its digest is compared, so that no table is made for
nothing.  The body goes piece by piece into a memory file (memfd_create(2)) that the builder's child
reads: it is neither parsed nor kept in this process, be it a hundred megabytes.

Each time a new connection: on a unix socket it costs some 50 us, and there is no connection whose
end one could have missed.  That nobody listens, or that the socket is not there, is normal
before the other side is up: it is no error until there has been a first answer.
"""

from __future__ import annotations

import os
import socket
from _blake2 import blake2b
from typing import TYPE_CHECKING, Final

from kuma_dns.server.reading import LONGEST_SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable

    import h11

    from kuma_net.serving.loop import Loop, Timer

INTERVAL: Final = 1.0
"""Seconds from one question to the next, as in kuma-dp."""
FIRST_INTERVAL: Final = 0.1
"""The same before the first document: applications are waiting for it."""
PATIENCE: Final = 10.0
"""Seconds that one answer may take altogether."""
_TARGET: Final = "/dns"
_READ_BYTES: Final = 1 << 13
"""Of one turn of the loop, so that a long document does not delay queries: chunks of one byte each
cost h11 30 us, and of these there are 1,400 in it."""
_LONGEST_ETAG: Final = 1024
_OK: Final = 200
_NOT_MODIFIED: Final = 304


class Poll:
    """One socket that is asked each second.

    ``descriptor`` holds the latest document from its beginning, -1 before there is one;
    ``problem`` is what is wrong with the last answer, empty if nothing is; ``excused``: nobody
    has been there yet.
    """

    def __init__(
        self,
        path: str,
        loop: Loop,
        on_news: Callable[[Poll, bool], None],
        *,
        patience: float = PATIENCE,
        longest: int = LONGEST_SOURCE,
    ) -> None:
        """Call ``on_news`` when a document (True) or another ``problem`` (False) has come."""
        self.path = path
        self.descriptor = -1
        self.problem = ""
        self.excused = False
        self._loop = loop
        self._on_news = on_news
        self._patience = patience
        self._longest = longest
        self._etag = ""
        self._digest = b""
        self._asked = 0.0
        self._exchange: _Exchange | None = None
        self._timer: Timer | None = None

    def start(self) -> None:
        """Ask now, and then each second."""
        self._asked = self._loop.now()
        try:
            self._exchange = exchange = _Exchange(self._loop, self._on_end, self._longest)
        except OSError as problem:  # no descriptors left: the next question may find some
            self._on_end(problem.strerror or str(problem))
            return
        self._timer = self._loop.at(self._asked + self._patience, exchange.give_up)
        exchange.ask(self.path, self._etag)

    def close(self) -> None:
        """Ask no more, and forget the document."""
        if self._timer is not None:
            self._timer.cancel()
        if self._exchange is not None:
            self._exchange.close()
        self._keep(-1)

    def _keep(self, descriptor: int) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = descriptor

    def _on_end(self, problem: str) -> None:
        """Take what came of a question, and arrange for the next."""
        exchange, self._exchange = self._exchange, None
        former, self.problem = self.problem, problem
        self.excused = self.descriptor < 0 and exchange is not None and exchange.absent
        new = exchange is not None and not problem and self._take(exchange)
        if exchange is not None:
            exchange.close()
        self._arrange()
        if new or problem != former:
            self._on_news(self, new)

    def _arrange(self) -> None:
        """See to it that the next question is asked."""
        if self._timer is not None:
            self._timer.cancel()
        interval = INTERVAL if self.descriptor >= 0 else FIRST_INTERVAL
        self._timer = self._loop.at(max(self._asked + interval, self._loop.now()), self.start)

    def _take(self, exchange: _Exchange) -> bool:
        """Keep a new document; whether it is one."""
        if exchange.status == _NOT_MODIFIED:
            return False
        self._etag = exchange.etag
        digest = exchange.digest.digest()
        if digest == self._digest:
            return False
        self._digest = digest
        self._keep(exchange.detach())
        return True


class _Exchange:
    """One question and its answer; ``on_end`` is told what was wrong, or an empty text."""

    def __init__(self, loop: Loop, on_end: Callable[[str], None], longest: int) -> None:
        import h11  # 25 ms that a server without a socket to poll does not spend

        self.status = 0
        self.absent = False
        self.etag = ""
        self.digest = blake2b(digest_size=16)
        self._h11 = h11
        self._loop = loop
        self._on_end = on_end
        self._longest = longest
        self._codec = h11.Connection(h11.CLIENT)
        self._size = 0
        self._named = False
        self._memory = -1
        self._socket = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )

    def ask(self, path: str, etag: str) -> None:
        """Connect and send the question: on a unix socket neither of them waits."""
        headers = [("Host", "localhost"), ("Accept", "application/json"), ("Connection", "close")]
        if etag:
            self._named = True
            headers.append(("If-None-Match", etag))
        request = self._h11.Request(method="GET", target=_TARGET, headers=headers)
        try:
            self._socket.connect(path)
            self._socket.sendall(self._codec.send(request) or b"")
        except OSError as problem:
            self.absent = isinstance(problem, FileNotFoundError | ConnectionRefusedError)
            self._on_end(problem.strerror or str(problem))
            return
        self._codec.send(self._h11.EndOfMessage())
        self._loop.on_readable(self._socket.fileno(), self._hear)

    def give_up(self) -> None:
        """End a question that takes too long."""
        self._on_end("no whole answer in time")

    def close(self) -> None:
        """Give back what is held."""
        self._loop.forget(self._socket.fileno())
        self._socket.close()
        if self._memory >= 0:
            os.close(self.detach())

    def detach(self) -> int:
        """Return the descriptor of the body; it is no longer held here."""
        memory, self._memory = self._memory, -1
        return memory

    def _hear(self) -> None:
        try:
            outcome = self._heard(self._socket.recv(_READ_BYTES))
        except BlockingIOError:
            return
        except OSError as problem:  # of the socket, or of the memory file
            outcome = problem.strerror or str(problem)
        except self._h11.RemoteProtocolError as refused:
            outcome = f"no proper answer: {refused}"
        if outcome is not None:
            self._on_end(outcome)

    def _heard(self, piece: bytes) -> str | None:
        """Take a piece of the answer; say how the exchange ended, None if it goes on."""
        if not piece and not self.status:
            return "closed without an answer"
        self._codec.receive_data(piece)
        while True:
            event = self._codec.next_event()
            if event is self._h11.NEED_DATA or event is self._h11.PAUSED:
                return None
            outcome = self._outcome(event)
            if outcome is not None:
                return outcome

    def _outcome(self, event: object) -> str | None:
        """Take an event; say how the exchange ended (well: empty), None if it goes on."""
        if isinstance(event, self._h11.Response):
            return self._begin(event)
        if isinstance(event, self._h11.Data):
            self._size += len(event.data)
            if self._size > self._longest:
                return f"longer than {self._longest} bytes"
            self.digest.update(event.data)
            _write_all(self._memory, event.data)
        if isinstance(event, self._h11.EndOfMessage):
            return ""
        return None

    def _begin(self, response: h11.Response) -> str | None:
        self.status = response.status_code
        if self.status == _NOT_MODIFIED:
            return "" if self._named else "HTTP status 304 although no document was named"
        if self.status != _OK:
            return f"HTTP status {self.status}"
        etags = [value for name, value in response.headers if name == b"etag"]
        if etags and len(etags[0]) <= _LONGEST_ETAG:
            self.etag = etags[0].decode("latin-1")
        self._memory = os.memfd_create("kuma-dns-document", os.MFD_CLOEXEC)
        return None


def _write_all(descriptor: int, piece: bytes | bytearray) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
