"""What a server would do that is not running: ``query`` with names of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_dns.cli.words import explanation_lines, message_fields, message_lines
from kuma_dns.names.table import Table
from kuma_dns.names.zones import Zones
from kuma_dns.resolve.authority import Authority
from kuma_dns.resolve.explain import Outlook, explain, plain_query
from kuma_dns.resolve.servers import parse_resolv_conf
from kuma_dns.server.reading import Material, Origin, make
from kuma_dns.server.sources import SOCKET_PREFIX
from kuma_dns.wire.name import key_of
from kuma_net.errors import ConfigError, InputError, Violation
from kuma_net.record import Record

if TYPE_CHECKING:
    from kuma_dns.resolve.explain import Explanation
    from kuma_dns.resolve.servers import ResolvConf
    from kuma_dns.settings.load import Settings


class Foretold(Record):
    """What would be answered (None: others are asked), and why."""

    message: bytes | None
    why: Explanation

    def fields(self) -> dict[str, object]:
        """Return everything as plain values."""
        why = {name: getattr(self.why, name) for name in self.why.__match_args__}
        answer = message_fields(self.message) if self.message else {}
        return {**answer, "explanation": why}

    def text(self) -> str:
        """Return everything for a person."""
        fields = self.fields()
        lines = [f"{self.why.name} {self.why.type}: other servers are asked"]
        if self.message is not None:
            lines = message_lines(fields)
        return "\n".join([*lines, "", *explanation_lines(fields["explanation"])]) + "\n"


def foretell(settings: Settings, name: str, qtype: int) -> Foretold:
    """Say what a server with these settings would do; ``InputError`` for names it would refuse."""
    zones = Zones(settings.zones)
    block, report = make(_material(settings, zones))
    if report.errors:
        raise InputError("\n".join(report.errors))
    conf = _resolv_conf(settings)
    authority = Authority(zones, Table(block), conf.search)
    query = plain_query(key_of(name), qtype)
    outlook = Outlook(conf.servers, violations=report.violations)
    answer = authority.answer(query)
    why = explain(zones, authority, query, outlook, 0.0)
    return Foretold(None if answer is None else answer.packet, why)


def _material(settings: Settings, zones: Zones) -> Material:
    sockets = [path for path in settings.names if path.startswith(SOCKET_PREFIX)]
    if sockets:
        wrong = "only a running server asks a socket"
        right = "write a file, or leave --names out to ask the running server"
        raise ConfigError([Violation("--names", path, "", wrong, right) for path in sockets])
    files = [Origin(f"file {path}", path) for path in settings.names]
    files += [Origin(f"hosts file {path}", path, hosts=True) for path in settings.hosts]
    return Material(tuple(files), settings.records, zones, settings.ttl)


def _resolv_conf(settings: Settings) -> ResolvConf:
    """Return who else would be asked; nobody where the file cannot be read."""
    try:
        with open(settings.resolv_conf, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - as in the server
            said = parse_resolv_conf(file.read())
    except OSError:
        said = parse_resolv_conf("")
    if settings.upstreams:
        said = said._replace(servers=settings.upstreams)
    return said.without(settings.listen)
