"""Flags and environment to ``Settings``.

Each option is a flag, ``--tcp-idle``, and a variable, ``KUMA_DNS_TCP_IDLE``; a flag wins over the
variable, the variable over the default.  A repeatable flag is given several times, its variable
holds several values with commas between them.

All that is wrong is told at once, each piece with the flag or variable that it came from.
Nothing is opened here: whether a file can be read is found out by whoever reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kuma_dns.settings.options import ENV_PREFIX, OPTIONS
from kuma_net.errors import ConfigError, Violation
from kuma_net.record import Record
from kuma_net.values import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kuma_dns.resolve.servers import Server
    from kuma_dns.settings.options import Option
    from kuma_net.serving.sample import Sample


class Settings(Record):
    """Everything that can be set; times are in seconds, names of files as they were written.

    ``upstreams`` empty: the servers of ``resolv_conf``.  ``http`` None: no HTTP.  ``user`` empty:
    the sidecar's.  ``asked`` are the flags of all options that somebody set; ``notes`` sentences
    for the person.
    """

    listen: tuple[Server, ...]
    names: tuple[str, ...]
    hosts: tuple[str, ...]
    records: tuple[str, ...]
    ttl: int
    zones: tuple[str, ...]
    resolv_conf: str
    upstreams: tuple[Server, ...]
    cache_size: int
    serve_stale: float
    tcp_idle: float
    tcp_connections: int
    http: Server | None
    user: str
    log_level: str
    log_sample: Sample
    asked: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def load(
    flags: Sequence[tuple[str, str]],
    environ: Mapping[str, str],
    violations: Sequence[Violation] = (),
) -> Settings:
    """Return what flags (of ``OPTIONS``) and variables say together.

    ``violations`` are what the reader of the command line did not understand.  Raises
    ``ConfigError`` with these and all others.
    """
    reading = _Reading([*violations])
    values = {option.field: reading.value(option, flags, environ) for option in OPTIONS}
    reading.check(values)
    if reading.violations:
        raise ConfigError(reading.violations)
    asked = frozenset(reading.asked)
    return Settings(**values, asked=asked, notes=_strangers(environ))


class _Reading:
    """What was found while the options are read."""

    def __init__(self, violations: list[Violation]) -> None:
        self.violations = violations
        self.asked: list[str] = []

    def value(
        self, option: Option, flags: Sequence[tuple[str, str]], environ: Mapping[str, str]
    ) -> Any:  # noqa: ANN401 - as many types as options have
        """Read one option from wherever it is said last."""
        texts = [text for flag, text in flags if flag == option.flag]
        from_variable = environ.get(option.env, "")
        if texts:
            source = f"flag {option.flag}"
            self.asked.append(option.flag)
        elif from_variable.strip():
            source = f"env {option.env}"
            texts = from_variable.split(",") if option.repeatable else [from_variable]
            self.asked.append(option.flag)
        else:
            source = "default"
            texts = option.default.split(",") if option.repeatable else [option.default]
        if not option.repeatable:
            return self._read(option, texts[-1], source)
        kept = [text for text in texts if text.strip() or source.startswith("flag")]
        return tuple([self._read(option, text, source) for text in kept])

    def _read(self, option: Option, text: str, source: str) -> Any:  # noqa: ANN401 - as many types as options have
        try:
            return option.read(text)
        except Malformed as error:
            self._wrong(option.flag, error.piece, source, error.wrong, error.right)
            return None

    def _wrong(self, flag: str, value: str, source: str, wrong: str, right: str) -> None:
        # A flag that is told by its own name needs no source beside it.
        told = "" if source == f"flag {flag}" else source
        self.violations.append(Violation(flag, value, told, wrong, right))

    def check(self, values: Mapping[str, Any]) -> None:
        """See to what options mean for each other."""
        listen = [server for server in values["listen"] if server]
        for server in dict.fromkeys(listen):
            if server.port and listen.count(server) > 1:
                self._wrong("--listen", str(server), "", "given twice", "leave one of them out")
        for server in values["upstreams"]:
            if server in listen:
                wrong = "is where we listen ourselves: questions would go round and round"
                self._wrong("--upstream", str(server), "", wrong, "write another server")
        if values["http"] in listen and values["http"].port:
            wrong = "is where we listen for DNS"
            self._wrong("--http", str(values["http"]), "", wrong, "write another port, or off")


def _strangers(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return what to say of variables that look like ours; they may be another program's."""
    from kuma_net.tproxy.spelling import nearest

    known = {option.env.removeprefix(ENV_PREFIX): option.env for option in OPTIONS}
    told = []
    for name in sorted(environ):
        end = name.removeprefix(ENV_PREFIX)
        meant = nearest(end, known) if end != name and end not in known else ""
        if meant:
            told.append(f"env {name} has no effect; did you mean {known[meant]}?")
    return tuple(told)
