"""resolv.conf(5): which servers to ask, how, and which domains a stub resolver appends.

Read the way glibc does it (resolv/res_init.c): a keyword counts only at the very start of a line
and with a blank behind it; ``#`` and ``;`` begin comments there and nowhere else; of several
``search`` and ``domain`` lines the last one holds; what is malformed is passed over.  ``timeout``
and ``attempts`` have glibc's caps.  Unlike glibc, which asks the first three servers only, all are
kept; and where it asks 127.0.0.1 if there is no server, nobody is asked: that would be ourselves.

``kuma_net.host.resolv`` reads the same lines for rules, which know neither ports nor scopes; what
an address is says ``kuma_net.values`` to both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kuma_dns.wire.name import key_of
from kuma_net.values import (
    IPV4_BITS,
    Family,
    Malformed,
    address_text,
    parse_address,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

DNS_PORT: Final = 53
DEFAULT_TIMEOUT: Final = 5.0
"""Seconds (RES_TIMEOUT of glibc's resolv.h)."""
LONGEST_TIMEOUT: Final = 30
"""Seconds (RES_MAXRETRANS)."""
DEFAULT_ATTEMPTS: Final = 2
"""RES_DFLRETRY."""
MOST_ATTEMPTS: Final = 5
"""RES_MAXRETRY."""
_MAPPED: Final = 0xFFFF
_WILDCARDS: Final = frozenset(("0.0.0.0", "::"))  # noqa: S104 - compared with, not bound to


class Server(NamedTuple):
    """Where a server listens; ``host`` is an address, of IPv6 perhaps with ``%scope``."""

    host: str
    port: int = DNS_PORT

    def __str__(self) -> str:
        """``10.0.0.1:53`` or ``[fe80::1%eth0]:53``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ResolvConf(NamedTuple):
    """What a resolv.conf says; ``timeout`` in seconds, ``search`` as keys."""

    servers: tuple[Server, ...] = ()
    search: tuple[bytes, ...] = ()
    timeout: float = DEFAULT_TIMEOUT
    attempts: int = DEFAULT_ATTEMPTS
    rotate: bool = False

    def without(self, listeners: Iterable[Server], local: Collection[str] = ()) -> ResolvConf:
        """Leave out the servers that are ourselves: a query to one would never end.

        A listener on a wildcard address is reached by every address of this host: by those of
        the loopback network, and by ``local``, the other ones the host has.
        """
        ours = [Server(plain_address(host), port) for host, port in listeners]
        near = {plain_address(address) for address in local}
        kept = tuple([server for server in self.servers if not _is_one_of(server, ours, near)])
        return self._replace(servers=kept)


def _is_one_of(server: Server, ours: list[Server], near: Collection[str]) -> bool:
    host = plain_address(server.host)
    here = host in near or host in _WILDCARDS or host == "::1" or host.startswith("127.")
    for listener in ours:
        if listener.port == server.port and (
            listener.host == host
            or (here and listener.host in _WILDCARDS)
            or (host in _WILDCARDS and listener.host in {"127.0.0.1", "::1"})
        ):
            return True
    return False


def plain_address(host: str) -> str:
    """Return the one way to write an address: mapped IPv4 as IPv4, IPv6 as RFC 5952 says.

    What is no address comes back as it is.
    """
    address, percent, scope = host.partition("%")
    family = Family.IPV6 if ":" in address else Family.IPV4
    try:
        value = parse_address(address, family)
    except Malformed:
        return host
    if family == Family.IPV6 and value >> IPV4_BITS == _MAPPED:
        return address_text(value & 0xFFFFFFFF, Family.IPV4)
    return address_text(value, family) + percent + scope


def parse_resolv_conf(text: str) -> ResolvConf:
    """Return what the text of a resolv.conf says; nothing in it is an error."""
    servers: list[Server] = []
    conf = ResolvConf()
    for line in text.split("\n"):
        keyword, *words = [word for word in line.replace("\t", " ").split(" ") if word] or [""]
        if not words or not line.startswith(keyword):
            continue
        if keyword == "nameserver":
            servers += _servers(words[0])
        elif keyword == "search":
            conf = conf._replace(search=_keys(words))
        elif keyword == "domain":
            conf = conf._replace(search=_keys(words[:1]))
        elif keyword == "options":
            for word in words:
                conf = _with_option(conf, word)
    return conf._replace(servers=tuple(dict.fromkeys(servers)))


def _servers(text: str) -> list[Server]:
    """Return the server at an address; none if it is no address."""
    address, percent, scope = text.partition("%")
    if ":" in address:
        try:
            value = parse_address(address, Family.IPV6)
        except Malformed:
            return []
        return [Server(address_text(value, Family.IPV6) + percent + scope)]
    number = _ipv4_number(text)
    return [] if number is None else [Server(address_text(number, Family.IPV4))]


def _ipv4_number(text: str) -> int | None:
    """Read an IPv4 address as inet_aton(3) does: ``10.1`` and ``0x7f.1`` are such."""
    parts = text.split(".")
    numbers: list[int] = []
    for part in parts:
        octal = part[:1] == "0" and part[1:].isdigit()
        try:
            numbers.append(int(part, 8 if octal else 16 if part[:2] in {"0x", "0X"} else 10))
        except ValueError:
            return None
    *front, last = numbers
    room = 5 - len(parts)
    if room < 1 or not text.isascii() or text.strip("0123456789abcdefABCDEFxX."):
        return None
    if max(front, default=0) >= 256 or last >= 256**room:  # noqa: PLR2004 - a byte
        return None
    value = 0
    for number in front:
        value = value << 8 | number
    return value << 8 * room | last


def _keys(names: list[str]) -> tuple[bytes, ...]:
    """Return the keys of search domains; the root and what is no name are left out."""
    keys: list[bytes] = []
    for name in names:
        try:
            keys.append(key_of(name))
        except Malformed:
            continue
    return tuple(keys)


def _with_option(conf: ResolvConf, word: str) -> ResolvConf:
    name, _, text = word.partition(":")
    if name == "timeout":
        return conf._replace(timeout=float(min(max(_leading_number(text), 1), LONGEST_TIMEOUT)))
    if name == "attempts":
        return conf._replace(attempts=min(max(_leading_number(text), 1), MOST_ATTEMPTS))
    return conf._replace(rotate=True) if word == "rotate" else conf


def _leading_number(text: str) -> int:
    """Read the digits at the beginning, as atoi(3) does; at most three, none is 0."""
    digits = text[: len(text) - len(text.lstrip("0123456789"))]
    return int(digits[:3] or 0)
