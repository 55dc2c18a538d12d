"""Every option, once: ``OPTIONS``.

From this table come the reader (``load``), the help texts and the table in ``docs/dns.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kuma_dns.names.zones import DEFAULT_ZONES
from kuma_dns.settings.grammar import (
    HTTP_PORT,
    LEVELS,
    LISTEN_PORT,
    read_cache_size,
    read_connections,
    read_http,
    read_level,
    read_listen,
    read_path,
    read_sample,
    read_seconds,
    read_some_seconds,
    read_source,
    read_static,
    read_ttl,
    read_upstream,
    read_user,
    read_zone,
)
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

ENV_PREFIX: Final = "KUMA_DNS_"


class Option(Record):
    """One option: ``--flag``, ``KUMA_DNS_FLAG`` and a field of ``Settings``.

    ``read`` makes a value of a text or raises ``Malformed``; ``default`` is text as well, several
    values with commas between them; ``help`` is a sentence or two; ``section`` its heading.
    """

    flag: str
    field: str
    metavar: str
    read: Callable[[str], Any]
    default: str
    help: str
    section: str
    repeatable: bool = False

    @property
    def env(self) -> str:
        """Return the name of its variable."""
        return ENV_PREFIX + self.flag.removeprefix("--").replace("-", "_").upper()


_NAMES, _OTHERS, _RUNNING = "Names of the mesh", "All other names", "Running"

OPTIONS: Final = (
    Option(
        "--names",
        "names",
        "SOURCE",
        read_source,
        "",
        "Serve the names of Kuma's DNS document: a file, read again when it changes, or "
        "unix:SOCKET, asked each second for /dns.",
        _NAMES,
        repeatable=True,
    ),
    Option(
        "--hosts",
        "hosts",
        "FILE",
        read_path,
        "",
        "Serve the names of a hosts file, read again when it changes.",
        _NAMES,
        repeatable=True,
    ),
    Option(
        "--record",
        "records",
        "NAME=IP",
        read_static,
        "",
        "Serve a name with an address; several addresses are several records.",
        _NAMES,
        repeatable=True,
    ),
    Option(
        "--zone",
        "zones",
        "NAME",
        read_zone,
        ",".join(DEFAULT_ZONES),
        "Keep all names below this one: what is not known there does not exist, and nobody else "
        "is asked.",
        _NAMES,
        repeatable=True,
    ),
    Option(
        "--ttl",
        "ttl",
        "SECONDS",
        read_ttl,
        "30",
        "How long answers about the mesh may be believed, where the document does not say.",
        _NAMES,
    ),
    Option(
        "--upstream",
        "upstreams",
        "IP[:PORT]",
        read_upstream,
        "",
        "Ask this server for all other names, not those of the resolv.conf.",
        _OTHERS,
        repeatable=True,
    ),
    Option(
        "--resolv-conf",
        "resolv_conf",
        "FILE",
        read_path,
        "/etc/resolv.conf",
        "Take servers, search domains and options from this file, read again when it changes.",
        _OTHERS,
    ),
    Option(
        "--cache-size",
        "cache_size",
        "COUNT",
        read_cache_size,
        "10000",
        "Keep this many answers of other servers; 0 keeps none.",
        _OTHERS,
    ),
    Option(
        "--serve-stale",
        "serve_stale",
        "TIME",
        read_seconds,
        "0s",
        "When no server answers, give answers that ended at most this long ago (RFC 8767); 0s "
        "gives none.",
        _OTHERS,
    ),
    Option(
        "--listen",
        "listen",
        "IP[:PORT]",
        read_listen,
        f"127.0.0.1:{LISTEN_PORT},[::1]:{LISTEN_PORT}",
        "Answer here, by UDP and by TCP; port 0 takes a free one.",
        _RUNNING,
        repeatable=True,
    ),
    Option(
        "--http",
        "http",
        "IP[:PORT]",
        read_http,
        f"127.0.0.1:{HTTP_PORT}",
        "Serve /metrics, /ready, /names and /explain here; off: nowhere.",
        _RUNNING,
    ),
    Option(
        "--user",
        "user",
        "USER",
        read_user,
        "",
        "Become this user once the sockets are there; root becomes user 5678 or kuma-dp unless "
        "told otherwise.",
        _RUNNING,
    ),
    Option(
        "--tcp-idle",
        "tcp_idle",
        "TIME",
        read_some_seconds,
        "10s",
        "Close a TCP connection on which nothing was asked for so long.",
        _RUNNING,
    ),
    Option(
        "--tcp-connections",
        "tcp_connections",
        "COUNT",
        read_connections,
        "1000",
        "Serve this many TCP connections at the same time, at each address.",
        _RUNNING,
    ),
    Option(
        "--log-level",
        "log_level",
        "LEVEL",
        read_level,
        "info",
        f"Write what is at least this grave: {', '.join(LEVELS)}.",
        _RUNNING,
    ),
    Option(
        "--log-sample",
        "log_sample",
        "FIRST/EVERY",
        read_sample,
        "10/1000",
        "Of the same event write the first FIRST in a minute, then one of EVERY.",
        _RUNNING,
    ),
)
"""Every option, in the order in which help texts and documentation list them."""

BY_FLAG: Final = {option.flag: option for option in OPTIONS}
