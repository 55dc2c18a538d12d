"""From settings to a running server: sockets as root, then no longer root, then service.

The order is what matters.  Sockets come first: a port may need privileges, and a program that
cannot have its port should say so before anything else.  Everything that reads what others wrote
(names, resolv.conf, queries) happens after the privileges are gone.

A pod waits for us at its start, and what takes longest is the first table of names.  So the
process that makes it is started as early as can be, and what only answering needs is imported
meanwhile: 50 ms of 300.  Queries that come in this time wait in their sockets.
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Final

import kuma_dns
from kuma_dns.counts import Counts
from kuma_dns.names.zones import Zones
from kuma_dns.server.listening import Sockets, open_sockets
from kuma_dns.server.privileges import can_read, drop, identity, owning, raise_descriptors
from kuma_dns.server.quota import is_rationed
from kuma_dns.server.sources import Plan, Sources
from kuma_dns.server.systemd import Notifier, inherited
from kuma_net import __version__
from kuma_net.serving.log import STDERR, Log
from kuma_net.serving.loop import AWAKE, Loop

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from kuma_dns.settings.load import Settings

_UNDER_WAY: Final = 2000
"""Sockets to other servers, if each question goes by TCP (``resolve.flights.MOST_FLIGHTS``)."""
_SPARE: Final = 128
"""Descriptors beside these and the clients' connections: files, pipes, the listeners."""
_OBJECTS: Final = 20_000
"""New objects after which the collector looks at them."""


def run(settings: Settings, environ: MutableMapping[str, str]) -> int:
    """Serve until a signal ends it, and return the exit code.

    ``environ`` loses the variables by which systemd hands over sockets.  Raises ``ConfigError``
    and ``HostError`` before anything is served.
    """
    _keep_standard_descriptors()
    log = Log(settings.log_level, settings.log_sample)
    notifier = Notifier(environ)
    wanted = identity(settings.user)
    with owning(wanted):
        sockets = open_sockets(settings, inherited(environ))
    settings, descriptors = _with_room(settings, len(sockets.tcp))
    if not can_read(wanted, __file__):
        _import_all()
    drop(wanted)
    _tell(log, settings, sockets, descriptors)
    loop = Loop(log.problem, 0.0 if is_rationed() else AWAKE)
    counts, zones = Counts(), Zones(settings.zones)
    born = loop.now()
    plan = Plan(settings.names, settings.hosts, settings.records, zones, settings.ttl)
    sources = Sources(plan, loop, lambda table: service.use_table(table), log, counts)  # noqa: PLW0108 - there is no service yet
    sources.start()
    # From here on the first table is being made by a process of its own.
    from kuma_dns.server.service import Service, World

    service = Service(settings, World(sockets, zones, sources, loop, log, counts, notifier, born))
    service.start()
    if sockets.http is not None:
        from kuma_dns.server.pages import Pages
        from kuma_net.serving.http import HttpServer

        service.http = HttpServer(sockets.http, Pages(service), loop, log.problem)
    # What is there now stays: the collector need not look at it again, nor copy its pages in
    # the processes that make tables.  A query leaves no cycles behind; after each 700 new objects,
    # Python's default, the collector would walk over the cache for 6 % of a forwarded query's time.
    gc.freeze()
    gc.set_threshold(_OBJECTS, *gc.get_threshold()[1:])
    gc.enable()
    loop.run()
    service.close()
    loop.close()
    return 0


def _import_all() -> None:
    """Import what else would be imported when it is needed, and could then not be read any more.

    Programs below root's home are such: installed by pipx, or a checkout.
    """
    from importlib import import_module
    from pkgutil import walk_packages

    for module in walk_packages(kuma_dns.__path__, "kuma_dns."):
        if not module.name.startswith("kuma_dns.cli"):
            import_module(module.name)
    import_module("h11")


def _keep_standard_descriptors() -> None:
    """Open whichever of the first three descriptors is closed, before a socket gets its number.

    The log would otherwise be written to that socket.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(descriptor)


def _with_room(settings: Settings, listeners: int) -> tuple[Settings, int]:
    """Ask for descriptors; return how many we have, with as many connections as go with them.

    Each TCP listener has its own.  Where there are too few descriptors for all, idle clients must
    not take those that questions to other servers need.
    """
    most = settings.tcp_connections
    wanted = most * listeners + _UNDER_WAY + _SPARE
    descriptors = raise_descriptors(wanted)
    if listeners and descriptors < wanted:
        most = max(1, min(most, (descriptors - _SPARE) // (2 * listeners)))
    return settings.replace(tcp_connections=most), descriptors


def _tell(log: Log, settings: Settings, sockets: Sockets, descriptors: int) -> None:
    """Log where we listen and as whom: tests and people find the port there."""
    for note in settings.notes:
        log.warning("note", text=note)
    for place, why in sockets.skipped:
        log.info("not-listening", address=str(place), why=why)
    log.info(
        "listening",
        version=__version__,
        addresses=[str(place) for place in sockets.places],
        http=str(sockets.http_place) if sockets.http_place else None,
        user=os.geteuid(),
        descriptors=descriptors,
        tcp_connections=settings.tcp_connections,
    )
