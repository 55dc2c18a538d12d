"""What a rule asks of a packet, as expressions of nf_tables; and the sets those look into.

One value or range is asked inline (``cmp``), several are a look-up in a named set: hash for
single values, red-black tree for ranges, and for ``Exclusions`` a concatenated set (owner .
port), whose cost hardly grows with its size.  Sets are named after the setting that fills them.

What surprised us: intervals are compared as big-endian byte strings, so ids, which the kernel
loads in the machine's order, go through ``hton`` first; and elements of an interval set must not
overlap, so a network inside another one of the same set is left out.  In a set without ranges the
ids stay in the machine's order, for ``nft list`` takes them to be so and would turn them.
"""

from __future__ import annotations

from _struct import Struct

from kuma_net.netfilter.matches import (
    CtState,
    Destination,
    DestinationPort,
    Exclusions,
    FamilyIs,
    InInterface,
    Not,
    OutInterface,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.netfilter.nf_tables import (
    GID,
    INET_SERVICE,
    IPV4_ADDR,
    IPV6_ADDR,
    UID,
    Bitwise,
    Cmp,
    Hton,
    Lookup,
    Meta,
    Payload,
    Range,
    Set,
)
from kuma_net.netfilter.nf_tables import CtState as LoadCtState
from kuma_net.values import L4_PROTOS, Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias, assert_never

    from kuma_net.netfilter.matches import Invertible, Match
    from kuma_net.netfilter.nf_tables import Comparison, Expression, KeyField, KeyType
    from kuma_net.values import IdSet, InterfacePattern, IntervalSet, Network

    Elements: TypeAlias = tuple[tuple[bytes, bytes], ...]
else:
    assert_never = None

CT_STATES = {"INVALID": 1, "ESTABLISHED": 2, "RELATED": 4, "NEW": 8, "UNTRACKED": 64}
"""NF_CT_STATE_BIT and its kin (include/uapi/linux/netfilter/nf_conntrack_common.h)."""
ADDRESS_OFFSETS: dict[tuple[int, type[Source | Destination]], int] = {
    (Family.IPV4.number, Source): 12,
    (Family.IPV4.number, Destination): 16,
    (Family.IPV6.number, Source): 8,
    (Family.IPV6.number, Destination): 24,
}
"""RFC 791 section 3.1, RFC 8200 section 3."""
INTERFACE_BYTES = 16
"""IFNAMSIZ."""
BOX_KEY = Struct(">IH2x")
"""Owner and port: each field of a concatenated key fills whole slots of four bytes."""
POINT_PORT = Struct(">H2x")
"""The port behind an owner in the machine's order: the key of a set without ranges."""
NATIVE = Struct("=I")
"""Ids and states stand in registers in the machine's byte order."""

LOAD_NFPROTO = Meta("nfproto")
LOAD_L4PROTO = Meta("l4proto")
LOAD_CT_STATE = LoadCtState()
HTON = Hton()
LOAD_SOURCE_PORT = Payload("transport", 0, 2)
LOAD_DESTINATION_PORT = Payload("transport", 2, 2)
LOAD_BOX_PORT = Payload("transport", 2, 2, 1)
NO_STATE = bytes(4)


class Questions:
    """Turns matches into expressions and gathers the sets on the way.

    ``sets`` by name; ``interval_sets``: whether the kernel's sets hold ranges.
    """

    def __init__(self, *, interval_sets: bool) -> None:
        """Begin without sets."""
        self.sets: dict[str, Set] = {}
        self._interval_sets = interval_sets
        self._asked: dict[tuple[int, str], tuple[Match, list[Expression]]] = {}

    def ask(self, match: Match, setting: str) -> list[Expression]:
        """Return the expressions of a match whose networks, if any, are of one family.

        The same object asked again gives the same list: a match stands in every variant of its
        chain.  (By identity, because a hash would cost more than the list; the match is kept, so
        its identity is nobody else's.)
        """
        known = self._asked.get((id(match), setting))
        if known is None:
            known = self._asked[id(match), setting] = match, self._ask(match, setting)
        return known[1]

    def _ask(self, match: Match, setting: str) -> list[Expression]:
        if isinstance(match, Not):
            return self._of_packet(match.match, setting, negated=True)
        if isinstance(match, Exclusions):
            return self._boxes(match, setting)
        if isinstance(match, OwnerUid):
            return self._owner("skuid", UID, match.ids, setting)
        if isinstance(match, OwnerGid):
            return self._owner("skgid", GID, match.ids, setting)
        return self._of_packet(match, setting, negated=False)

    def _of_packet(self, match: Invertible, setting: str, *, negated: bool) -> list[Expression]:
        equal: Comparison = "!=" if negated else "=="
        asked: list[Expression]
        match match:
            case Protocol(proto):
                asked = [LOAD_L4PROTO, Cmp(equal, bytes((proto.number,)))]
            case FamilyIs(family):
                asked = family_is(family, equal)
            case Source(networks) | Destination(networks):
                asked = self._addresses(networks, type(match), setting, negated=negated)
            case SourcePort(ports):
                asked = [LOAD_SOURCE_PORT, *self._among(ports, INET_SERVICE, setting, negated)]
            case DestinationPort(ports):
                asked = [LOAD_DESTINATION_PORT, *self._among(ports, INET_SERVICE, setting, negated)]
            case InInterface(interface):
                asked = [Meta("iifname"), _named(interface, negated=negated)]
            case OutInterface(interface):
                asked = [Meta("oifname"), _named(interface, negated=negated)]
            case CtState(state):
                mask = Bitwise(NATIVE.pack(CT_STATES[state]))
                asked = [LOAD_CT_STATE, mask, Cmp("==" if negated else "!=", NO_STATE)]
            case _:
                assert_never(match)
        return asked

    def _addresses(
        self,
        networks: tuple[Network, ...],
        side: type[Source | Destination],
        setting: str,
        *,
        negated: bool,
    ) -> list[Expression]:
        family = networks[0].family
        length = family.bits // 8
        load = Payload("network", ADDRESS_OFFSETS[family.number, side], length)
        if len(networks) > 1 and self._holds(any(n.prefix < family.bits for n in networks)):
            field = IPV4_ADDR if family == Family.IPV4 else IPV6_ADDR
            elements, about = _network_elements(networks), (setting, _HELD[field.type])
            return [load, self._lookup((field,), elements, about, negated=negated)]
        found: list[Expression] = []
        for network in networks:
            found.append(load)
            if network.prefix < family.bits:
                mask = (1 << family.bits) - (1 << family.bits - network.prefix)
                found.append(Bitwise(mask.to_bytes(length, "big")))
            address = network.address.to_bytes(length, "big")
            found.append(Cmp("!=" if negated else "==", address))
        return found

    def _owner(
        self, key: Literal["skuid", "skgid"], field: KeyField, ids: IdSet, setting: str
    ) -> list[Expression]:
        if all(first == last for first, last in ids.intervals):
            keys = [NATIVE.pack(first) for first, _last in ids.intervals]
            if len(keys) == 1:
                return [Meta(key), Cmp("==", keys[0])]
            about = (setting, _HELD[field.type])
            return [Meta(key), self._lookup((field,), _points(keys), about, negated=False)]
        return [Meta(key), HTON, *self._among(ids, field, setting, negated=False)]

    def _among(
        self, members: IntervalSet, field: KeyField, setting: str, negated: bool
    ) -> list[Expression]:
        """Ask whether what was loaded (in network byte order) is among the members."""
        intervals = members.intervals
        length = field.length
        if len(intervals) != 1 and self._holds(any(first != last for first, last in intervals)):
            elements = tuple(
                [
                    (low.to_bytes(length, "big"), high.to_bytes(length, "big"))
                    for low, high in intervals
                ]
            )
            about = (setting, _HELD[field.type])
            return [self._lookup((field,), elements, about, negated=negated)]
        found: list[Expression] = []
        for first, last in intervals:
            low, high = first.to_bytes(length, "big"), last.to_bytes(length, "big")
            if first == last:
                found.append(Cmp("!=" if negated else "==", low))
            elif negated:
                found.append(Range("!=", low, high))
            else:
                found += [Cmp(">=", low), Cmp("<=", high)]
        return found

    def _boxes(self, match: Exclusions, setting: str) -> list[Expression]:
        """Ask for the protocol, which all boxes share, then for owner and port at once."""
        elements, turned = _box_elements(match)
        number = match.boxes[0][0]
        fields = (UID if match.owner == "uid" else GID, INET_SERVICE)
        held = _PROTOCOLS[number] if setting else f"{_PROTOCOLS[number]}_{_HELD[fields[0].type]}"
        return [
            LOAD_L4PROTO,
            Cmp("==", bytes((number,))),
            Meta("skuid" if match.owner == "uid" else "skgid"),
            *turned,
            LOAD_BOX_PORT,
            self._lookup(fields, elements, (setting, held), negated=False),
        ]

    def _holds(self, ranges: bool) -> bool:
        """Whether the kernel's sets can hold the elements: always, unless there are ranges."""
        return self._interval_sets or not ranges

    def _lookup(
        self,
        key: tuple[KeyField, ...],
        elements: Elements,
        about: tuple[str, str],
        *,
        negated: bool,
    ) -> Lookup:
        """Return the look-up in the set with these elements; makes it unless it is there.

        ``about``: the setting that the elements come from, and what they are.
        """
        interval = any(first != last for first, last in elements)
        name = base = _set_name(*about)
        count = 1
        while True:
            wanted = Set(name, key, interval, elements)
            known = self.sets.setdefault(name, wanted)
            if known is wanted or known == wanted:
                return Lookup(name, negated)
            count += 1
            name = f"{base}_{count}"


def family_is(family: Family, equal: Comparison = "==") -> list[Expression]:
    """Return the question for the packet's family."""
    return [LOAD_NFPROTO, Cmp(equal, bytes((family.number,)))]


def _named(interface: InterfacePattern, *, negated: bool) -> Cmp:
    """Compare an interface's name: whole with its closing zeros, or its beginning."""
    name = interface.prefix.encode()
    if not name:  # every interface: its name is not empty
        return Cmp("==" if negated else "!=", bytes(INTERFACE_BYTES))
    if not interface.wildcard:
        name = name.ljust(INTERFACE_BYTES, b"\0")
    return Cmp("!=" if negated else "==", name)


def _points(keys: list[bytes]) -> Elements:
    """Return single values as the elements of a set."""
    keys.sort()
    return tuple([(key, key) for key in keys])


def _box_elements(match: Exclusions) -> tuple[Elements, tuple[Hton, ...]]:
    """Return the elements of a set of boxes, and how an owner is turned to look into it."""
    boxes = match.boxes
    if any(box[1] != box[2] or box[3] != box[4] for box in boxes):
        key = BOX_KEY.pack
        ranges = [(key(box[1], box[3]), key(box[2], box[4])) for box in boxes]
        return tuple(ranges), (HTON,)
    owner, port = NATIVE.pack, POINT_PORT.pack
    return _points([owner(box[1]) + port(box[3]) for box in boxes]), ()


def _network_elements(networks: tuple[Network, ...]) -> Elements:
    """Return the networks (sorted, of one family) as intervals, those inside others left out."""
    length = networks[0].family.bits // 8
    found: list[tuple[bytes, bytes]] = []
    end = -1
    for network in networks:
        if network.address > end:
            end = network.address | (1 << network.family.bits - network.prefix) - 1
            found.append((network.address.to_bytes(length, "big"), end.to_bytes(length, "big")))
    return tuple(found)


_HELD: dict[KeyType, str] = {
    "ipv4_addr": "ipv4",
    "ipv6_addr": "ipv6",
    "inet_service": "ports",
    "uid": "uids",
    "gid": "gids",
}
_PROTOCOLS = {proto.number: proto.name for proto in L4_PROTOS}
_SHARED_PATH = "redirect."


def _set_name(setting: str, held: str) -> str:
    """Return ``outbound_exclude_ports`` for redirect.outbound.excludePorts and ports."""
    words = ""
    before = "_"
    for letter in setting.removeprefix(_SHARED_PATH):
        if letter.isupper() and before.islower():
            words += "_"
        words += letter.lower() if letter.isalnum() else "_"
        before = letter
    if words.endswith(held):
        return words
    return f"{words}_{held}" if words else held
