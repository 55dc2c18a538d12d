"""Many look-ups at once, each from a port of its own that the kernel chooses."""

from __future__ import annotations

import selectors
import socket
import time
from typing import TYPE_CHECKING

from kuma_net.record import Record
from lab.dns_asking import SILENCE, query, told
from lab.servers import effective

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Burst(Record):
    """Names whose A records are asked of a server, ``parallel`` at a time, by a user.

    ``patience`` is how many seconds an answer may take.
    """

    names: Sequence[str]
    server: str
    uid: int
    parallel: int = 64
    patience: float = 5.0


def send_burst(burst: Burst) -> list[str]:
    """Ask for all names of a burst; return what was told of each, in order."""
    got: dict[int, str] = {}
    left = iter(enumerate(burst.names))
    with selectors.DefaultSelector() as ready:
        _ask_more(ready, left, burst)
        while ready.get_map():
            for key, _ in ready.select(0.05):
                _settle(ready, key, got, _received(key))
            now = time.monotonic()
            for key in list(ready.get_map().values()):
                if key.data[1] < now:
                    _settle(ready, key, got, SILENCE)
            _ask_more(ready, left, burst)
    return [got[index] for index in range(len(burst.names))]


def _ask_more(ready: selectors.BaseSelector, left: Iterator[tuple[int, str]], burst: Burst) -> None:
    """Ask until as many questions are open as may be."""
    while len(ready.get_map()) < burst.parallel:
        index, name = next(left, (-1, ""))
        if index < 0:
            return
        family = socket.AF_INET6 if ":" in burst.server else socket.AF_INET
        with effective(burst.uid, burst.uid):
            one = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        # Connected: a reply from any other address or port is not for us.
        one.connect((burst.server, 53))
        one.send(query(name, ident=index & 0xFFFF))
        ready.register(one, selectors.EVENT_READ, (index, time.monotonic() + burst.patience))


def _received(key: selectors.SelectorKey) -> str:
    one = key.fileobj
    assert isinstance(one, socket.socket)
    try:
        return told(one.recv(4096))
    except OSError as error:
        return type(error).__name__


def _settle(
    ready: selectors.BaseSelector, key: selectors.SelectorKey, got: dict[int, str], text: str
) -> None:
    one = key.fileobj
    assert isinstance(one, socket.socket)
    got[key.data[0]] = text
    ready.unregister(one)
    one.close()
