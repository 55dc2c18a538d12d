"""How single values are written: text to value, or ``Malformed`` with what would be right."""

from __future__ import annotations

from typing import Final

from kuma_dns.names.static import check_record
from kuma_dns.names.zones import zone_key
from kuma_dns.resolve.servers import DNS_PORT, Server
from kuma_net.serving.sample import Sample
from kuma_net.values import (
    HIGHEST_PORT,
    Family,
    Malformed,
    address_text,
    parse_address,
    parse_number,
)

LISTEN_PORT: Final = 15053
"""Where capture sends a workload's DNS (Kuma's ``redirect.dns.port``)."""
HTTP_PORT: Final = 19153
"""Where Kuma has its resolver's metrics (``--dns-prometheus-port``)."""
LONGEST_TTL: Final = 604800
"""A week: RFC 8767 section 4 has caches take nothing longer seriously."""
LONGEST_TIME: Final = 86400.0
LEVELS: Final = ("info", "warning", "error")
OFF: Final = ("off", "none", "false", "")
_RIGHT_ADDRESS: Final = "write an IP address, such as 127.0.0.1:{port} or [::1]:{port}"


def read_server(text: str, port: int) -> Server:
    """Read ``10.0.0.1``, ``10.0.0.1:53``, ``::1``, ``[::1]`` or ``[::1]:53``.

    ``port`` is taken where none is written; ``Malformed`` says what is wrong.
    """
    piece = text.strip()
    host, written = piece, ""
    if piece.startswith("["):
        host, bracket, rest = piece[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or ":" not in host:
            raise Malformed(text, "not an address and a port", _RIGHT_ADDRESS.format(port=port))
        written = rest
    elif piece.count(":") == 1:
        host, _, written = piece.partition(":")
        written = f":{written}"
    family = Family.IPV6 if ":" in host else Family.IPV4
    try:
        address = parse_address(host, family)
    except Malformed:
        right = _RIGHT_ADDRESS.format(port=port)
        raise Malformed(text, "not an address and a port", right) from None
    number = parse_number(written[1:], 0, HIGHEST_PORT, "port") if written else port
    return Server(address_text(address, family), number)


def read_listen(text: str) -> Server:
    """Read an address to listen at."""
    return read_server(text, LISTEN_PORT)


def read_upstream(text: str) -> Server:
    """Read the address of a server to ask."""
    server = read_server(text, DNS_PORT)
    if not server.port:
        raise Malformed(text, "nobody can be asked at port 0", "write a port from 1 to 65535")
    return server


def read_http(text: str) -> Server | None:
    """Read where HTTP is served; None for ``off``."""
    return None if text.strip().lower() in OFF else read_server(text, HTTP_PORT)


def read_seconds(text: str) -> float:
    """Read ``10s``, ``1m30s``, ``300ms``; a bare number counts seconds."""
    piece = text.strip()
    right = "write a time up to a day, such as 10s, 1m30s or 300ms"
    if piece.isascii() and piece.isdigit():
        seconds = float(piece)
    else:
        from kuma_net.tproxy.grammar import parse_duration

        try:
            seconds = parse_duration(piece)
        except Malformed:
            raise Malformed(text, "not a time", right) from None
    if seconds > LONGEST_TIME:
        raise Malformed(text, "not a usable time", right)
    return seconds


def read_some_seconds(text: str) -> float:
    """Read a time that is not 0."""
    seconds = read_seconds(text)
    if not seconds:
        raise Malformed(text, "no time at all", "write a time of 1ms at least")
    return seconds


def read_ttl(text: str) -> int:
    """Read seconds, a week at most."""
    return parse_number(text, 0, LONGEST_TTL, "time to live in seconds")


def read_cache_size(text: str) -> int:
    """Read a number of answers."""
    return parse_number(text, 0, 10_000_000, "number of answers")


def read_connections(text: str) -> int:
    """Read a number of connections."""
    return parse_number(text, 1, 100_000, "number of connections")


def read_zone(text: str) -> str:
    """Read the name of a zone: lower case, without the closing dot."""
    piece = text.strip()
    zone_key(piece)
    return piece.removesuffix(".").lower()


def read_static(text: str) -> str:
    """Read ``NAME=IP``; the text is kept as it is."""
    check_record(text)
    return text.strip()


def read_path(text: str) -> str:
    """Read the name of a file."""
    if not text.strip() or "\0" in text:
        raise Malformed(text, "not the name of a file", "write the path of a file")
    return text.strip()


def read_source(text: str) -> str:
    """Read the name of a file, or ``unix:`` and that of a socket."""
    path = read_path(text)
    if path == "unix:":
        raise Malformed(text, "names no socket", "write unix:/path/of/the/socket")
    return path


def read_user(text: str) -> str:
    """Read a user's name or number."""
    name = text.strip()
    if any(letter in ":," or letter.isspace() or not letter.isprintable() for letter in name):
        raise Malformed(text, "not a user", "write a user's name or number")
    return name


def read_level(text: str) -> str:
    """Read the name of a level."""
    word = text.strip().lower()
    if word not in LEVELS:
        raise Malformed(text, "no such level", f"write one of {', '.join(LEVELS)}")
    return word


def read_sample(text: str) -> Sample:
    """Read ``FIRST/EVERY``."""
    first, slash, every = text.strip().partition("/")
    right = "write FIRST/EVERY, such as 10/1000"
    if not slash:
        raise Malformed(text, "not two numbers", right)
    most = 1_000_000
    return Sample(
        parse_number(first, 0, most, "number of lines"),
        parse_number(every, 1, most, "number of lines"),
    )
