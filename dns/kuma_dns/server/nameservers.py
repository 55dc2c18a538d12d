"""Which other servers are asked: those of the settings, or those of resolv.conf.

The file is read again whenever it changes; in a container it is a bind mount that is written in
place, on a host it is often a link that is renamed over.  One that cannot be read (any longer)
leaves everything as it is: a moment without the file is no reason to forget the servers.

Our own address is never among them, so that no question goes round in a circle.  Where we listen
at every address of the host, the kernel is asked whether a server's address is one of them: a
socket can be bound to it.
"""

from __future__ import annotations

import os
import socket
import stat
from typing import TYPE_CHECKING, Final

from kuma_dns.resolve.servers import ResolvConf, parse_resolv_conf
from kuma_dns.server.files import Files
from kuma_dns.wire.name import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kuma_dns.resolve.servers import Server
    from kuma_dns.settings.load import Settings
    from kuma_net.serving.log import Log
    from kuma_net.serving.loop import Loop

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
LARGEST: Final = 1 << 20
"""Bytes of a resolv.conf: glibc would read any number."""


class NameServers:
    """Reads the resolv.conf and says who is asked."""

    def __init__(
        self,
        settings: Settings,
        listeners: Sequence[Server],
        use: Callable[[ResolvConf], None],
        log: Log,
    ) -> None:
        """Tell ``use`` what holds whenever that has changed; ``listeners`` is where we are."""
        self.path = settings.resolv_conf
        self._upstreams = settings.upstreams
        self._listeners = tuple(listeners)
        self._use = use
        self._log = log
        self._conf: ResolvConf | None = None
        self._trouble = ""
        self._files: Files | None = None

    def start(self, loop: Loop) -> None:
        """Read the file, now and whenever it changes."""
        self._files = Files([self.path], loop, self.read)
        self.read()

    def close(self) -> None:
        """Look at it no longer."""
        if self._files is not None:
            self._files.close()

    def read(self) -> None:
        """Read the file (again)."""
        try:
            text = _text_of(self.path)
        except OSError as problem:
            self._complain(problem.strerror or str(problem))
            if self._conf is not None:
                return
            text = ""
        else:
            self._trouble = ""
        said = parse_resolv_conf(text)
        if self._upstreams:
            said = said._replace(servers=self._upstreams)
        conf = said.without(self._listeners, self._local(said.servers))
        if conf == self._conf:
            return
        self._conf = conf
        self._tell(conf, tuple(server for server in said.servers if server not in conf.servers))
        self._use(conf)

    def _complain(self, why: str) -> None:
        """Say once that the file cannot be read, until it can be or for another reason."""
        if why != self._trouble:
            self._trouble = why
            self._log.warning("resolv-conf-unreadable", file=self.path, why=why)

    def _tell(self, conf: ResolvConf, ours: tuple[Server, ...]) -> None:
        fields = {
            "servers": [str(server) for server in conf.servers],
            "search": [text_of(domain) for domain in conf.search],
            "timeout": conf.timeout,
            "attempts": conf.attempts,
            "rotate": conf.rotate,
        }
        if ours:
            fields["left_out_as_ourselves"] = [str(server) for server in ours]
        if conf.servers:
            self._log.info("name-servers", **fields)
        else:
            self._log.warning("no-name-servers", **fields)

    def _local(self, servers: Sequence[Server]) -> list[str]:
        """Return the addresses among these that are this host's, where that matters."""
        if not any(listener.host in WILDCARDS for listener in self._listeners):
            return []
        return [server.host for server in servers if _is_here(server.host)]


def _text_of(path: str) -> str:
    """Return a file's text; ``OSError`` also for what is no file: a FIFO's end never comes."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "not a regular file")
        return file.read(LARGEST).decode("utf-8", "replace")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _is_here(host: str) -> bool:
    """Whether an address is one of this host's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.bind((host, 0))
    except OSError:
        return False
    return True
