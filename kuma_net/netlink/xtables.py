"""Matches and targets of xtables, as the kernel keeps them, in the words of iptables-save.

An extension is a name, a revision and a C structure in host byte order (ports and addresses in
network byte order).  It is the same in a legacy table's blob and inside an expression ``match``
or ``target`` of nf_tables, which is how iptables-nft uses extensions that nf_tables lacks.
Only those are read that kumactl or our own iptables backends write; any other gives ``UNKNOWN``
for its options, so a rule with it equals no rule we look for.

Facts: include/uapi/linux/netfilter/xt_*.h, nf_nat.h and netfilter_ipv4/ipt_LOG.h.
"""

from __future__ import annotations

from _struct import unpack_from
from struct import error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Words: TypeAlias = tuple[str, ...]

UNKNOWN = "--unknown"
"""Stands for options that are not read."""
PROTOCOLS = {6: "tcp", 17: "udp"}
OWNER_UID, OWNER_GID = 1, 2
CT_STATE, CT_STATE_INVALID = 1, 1
CT_STATE_FLAGS, CT_STATE_MASK = 146, 150
"""Offsets in ``struct xt_conntrack_mtinfo3``: behind eight addresses, times and five ports."""
MULTIPORT_SIDES = {0: "--sports", 1: "--dports", 2: "--ports"}
MULTIPORT_PLACES = 15
ANY_PORT = (0, 65535)
NOT_SOURCE, NOT_DESTINATION = 1, 2


def match_words(name: str, revision: int, info: bytes) -> Words:
    """Return the words of a match, ``-m NAME`` first."""
    return ("-m", name, *_read(_MATCHES.get((name, revision)), info))


def target_words(name: str, revision: int, info: bytes) -> Words:
    """Return the words of a target, ``-j NAME`` first."""
    return ("-j", name, *_read(_TARGETS.get((name, revision)), info))


def _read(reader: Callable[[bytes], Words] | None, info: bytes) -> Words:
    try:
        return reader(info) if reader else (UNKNOWN,)
    except error:  # shorter than the structure
        return (UNKNOWN,)


def denied(inverted: object, *words: str) -> Words:
    """Return the words, behind ``!`` where ``inverted``."""
    return ("!", *words) if inverted else words


def interval(first: int, last: int, separator: str = ":") -> str:
    """Return ``a`` or ``a:b``."""
    return str(first) if first == last else f"{first}{separator}{last}"


def _comment(info: bytes) -> Words:
    return "--comment", info.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _owner(info: bytes) -> Words:
    uid_first, uid_last, gid_first, gid_last, asked, inverted = unpack_from("=IIIIBB", info)
    words: Words = ()
    if asked & OWNER_UID:
        bounds = interval(uid_first, uid_last, "-")
        words += denied(inverted & OWNER_UID, "--uid-owner", bounds)
    if asked & OWNER_GID:
        bounds = interval(gid_first, gid_last, "-")
        words += denied(inverted & OWNER_GID, "--gid-owner", bounds)
    return words + ((UNKNOWN,) if asked & ~(OWNER_UID | OWNER_GID) else ())


def _ports(info: bytes, inverted_at: int) -> Words:
    source, destination = unpack_from("=HH", info), unpack_from("=HH", info, 4)
    inverted = info[inverted_at : inverted_at + 1] or b"\0"
    words: Words = ()
    if source != ANY_PORT:
        words += denied(inverted[0] & NOT_SOURCE, "--sport", interval(*source))
    if destination != ANY_PORT:
        words += denied(inverted[0] & NOT_DESTINATION, "--dport", interval(*destination))
    return words + ((UNKNOWN,) if inverted[0] & ~(NOT_SOURCE | NOT_DESTINATION) else ())


def _udp(info: bytes) -> Words:
    return _ports(info, 8)


def _tcp(info: bytes) -> Words:
    option, flags_mask = unpack_from("=BB", info, 8)
    return _ports(info, 11) + ((UNKNOWN,) if option or flags_mask else ())


def _multiport(info: bytes) -> Words:
    side, count = unpack_from("=BB", info)
    ports = unpack_from(f"={MULTIPORT_PLACES}H", info, 2)
    begins = info[32 : 32 + MULTIPORT_PLACES]
    (inverted,) = unpack_from("=B", info, 47)
    texts: list[str] = []
    place = 0
    while place < min(count, MULTIPORT_PLACES):
        ranged = begins[place] and place + 1 < count
        texts.append(interval(ports[place], ports[place + 1]) if ranged else str(ports[place]))
        place += 2 if ranged else 1
    return denied(inverted, MULTIPORT_SIDES.get(side, UNKNOWN), ",".join(texts))


def _conntrack(info: bytes) -> Words:
    asked, inverted, state = unpack_from("=HHH", info, CT_STATE_FLAGS)
    if asked != CT_STATE or inverted or state != CT_STATE_INVALID:
        return (UNKNOWN,)
    return "--ctstate", "INVALID"


def _redirect_ipv4(info: bytes) -> Words:
    first, last = unpack_from(">HH", info, 16)
    return "--to-ports", interval(first, last, "-")


def _redirect_ipv6(info: bytes) -> Words:
    first, last = unpack_from(">HH", info, 36)
    return "--to-ports", interval(first, last, "-")


LONG_REDIRECT = 40
"""Bytes of ``struct nf_nat_range`` (include/uapi/linux/netfilter/nf_nat.h)."""


def _redirect(info: bytes) -> Words:
    """Both families have revision 0; ``struct nf_nat_range`` is the longer."""
    return _redirect_ipv6(info) if len(info) >= LONG_REDIRECT else _redirect_ipv4(info)


def _ct(info: bytes) -> Words:
    flags, zone, events, expectations = unpack_from("=HHII", info)
    plain = not (flags or events or expectations or any(info[12:28]))
    return ("--zone", str(zone)) if plain and zone else (UNKNOWN,)


def _log(info: bytes) -> Words:
    level, flags, prefix = unpack_from("=BB30s", info)
    words: Words = ("--log-prefix", prefix.partition(b"\0")[0].decode("utf-8", "replace"))
    return (*words, "--log-level", str(level), *((UNKNOWN,) if flags else ()))


_MATCHES: dict[tuple[str, int], Callable[[bytes], Words]] = {
    ("comment", 0): _comment,
    ("owner", 1): _owner,
    ("tcp", 0): _tcp,
    ("udp", 0): _udp,
    ("multiport", 1): _multiport,
    ("conntrack", 3): _conntrack,
    ("conntrack", 2): _conntrack,
    ("conntrack", 1): _conntrack,
}
_TARGETS: dict[tuple[str, int], Callable[[bytes], Words]] = {
    ("REDIRECT", 0): _redirect,
    ("CT", 0): _ct,
    ("CT", 1): _ct,
    ("CT", 2): _ct,
    ("LOG", 0): _log,
}
