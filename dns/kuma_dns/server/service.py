"""Everything that answers, put together: sockets, resolver, sources, pages, signals.

A reload is nothing special: sources and resolv.conf are read again while the former names are
served, and what they say is swapped in between two queries.

The end (SIGTERM) has an order that loses nothing: no new connections; 50 ms in which what is on
its way to us by UDP still arrives; then nothing new is read, and whoever waits for an upstream
server gets the answer, for some seconds.  A second SIGTERM ends it at once.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Final

from kuma_dns.resolve.explain import Outlook
from kuma_dns.resolve.forward import Forwarder
from kuma_dns.resolve.resolver import Resolver
from kuma_dns.resolve.servers import ResolvConf
from kuma_dns.server.nameservers import NameServers
from kuma_dns.server.tcp import TcpListener
from kuma_dns.server.udp import UdpListener
from kuma_dns.server.upstream import UpstreamSockets
from kuma_net.record import Record

if TYPE_CHECKING:
    from kuma_dns.counts import Counts
    from kuma_dns.names.table import Table
    from kuma_dns.names.zones import Zones
    from kuma_dns.server.listening import Sockets
    from kuma_dns.server.sources import Sources
    from kuma_dns.server.systemd import Notifier
    from kuma_dns.settings.load import Settings
    from kuma_dns.wire.query import Query
    from kuma_net.serving.http import HttpServer
    from kuma_net.serving.log import Log
    from kuma_net.serving.loop import Loop

LAST_ARRIVALS: Final = 0.05
"""Seconds for which queries are still read after SIGTERM."""
DRAINING: Final = 5.0
"""Seconds that answers under way may take: what most applications wait for (resolv.conf(5))."""
READY_AT_LAST: Final = 15.0
"""Seconds until systemd is told that we are up even without names; Kuma waits as long."""
_WITHOUT_NAMES: Final = "waiting for the first names"
_GLANCE: Final = 0.02
"""Seconds between looks whether all is answered."""


class World(Record):
    """What a service is made of: its sockets, its names (on their way already), who hears of it.

    ``born`` is when all began, by the loop's clock.
    """

    sockets: Sockets
    zones: Zones
    sources: Sources
    loop: Loop
    log: Log
    counts: Counts
    notifier: Notifier
    born: float


class Service:
    """The running server."""

    def __init__(self, settings: Settings, world: World) -> None:
        """Begin to answer."""
        self.loop = loop = world.loop
        self.log = world.log
        self.counts = world.counts
        self.started = time.time()
        self.ending = False
        self.table: Table | None = None
        self.http: HttpServer | None = None
        self._sockets = world.sockets
        self._sources = world.sources
        self._notifier = world.notifier
        self._born = world.born
        self._conf = ResolvConf()
        self._upstream = UpstreamSockets(loop, self.counts)
        self.forwarder = Forwarder(
            self._upstream,
            self.counts,
            cache_size=settings.cache_size,
            serve_stale=settings.serve_stale,
        )
        self._upstream.attach(self.forwarder.flights)
        self.resolver = Resolver(world.zones, self.counts, self.forwarder)
        places = self._sockets.places
        self._nameservers = NameServers(settings, places, self._use_servers, self.log)
        self._udp = [UdpListener(one, self.resolver, loop) for one in self._sockets.udp]
        self._tcp = [
            TcpListener(
                one, self.resolver, loop, idle=settings.tcp_idle, most=settings.tcp_connections
            )
            for one in self._sockets.tcp
        ]
        loop.keep_time(self.resolver.due, self.resolver.tick)
        self._failures = 0
        loop.keep_time(self._due, self._tick)

    @property
    def ready(self) -> bool:
        """Whether the first names are there and we are not ending."""
        return self.table is not None and not self.ending

    @property
    def connections(self) -> int:
        """How many TCP connections are open."""
        return sum([listener.connections for listener in self._tcp])

    @property
    def violations(self) -> tuple[str, ...]:
        """What was said of the names in use."""
        return self._sources.served.violations

    def outlook(self, query: Query) -> Outlook:
        """Return what is known of a question that is not ours."""
        beyond = self.forwarder
        servers = self._conf.servers
        return Outlook(servers, beyond.peek(query), beyond.is_flying(query), self.violations)

    def start(self) -> None:
        """Read the servers for the first time, and wait for signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.on_signal(number, self.end)
        self.loop.on_signal(signal.SIGHUP, self.reload)
        self._nameservers.start(self.loop)
        self._sources.on_end = self._tell_ready
        self._at_last = self.loop.at(self.loop.now() + READY_AT_LAST, self._ready_at_last)

    def reload(self) -> None:
        """Read everything again; what is there serves until then."""
        self.log.info("reloading")
        self._notifier.reloading()
        self._nameservers.read()
        self._sources.reload()
        if self.table is None:
            self._notifier.ready(_WITHOUT_NAMES)

    def _use_servers(self, conf: ResolvConf) -> None:
        self._conf = conf
        self.forwarder.use_servers(conf)
        self.resolver.use_search(conf.search)

    def use_table(self, table: Table) -> None:
        """Answer from these names from now on."""
        first, self.table = self.table is None, table
        now = self.loop.now()
        self.resolver.use_table(table, now)
        if first:
            self._at_last.cancel()
            self.counts.ready_wait.observe(now - self._born)

    def _due(self) -> float | None:
        """Return when there is something to do for questions under way, or to tell of them."""
        if self.counts.upstream_failures != self._failures:
            return 0.0
        return self.forwarder.due()

    def _tick(self, now: float) -> None:
        self.forwarder.tick(now)
        failures, self._failures = self._failures, self.counts.upstream_failures
        if failures != self._failures:
            count, errors = self._failures - failures, self.counts.upstream_errors
            self.log.warning("upstream-failed", questions=count, errors_of_servers=errors)

    def _tell_ready(self) -> None:
        """Tell systemd after every attempt to read the names: the end of a reload, too."""
        if self.table is not None:
            self._notifier.ready(f"{self.table.names} names")

    def _ready_at_last(self) -> None:
        self.log.warning("no-names-yet", seconds=READY_AT_LAST)
        self._notifier.ready(_WITHOUT_NAMES)

    # --- the end --------------------------------------------------------------------------------

    def end(self) -> None:
        """Answer what is under way, then stop the loop; a second time: at once."""
        if self.ending:
            self.log.warning("ending-at-once", flights=len(self.forwarder.flights))
            self.loop.stop()
            return
        self.ending = True
        self._notifier.stopping()
        self.log.info("ending", flights=len(self.forwarder.flights), connections=self.connections)
        self._sources.close()
        self._nameservers.close()
        for listener in self._tcp:
            listener.close()
        now = self.loop.now()
        self.loop.at(now + LAST_ARRIVALS, self._read_no_more)
        self.loop.at(now + DRAINING, self.loop.stop)

    def _read_no_more(self) -> None:
        for one in self._sockets.udp:
            self.loop.pause_reading(one.fileno())
        for tcp in self._tcp:
            tcp.drain()
        self._end_if_answered()

    def _end_if_answered(self) -> None:
        if self.forwarder.flights or self.connections or self.resolver.waiting:
            self.loop.at(self.loop.now() + _GLANCE, self._end_if_answered)
        else:
            self.loop.stop()

    def close(self) -> None:
        """Close everything."""
        for udp in self._udp:
            udp.close()
        for tcp in self._tcp:
            tcp.close()
            tcp.abort()
        if self.http is not None:
            self.http.close()
        self._upstream.close()
        self.log.info("ended", unanswered=len(self.forwarder.flights))
        self._notifier.close()
