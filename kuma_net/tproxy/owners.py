"""Rules that leave users or groups alone: ``[PROTO:][PORTS:]IDS``, both ways.

The grammar is Kuma's, with its traps removed: an empty id part is an error (Kuma makes a rule
without owner from it, which switches all capture off), ids go to 4294967294 (Kuma stops at
65535), ranges must not run backwards, blanks around items do not matter.  ``;`` divides several
rules in one text, because a rule may hold a comma list of ports.

Thousands of rules are read while a container waits to start: what stands before the ids is
remembered, since most rules share it, and lists whose rules all look alike are read by columns
(10,000 in some 8 ms; 20 to 40 rule by rule).
"""

from __future__ import annotations

from kuma_net.tproxy.config import OwnerExclusion
from kuma_net.tproxy.grammar import of_item
from kuma_net.values import (
    HIGHEST_ID,
    HIGHEST_PORT,
    L4_PROTOS,
    L4Proto,
    Malformed,
    PortSet,
    interval_text,
    parse_interval,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    Bad: TypeAlias = list[tuple[int, Malformed]]
    """Bad items: position in the sequence of texts, and what is wrong."""

RIGHT_RULE = "write [PROTO:][PORTS:]IDS: tcp:443:1234, 53,8000-8999:1000-1999, or 1234"
PROTOCOLS = {"tcp": (L4Proto.TCP,), "udp": (L4Proto.UDP,), "": L4_PROTOS, "*": L4_PROTOS}
"""The usual spellings, looked up before anything is parsed."""


def parse_protocols(text: str) -> tuple[L4Proto, ...]:
    """Read ``tcp``, ``udp``, both with a comma, or ``*`` or nothing for both."""
    words = {word.strip().lower() for word in text.split(",")}
    if words <= {"*", ""}:
        return L4_PROTOS
    known = {proto.name for proto in L4_PROTOS}
    if not words <= known:
        raise Malformed(text, "no such protocol", "write tcp, udp, or * for both")
    return tuple(proto for proto in L4_PROTOS if proto.name in words)


def parse_rule_ports(text: str) -> PortSet:
    """Read the ports of a rule: a comma list with ranges; ``*`` or nothing means every port."""
    ports = text.strip()
    if ports in {"", "*"}:
        return PortSet.ALL
    if ports.isascii() and ports.isdigit() and len(ports) < 5:  # noqa: PLR2004 - below any bound
        return PortSet(((int(ports), int(ports)),))
    found = PortSet.parse(ports)
    if not found:
        raise Malformed(text, "names no port", "write ports, or * for every port")
    return found


def parse_rule_head(head: str) -> tuple[tuple[L4Proto, ...], PortSet]:
    """Read what stands before the ids: ``PROTO:PORTS``, ``PORTS`` or nothing."""
    proto, colon, ports = head.rpartition(":")
    protocols = PROTOCOLS.get(proto)
    if protocols is not None and ports.isdigit():
        return protocols, parse_rule_ports(ports)
    if ":" in proto:
        raise Malformed(head, "more than three parts", RIGHT_RULE)
    if not colon and head.strip().lower() in {proto.name for proto in L4_PROTOS}:
        raise Malformed(head, "ports are missing", f"write {head.strip()}:*:IDS for every port")
    return parse_protocols(proto), parse_rule_ports(ports)


def parse_rule_ids(text: str, rule: str) -> tuple[int, int]:
    """Read one id or one range ``a-b``; ``Malformed`` for nothing, ``*`` and lists."""
    ids = text.strip()
    if not ids:
        wrong = "the id part is empty, which would leave everybody's traffic alone"
        raise Malformed(rule, wrong, RIGHT_RULE)
    if ids == "*":
        raise Malformed(rule, "* is no id", "exclude ports for everybody with excludePorts")
    if "," in ids:
        raise Malformed(rule, "a list of ids", "write one id or one range a-b; divide rules by ;")
    return parse_interval(ids, 0, HIGHEST_ID, "user or group id")


def read_rules(texts: Sequence[str], bad: Bad) -> tuple[OwnerExclusion, ...]:
    """Read rules ``[PROTO:][PORTS:]IDS``, several in one text divided by ``;``."""
    plain = _read_plain(texts)
    if plain is not None:
        return plain
    heads: dict[str, tuple[tuple[L4Proto, ...], PortSet]] = {}
    columns: tuple[list[tuple[L4Proto, ...]], list[PortSet], list[tuple[int, int]]] = [], [], []
    for position, text in enumerate(texts):
        pieces = [text]
        if ";" in text:
            pieces = [piece for piece in text.split(";") if piece.strip()] or [""]
        for rule in pieces:
            head, _, ids_text = rule.rpartition(":")
            try:
                known = heads.get(head)
                if known is None:
                    known = heads[head] = parse_rule_head(head)
                ids = parse_rule_ids(ids_text, rule)
            except Malformed as error:
                bad.append((position, of_item(error, rule)))
            else:
                columns[0].append(known[0])
                columns[1].append(known[1])
                columns[2].append(ids)
    return tuple(OwnerExclusion.of_columns(*columns))


def _read_plain(texts: Sequence[str]) -> tuple[OwnerExclusion, ...] | None:
    """Read rules that all look like ``tcp:443:1234``; None when one looks otherwise.

    Long lists are made by programs and look alike: column by column they take a quarter of the
    time that they take rule by rule.
    """
    parts = [text.split(":") for text in texts]
    if {len(part) for part in parts} != {3}:
        return None
    protos, ports, ids = zip(*parts, strict=True)
    digits = "".join(ports + ids)
    if not (set(protos) <= PROTOCOLS.keys() and digits.isdigit() and digits.isascii()):
        return None
    if max(map(len, ports)) > 5 or max(map(len, ids)) > 9 or "" in ports or "" in ids:  # noqa: PLR2004 - more digits want a closer look
        return None
    several = dict.fromkeys(ports)
    numbers = [int(port) for port in several]
    if max(numbers) > HIGHEST_PORT:
        return None
    known = dict(zip(several, PortSet.of_columns([((n, n),) for n in numbers]), strict=True))
    return tuple(
        OwnerExclusion.of_columns(
            [PROTOCOLS[proto] for proto in protos],
            [known[port] for port in ports],
            [(number, number) for number in map(int, ids)],
        )
    )


def rule_text(rule: OwnerExclusion) -> str:
    """Return the shortest text of a rule: ``tcp:443:1234``, ``443:1234``, ``1000-1999``."""
    ports = "*" if rule.ports == PortSet.ALL else str(rule.ports)
    ids = interval_text(rule.ids)
    if rule.protocols != L4_PROTOS:
        return f"{','.join(proto.name for proto in rule.protocols)}:{ports}:{ids}"
    return ids if ports == "*" else f"{ports}:{ids}"
