"""Somebody who hands out Kuma's DNS document on a unix socket, and does it in every wrong way.

``GET /dns`` is answered by whatever ``say`` returns at that moment: bytes, then the end of the
connection; ``None`` leaves the connection as it is.
"""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

_PATIENCE = 0.1
"""Seconds between looks whether it is to end."""


def document(**names: str) -> str:
    """Return a document; ``here="240.0.0.1"`` is the name here.mesh with an address."""
    records = [{"name": f"{name}.mesh", "ips": [ip]} for name, ip in names.items()]
    return json.dumps({"records": records, "ttl": 30, "extraLabels": {}})


def response(body: str, head: str = "200 OK", *headers: str) -> bytes:
    """Return a response with its body's length."""
    lines = [f"HTTP/1.1 {head}", *headers, f"Content-Length: {len(body.encode())}"]
    return "\r\n".join([*lines, "", body]).encode()


def chunked(body: str, size: int) -> bytes:
    """Return a response in chunks of some size."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = "".join([f"{len(piece):x}\r\n{piece}\r\n" for piece in pieces])
    return f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n".encode()


class NamesSocket:
    """A socket that is served, by a thread, as long as its ``with`` block."""

    def __init__(self, path: Path, say: bytes | None) -> None:
        """Keep where it is and what is said at first."""
        self.path = path
        self.say = say
        self.asked: list[bytes] = []
        self._ending = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._kept: list[socket.socket] = []

    def __enter__(self) -> Self:
        """Listen."""
        self._socket.bind(str(self.path))
        self._socket.listen(16)
        self._socket.settimeout(_PATIENCE)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._ending = True
        self._thread.join()
        for one in (self._socket, *self._kept):
            one.close()

    def _serve(self) -> None:
        while not self._ending:
            try:
                self._answer(self._socket.accept()[0])
            except OSError:  # nobody came, or she went away again
                continue

    def _answer(self, one: socket.socket) -> None:
        one.settimeout(5)
        self.asked.append(one.recv(65536))
        say = self.say
        if say is None:
            self._kept.append(one)
        else:
            with one:
                one.sendall(say)
