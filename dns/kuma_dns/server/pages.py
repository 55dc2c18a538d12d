"""The pages of the HTTP server: /metrics, /ready, /names and /explain."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Final

from kuma_dns.names.addresses import each_text
from kuma_dns.names.table import COLLIDES, DERIVED, KNOWN, REVERSE
from kuma_dns.resolve.explain import explain, plain_query
from kuma_dns.server.exposition import Gauges, exposition
from kuma_dns.wire.message import type_number
from kuma_dns.wire.name import key_of, text_of
from kuma_net.serving.families import CONTENT_TYPE
from kuma_net.serving.http import JSON, Page
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuma_dns.names.table import Entry, Table
    from kuma_dns.server.service import Service
    from kuma_net.record import Record

_INDEX: Final = b"""\
/metrics              counters, for Prometheus
/ready                200 once the names are there, 503 before
/names                what is served, as JSON with a name on each line
/explain?name=NAME    why NAME is answered as it is; &type=AAAA asks for a type
"""
_PIECE: Final = 256
"""Entries of the table that one piece of /names is made from: a millisecond of work."""


class Pages:
    """Makes pages of what a service knows."""

    def __init__(self, service: Service) -> None:
        """Take the service."""
        self._service = service
        self._pages = {
            "/": self._index,
            "/metrics": self._metrics,
            "/ready": self._ready,
            "/names": self._names,
            "/explain": self._explain,
        }

    def __call__(self, path: str, query: Mapping[str, str]) -> Page | None:
        """Return the page at a path."""
        page = self._pages.get(path)
        return page(query) if page else None

    @staticmethod
    def _index(_: Mapping[str, str]) -> Page:
        return Page(_INDEX)

    def _metrics(self, _: Mapping[str, str]) -> Page:
        service = self._service
        table = service.table
        gauges = Gauges(
            names=table.names if table else 0,
            cache_entries=len(service.forwarder.cache),
            memo_entries=len(service.resolver.memo.lasting),
            flights=len(service.forwarder.flights),
            tcp_connections=service.connections,
            log_lost=service.log.lost,
            ready=service.ready,
            start=service.started,
        )
        labels = table.labels if table else {}
        return Page(exposition(service.counts, gauges, labels).encode(), CONTENT_TYPE)

    def _ready(self, _: Mapping[str, str]) -> Page:
        if self._service.ready:
            return Page(b"ready\n")
        why = "ending" if self._service.ending else "waiting for the first names"
        return Page(f"{why}\n".encode(), status=503)

    def _names(self, _: Mapping[str, str]) -> Page:
        service = self._service
        return Page(names_in_pieces(service.table, service.violations), JSON)

    def _explain(self, query: Mapping[str, str]) -> Page:
        kind = type_number(query.get("type", "A"))
        if kind is None:
            return Page(b"type: there is no such type; write A, AAAA, PTR or TYPE65\n", status=400)
        try:
            name = key_of(query.get("name", ""))
        except Malformed as wrong:
            return Page(f"name: {wrong}\n".encode(), status=400)
        service, now = self._service, self._service.loop.now()
        asked = plain_query(name, kind)
        resolver = service.resolver
        told = explain(resolver.zones, resolver.authority, asked, service.outlook(asked), now)
        return Page(json_line(told), JSON)


def json_line(record: Record) -> bytes:
    """Return a record of plain values as one line of JSON."""
    fields = {name: getattr(record, name) for name in record.__match_args__}
    return json.dumps(fields).encode() + b"\n"


def names_in_pieces(table: Table | None, violations: tuple[str, ...]) -> Iterator[bytes]:
    """Yield /names in pieces; the table stays the one it was when the page was asked for."""
    head = {
        "ready": table is not None,
        "names": table.names if table else 0,
        "ttl": table.ttl if table else None,
        "serial": table.serial if table else None,
        "sources": table.sources if table else (),
        "extraLabels": table.labels if table else {},
        "violations": violations,
    }
    yield json.dumps(head)[:-1].encode() + b', "records": ['
    comma = "\n"
    entries = iter(table or ())
    while some := list(islice(entries, _PIECE)):
        lines = [_line(key, entry, table) for key, entry in some if _is_told(entry)]
        # A piece may be empty: most of a large table are reverse names, which are not told.
        yield (comma + ",\n".join(lines)).encode() if lines else b""
        comma = ",\n" if lines else comma
    yield b"\n]}\n"


def _is_told(entry: Entry) -> bool:
    return entry.flags & (KNOWN | REVERSE) == KNOWN


def _line(key: bytes, entry: Entry, table: Table | None) -> str:
    """Return one name as JSON."""
    told: dict[str, object] = {
        "name": text_of(key),
        "ips": each_text(entry.ipv4, entry.ipv6),
        "source": table.sources[entry.source] if table else "",
    }
    if entry.flags & DERIVED:
        told["derived"] = True
    if entry.flags & COLLIDES:
        told["collides"] = True
    return json.dumps(told)
