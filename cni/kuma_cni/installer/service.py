"""The installer as it runs on a node: keeper, pages and log socket on one loop.

SIGTERM leaves everything in place unless it was asked otherwise: pods that start while the
installer is being upgraded are captured by the plugin that is there.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from kuma_cni.installer.counts import Counts, families
from kuma_cni.installer.keeper import Keeper
from kuma_cni.installer.listening import LogSocket
from kuma_cni.installer.pages import Pages
from kuma_cni.installer.place import Place
from kuma_cni.installer.repairing import begin_repair
from kuma_cni.repair.counts import Counts as RepairCounts
from kuma_net.errors import HostError
from kuma_net.serving.http import HttpServer
from kuma_net.serving.log import Log
from kuma_net.serving.loop import Loop
from kuma_net.serving.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_cni.installer.options import Endpoint
    from kuma_cni.installer.settings import Settings
    from kuma_cni.repair.loop import Repair
    from kuma_net.serving.families import Family

SAMPLE: Final = Sample(20, 100)
RETRY: Final = 2.0
"""Seconds after which an address that another process holds is tried again."""
BACKLOG: Final = 16
_LEVELS: Final = {"warn": "warning", "warning": "warning", "error": "error", "off": "error"}


class Service:
    """The running installer."""

    def __init__(self, settings: Settings, source: str) -> None:
        """Put the parts together; nothing is touched before ``run``."""
        self.settings = settings
        self.counts = Counts()
        self.counts.started = time.time()
        self.repair_counts = RepairCounts()
        self.log = Log(_LEVELS.get(settings.log_level, "info"), SAMPLE)
        self.loop = Loop(self.log.problem, awake=0.0)
        self.place = Place(settings, source)
        self.keeper = Keeper(self.place, self.loop, self.log, self.counts)
        self._http: HttpServer | None = None
        self._log_socket: LogSocket | None = None
        self._repair: Repair | None = None
        self._code = 0

    def run(self) -> int:
        """Install and stay, or install once; return the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            self.loop.on_signal(number, self._end)
        self.loop.on_signal(signal.SIGHUP, self.keeper.look)
        if self.settings.sleep:
            self.keeper.on_ready = self._in_place
            self.keeper.on_trouble = self._hide_ready
            self._listen()
            self._hear_plugins()
            self._repair = begin_repair(self.settings, self.loop, self.log, self.repair_counts)
        else:
            self._code = 1  # unless it gets done
            self.keeper.on_ready = self._done
        self.keeper.start()
        self.loop.run()
        self._close()
        return self._code

    def _done(self) -> None:
        """End after the one installation that was asked for."""
        self._code = 0
        self.loop.at_turn_end(self.loop.stop)  # we may be here before the loop runs

    def _end(self) -> None:
        self.log.info("ending", removing=self.settings.remove_on_exit)
        self.loop.stop()

    def _close(self) -> None:
        self.keeper.close()
        if self._repair is not None:
            self._repair.close()
        self._hide_ready()
        if self.settings.sleep and self.settings.remove_on_exit:
            try:
                self.place.remove(lambda what: self.log.info("removed", what=what))
            except HostError as problem:
                self.log.error("removal-failed", error=str(problem))  # noqa: TRY400 - a log of our own
                self._code = 1
        if self._log_socket is not None:
            self._log_socket.close()
        if self._http is not None:
            self._http.close()
        self.loop.close()

    # --- what is shown --------------------------------------------------------------------------

    def _in_place(self) -> None:
        """Show it, and look for pods that may have come before."""
        self._show_ready()
        if self._repair is not None:
            self._repair.look_now()

    def _show_ready(self) -> None:
        """Make the file that says ready, where one is asked for; not through somebody's link."""
        if self.settings.ready_file:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                os.close(os.open(self.settings.ready_file, flags, 0o644))
            except OSError as problem:
                told = f"{self.settings.ready_file}: {problem.strerror}"
                self.log.warning("ready-file-failed", error=told)

    def _hide_ready(self) -> None:
        if self.settings.ready_file:
            with suppress(OSError):
                os.unlink(self.settings.ready_file)  # noqa: PTH108 - as it was made

    # --- what is heard --------------------------------------------------------------------------

    def _listen(self) -> None:
        """Serve the pages; an address that is taken (by our predecessor, say) is waited for."""
        if self.settings.http is None:
            return
        try:
            opened = open_socket(self.settings.http)
        except OSError as problem:
            self.log.warning("http-failed", error=problem.strerror, port=self.settings.http.port)
            self.loop.at(self.loop.now() + RETRY, self._listen)
            return
        pages = Pages(lambda: self.keeper.reasons, self._families)
        self._http = HttpServer(opened, pages, self.loop, self.log.problem)
        self.log.info("listening", port=opened.getsockname()[1])

    def _families(self) -> Iterator[Family]:
        yield from families(self.counts)
        if self._repair is not None:
            yield from self.repair_counts.families()

    def _hear_plugins(self) -> None:
        if not self.settings.log_socket:
            return
        try:
            self._log_socket = LogSocket(self.settings.log_socket, self.loop, self.counts)
        except HostError as problem:  # the plugin has its file all the same
            self.log.warning("log-socket-failed", error=str(problem))


def open_socket(endpoint: Endpoint) -> socket.socket:
    """Return a listening socket; every address means both families where there is IPv6."""
    address = endpoint.address or ("::" if socket.has_dualstack_ipv6() else "0.0.0.0")  # noqa: S104 - probes come from anywhere
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(endpoint.address)))
        opened.bind((address, endpoint.port))
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened
