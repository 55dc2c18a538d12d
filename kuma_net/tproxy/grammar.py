"""The text grammars of the options, each both ways: texts -> value -> plain value.

A ``Kind`` reads a sequence of texts (one for a single value, any number for a list) and writes
a value back as what a YAML document would hold.  ``read`` never raises for bad input: it
appends ``(position, Malformed)`` to the list it is given, so that all violations can be told at
once, and skips the bad item.  The law, held by property tests: reading what was written gives
the same value.  The rules of ``owners`` have a file of their own.
"""

from __future__ import annotations

from kuma_net.record import Record
from kuma_net.tproxy.config import VirtualNetwork
from kuma_net.values import (
    HIGHEST_ID,
    HIGHEST_PORT,
    InterfacePattern,
    Malformed,
    Network,
    PortSet,
    join_intervals,
    parse_interval,
    parse_number,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from kuma_net.tproxy.config import OwnerExclusion
    from kuma_net.tproxy.owners import Bad

TRUE_WORDS = ("true", "yes", "on", "enabled", "1", "t")
FALSE_WORDS = ("false", "no", "off", "disabled", "0", "f")
IP_FAMILY_MODES = ("dualstack", "ipv4")
BACKENDS = ("auto", "nftables", "iptables-nft", "iptables-legacy")
EXECUTABLES = (
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
)
LONGEST_CHAIN_NAME = 18
"""28 bytes (XT_EXTENSION_MAXNAMELEN less the closing zero) without ``KUMA_MESH_``."""

NANOSECOND = 1_000_000_000
UNITS = (
    ("ms", NANOSECOND // 1000),
    ("us", 1000),
    ("µs", 1000),
    ("μs", 1000),
    ("ns", 1),
    ("h", 3600 * NANOSECOND),
    ("m", 60 * NANOSECOND),
    ("s", NANOSECOND),
)
"""Units of Go's time.ParseDuration in nanoseconds, two-letter ones first: ``ms`` is no ``m``."""


class Kind(Record):
    """How the values of one type are written; ``many`` tells a list from a single value.

    ``separator`` divides several items in one text.  ``expects`` is what a person reads when
    something else was given.
    """

    read: Callable[[Sequence[str], Bad], Any]
    write: Callable[[Any], Any]
    expects: str
    many: bool = False
    separator: str = ","


def parse_bool(text: str) -> bool:
    """Read Go's and Kubernetes' spellings of true and false, whatever the case."""
    word = text.strip().lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise Malformed(text, "not a boolean", "write true or false")


def parse_port(text: str) -> int:
    """Read a port that traffic can be redirected to: 1 to 65535."""
    return parse_number(text, 1, HIGHEST_PORT, "port")


def parse_choice(text: str, choices: Sequence[str], default: str) -> str:
    """Read one of ``choices``, whatever the case; empty text means ``default``."""
    word = text.strip().lower() or default
    if word not in choices:
        raise Malformed(text, "no such choice", f"write one of {', '.join(choices)}")
    return word


def parse_user(text: str) -> str:
    """Read a user name or numeric id; empty text means that the host is asked."""
    name = text.strip()
    if name.isascii() and name.isdigit():
        return str(parse_number(name, 0, HIGHEST_ID, "user id"))
    if any(letter in ":," or letter.isspace() or not letter.isprintable() for letter in name):
        raise Malformed(text, "not a user name", "write a user name or a numeric user id")
    return name


def parse_path(text: str) -> str:
    """Read the path of a file."""
    path = text.strip()
    if not path or "\0" in path:
        raise Malformed(text, "not a path", "write the path of a file")
    return path


def parse_chain_name(text: str) -> str:
    """Read the part of a chain's name that follows ``KUMA_MESH_``."""
    name = text.strip()
    right = f"write 1 to {LONGEST_CHAIN_NAME} letters, digits or _; KUMA_MESH_ goes before them"
    if not name.replace("_", "").isalnum() or not name.isascii():
        raise Malformed(text, "not a chain name", right)
    if len(name) > LONGEST_CHAIN_NAME:
        raise Malformed(text, "too long", right)
    if name == "STAMP":
        raise Malformed(text, "taken: that chain says what is installed", "choose another name")
    return name


def parse_duration(text: str) -> float:
    """Read ``2s``, ``1m30s``, ``300ms`` or whole nanoseconds; the result is in seconds.

    Quotes around it are dropped: the only spelling that kumactl's own flag takes is ``'"2s"'``.
    """
    rest = text.strip().strip('"')
    right = "write a duration such as 2s, 1m30s or 300ms"
    if rest.isascii() and rest.isdigit():
        total = float(rest)
    elif not rest:
        raise Malformed(text, "not a duration", right)
    else:
        total = 0.0
    while rest and not (rest.isascii() and rest.isdigit()):
        digits = len(rest) - len(rest.lstrip("0123456789."))
        unit, size = next(((u, n) for u, n in UNITS if rest.startswith(u, digits)), ("", 0))
        number = rest[:digits]
        if not unit or number.count(".") > 1 or not number.strip("."):
            raise Malformed(text, "not a duration", right)
        total += float(number) * size
        rest = rest[digits + len(unit) :]
        if rest.isdigit():
            raise Malformed(text, "the last number has no unit", right)
    if not total < 2**63:
        raise Malformed(text, "too long", "the longest duration is 2562047h")
    return total / NANOSECOND


def duration_text(seconds: float) -> str:
    """Return ``1m30s``, ``2s``, ``300ms``...: whole numbers of the units that are needed."""
    rest = round(seconds * NANOSECOND)
    pieces = ""
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size * NANOSECOND)
        pieces += f"{count}{unit}" if count else ""
    for unit, size in UNITS:
        if rest and rest % size == 0 and size < NANOSECOND:
            return f"{pieces}{rest // size}{unit}"
    return pieces or "0s"


def parse_vnet(text: str) -> VirtualNetwork:
    """Read ``IFACE:CIDR``; the first colon divides, so that ``br0:fd00::/64`` works."""
    interface, colon, cidr = text.partition(":")
    right = "write INTERFACE:CIDR such as docker0:172.17.0.0/16 or br+:fd00::/64"
    if not colon or "/" not in cidr:
        raise Malformed(text, "not a virtual network", right)
    return VirtualNetwork(InterfacePattern.parse(interface), Network.parse(cidr))


def parse_executable(text: str) -> tuple[str, str]:
    """Read ``name:path`` of one of the six iptables programs."""
    name, colon, path = text.partition(":")
    if not colon or name.strip() not in EXECUTABLES or not path.strip():
        right = f"write NAME:PATH; names are {', '.join(EXECUTABLES)}"
        raise Malformed(text, "not an iptables program and its path", right)
    return name.strip(), path.strip()


# --- readers and writers ----------------------------------------------------------------------


def _single(parse: Callable[[str], object]) -> Callable[[Sequence[str], Bad], object]:
    """Return a reader of one text; the last of several counts, but all are checked."""

    def read(texts: Sequence[str], bad: Bad) -> object:
        value: object = None
        for position, text in enumerate(texts):
            try:
                value = parse(text)
            except Malformed as error:
                bad.append((position, of_item(error, text)))
        return value

    return read


def of_item(error: Malformed, item: str) -> Malformed:
    """Return the error of a piece as an error of the whole item, which a person wrote."""
    if error.piece == item:
        return error
    return Malformed(item, f"{error.piece!r}: {error.wrong}", error.right)


def _read_rules(texts: Sequence[str], bad: Bad) -> object:
    from kuma_net.tproxy.owners import read_rules

    return read_rules(texts, bad)


def _rule_texts(rules: Iterable[OwnerExclusion]) -> list[str]:
    from kuma_net.tproxy.owners import rule_text

    return [rule_text(rule) for rule in rules]


def _items(texts: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the items of comma lists, trimmed, empty ones dropped."""
    for position, text in enumerate(texts):
        for item in text.split(","):
            if piece := item.strip():
                yield position, piece


def _list(
    parse: Callable[[str], Any], collect: Callable[[list[Any]], Any]
) -> Callable[[Sequence[str], Bad], Any]:
    """Return a reader of comma lists that hands the parsed items to ``collect``."""

    def read(texts: Sequence[str], bad: Bad) -> object:
        values = []
        for position, item in _items(texts):
            try:
                values.append(parse(item))
            except Malformed as error:
                bad.append((position, of_item(error, item)))
        return collect(values)

    return read


def _port_interval(item: str) -> tuple[int, int]:
    return parse_interval(item, 1, HIGHEST_PORT, "port")


def _port_set(intervals: list[tuple[int, int]]) -> PortSet:
    return PortSet(join_intervals(intervals))


def _networks(networks: list[Network]) -> tuple[Network, ...]:
    return tuple(sorted(dict.fromkeys(networks), key=Network.sort_key))


def _unique(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _programs(pairs: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(dict(pairs).items()))


def _as_is(value: object) -> object:
    return value


def _port_items(ports: PortSet) -> list[int | str]:
    return [a if a == b else f"{a}-{b}" for a, b in ports]


def _texts(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def _number(what: str, highest: int) -> Kind:
    return Kind(
        _single(lambda text: parse_number(text, 0, highest, what)), _as_is, f"0 to {highest}"
    )


LONGEST_WAIT = 4294967295

KINDS: dict[str, Kind] = {
    "bool": Kind(_single(parse_bool), _as_is, "true or false"),
    "port": Kind(_single(parse_port), _as_is, "a port from 1 to 65535"),
    "seconds": _number("number of seconds", LONGEST_WAIT),
    "microseconds": _number("number of microseconds", LONGEST_WAIT),
    "count": _number("number of retries", LONGEST_WAIT),
    "level": _number("log level", 7),
    "duration": Kind(_single(parse_duration), duration_text, "a duration such as 2s"),
    "user": Kind(_single(parse_user), _as_is, "a user name or numeric id"),
    "path": Kind(_single(parse_path), _as_is, "the path of a file"),
    "chain": Kind(_single(parse_chain_name), _as_is, "a chain name"),
    "ip-family-mode": Kind(
        _single(lambda text: parse_choice(text, IP_FAMILY_MODES, "dualstack")),
        _as_is,
        "dualstack or ipv4",
    ),
    "backend": Kind(
        _single(lambda text: parse_choice(text, BACKENDS, "auto")), _as_is, ", ".join(BACKENDS)
    ),
    "ports": Kind(
        _list(_port_interval, _port_set), _port_items, "ports and ranges: 80,8000-8999", many=True
    ),
    "networks": Kind(
        _list(Network.parse, _networks), _texts, "addresses and networks: 10.0.0.0/8", many=True
    ),
    "interfaces": Kind(
        _list(InterfacePattern.parse, _unique), _texts, "interfaces: eth1, br+", many=True
    ),
    "vnets": Kind(
        _list(parse_vnet, _unique),
        lambda vnets: [f"{vnet.interface}:{vnet.network}" for vnet in vnets],
        "virtual networks: docker0:172.17.0.0/16",
        many=True,
    ),
    "rules": Kind(
        _read_rules,
        _rule_texts,
        "rules [PROTO:][PORTS:]IDS: tcp:443:1234",
        many=True,
        separator=";",
    ),
    "executables": Kind(
        _list(parse_executable, _programs), dict, "NAME:PATH of iptables programs", many=True
    ),
}
"""Every type an option can have."""
