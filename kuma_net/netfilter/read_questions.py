"""Expressions of nf_tables read back into matches and a target; ``questions`` the other way.

A rule of ours is a row of questions, a counter and an action, and each question has few forms.
Whatever has another form raises ``NotOurs`` with a clause for people: somebody else wrote it.
"""

from __future__ import annotations

from sys import byteorder

from kuma_net.netfilter import nf_tables
from kuma_net.netfilter.lower import VARIANT
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
    UID,
    Bitwise,
    Cmp,
    Counter,
    Hton,
    Immediate,
    Lookup,
    Meta,
    Payload,
    Range,
    Verdict,
    VerdictMap,
)
from kuma_net.netfilter.questions import (
    ADDRESS_OFFSETS,
    BOX_KEY,
    CT_STATES,
    INTERFACE_BYTES,
    LOAD_BOX_PORT,
    NATIVE,
    POINT_PORT,
)
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.values import (
    BOTH_FAMILIES,
    L4_PROTOS,
    IdSet,
    InterfacePattern,
    Network,
    PortSet,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    from kuma_net.netfilter.matches import CtStateName, Invertible, Match, Owner
    from kuma_net.netfilter.nf_tables import Expression, Set
    from kuma_net.netfilter.targets import Target
    from kuma_net.values import Family

    E = TypeVar("E", bound=Expression)
    K = TypeVar("K")
    V = TypeVar("V")

_FAMILIES = {family.number: family for family in BOTH_FAMILIES}
_PROTOS = {proto.number: proto for proto in L4_PROTOS}
_STATES: dict[int, CtStateName] = {bit: name for name, bit in CT_STATES.items()}  # type: ignore[misc]
_SIDES: dict[tuple[int, int], tuple[Family, type[Source | Destination]]] = {
    (offset, _FAMILIES[number].bits // 8): (_FAMILIES[number], side)
    for (number, side), offset in ADDRESS_OFFSETS.items()
}
_PORTS: dict[int, type[SourcePort | DestinationPort]] = {0: SourcePort, 2: DestinationPort}
_VERDICTS: dict[str, Target] = {"return": Return(), "accept": Accept(), "drop": Drop()}


class NotOurs(ValueError):
    """Expressions that no rule of ours has."""


class Questions:
    """Reads the expressions of one rule, in order; ``sets`` are those of its table by name."""

    def __init__(
        self, expressions: tuple[Expression, ...], sets: Mapping[str, Set], *, guarded: bool
    ) -> None:
        """Begin; ``guarded``: addresses need no question for the family (table ip or ip6)."""
        self._rest = list(expressions)
        self._sets = sets
        self._guarded = guarded
        self.matches: list[Match] = []
        self.counter = Counter()

    def read(self) -> Target:
        """Read all; ``matches`` and ``counter`` are filled, the target is returned."""
        while self._rest and not isinstance(self._rest[0], Counter):
            self._question()
        self.counter = self._take(Counter)
        target = self._target()
        if self._rest:
            raise NotOurs("it goes on behind its action")
        return target

    def _take(self, kind: type[E]) -> E:
        """Take the next expression, which must be of that kind."""
        if not self._rest or not isinstance(self._rest[0], kind):
            found = type(self._rest[0]).__name__ if self._rest else "its end"
            raise NotOurs(f"{found} where {kind.__name__} should be")
        return self._rest.pop(0)  # type: ignore[return-value]

    def _question(self) -> None:
        first = self._rest.pop(0)
        if isinstance(first, Meta) and first.register == 0:
            self._meta(first)
        elif isinstance(first, Payload) and first.register == 0:
            self._payload(first)
        elif isinstance(first, nf_tables.CtState) and first.register == 0:
            mask = NATIVE.unpack(self._take(Bitwise).mask)[0]
            compared = self._take(Cmp)
            if mask not in _STATES or any(compared.data):
                raise NotOurs("a question for several states")
            self._add(CtState(_STATES[mask]), negated=compared.op == "==")
        else:
            raise NotOurs(f"{type(first).__name__} out of place")

    def _add(self, match: Invertible, *, negated: bool) -> None:
        self.matches.append(Not(match) if negated else match)

    def _meta(self, load: Meta) -> None:
        if load.key in {"skuid", "skgid"}:
            self._owner(load)
            return
        compared = self._take(Cmp)
        negated = compared.op == "!="
        if load.key in {"iifname", "oifname"}:
            every = compared.data == bytes(INTERFACE_BYTES)
            side = InInterface if load.key == "iifname" else OutInterface
            self._add(side(_interface(compared.data)), negated=negated != every)
        elif load.key == "l4proto":
            self._add(Protocol(_known(_PROTOS, _number(compared.data))), negated=negated)
        elif self._is_guard(negated=negated):
            self._guarded = True
        else:
            self._add(FamilyIs(_known(_FAMILIES, _number(compared.data))), negated=negated)

    def _is_guard(self, *, negated: bool) -> bool:
        """Whether a question for the family only goes ahead of one for an address."""
        following = self._rest[0] if self._rest else None
        addresses = isinstance(following, Payload) and following.base == "network"
        return addresses and not negated and not self._guarded

    def _owner(self, load: Meta) -> None:
        """Read a question for an id, which is turned only where there are ranges."""
        following = self._rest[0] if self._rest else None
        turned = isinstance(following, Hton)
        if turned:
            self._take(Hton)
        if self._rest and self._rest[0] == LOAD_BOX_PORT:
            self._boxes("uid" if load.key == "skuid" else "gid", turned=turned)
            return
        if turned:
            ids = IdSet(self._among()[0])
        elif isinstance(following, Cmp):
            number = NATIVE.unpack(self._take(Cmp).data)[0]
            ids = IdSet(((number, number),))
        else:
            numbers = sorted([NATIVE.unpack(key)[0] for key in self._points(1)])
            ids = IdSet(tuple([(number, number) for number in numbers]))
        self.matches.append((OwnerUid if load.key == "skuid" else OwnerGid)(ids))

    def _points(self, fields: int) -> list[bytes]:
        """Return the keys of a set that ids are looked up in as the machine has them."""
        found = self._take(Lookup)
        points = self._set(found)
        owners = len(points.key) == fields and points.key[0] in {UID, GID}
        if not owners or points.interval or found.inverted:
            raise NotOurs("ids among what is not single ids")
        return [key for key, _same in points.elements]

    def _boxes(self, owner: Owner, *, turned: bool) -> None:
        """Read a look-up by owner and port, whose protocol was asked for just before."""
        self._take(Payload)
        proto = self.matches.pop() if self.matches else None
        if not isinstance(proto, Protocol):
            raise NotOurs("ports of no protocol")
        number = proto.proto.number
        boxes = []
        if turned:
            for first, last in self._set(self._take(Lookup)).elements:
                first_id, first_port = BOX_KEY.unpack(first)
                last_id, last_port = BOX_KEY.unpack(last)
                boxes.append((number, first_id, last_id, first_port, last_port))
        else:
            for key in self._points(2):
                (single,), (port,) = NATIVE.unpack_from(key), POINT_PORT.unpack_from(key, 4)
                boxes.append((number, single, single, port, port))
            boxes.sort()
        self.matches.append(Exclusions(owner, tuple(boxes)))

    def _payload(self, load: Payload) -> None:
        if load.base == "network":
            self._address(load)
            return
        if load.length != 2 or load.offset not in _PORTS:  # noqa: PLR2004 - bytes of a port
            raise NotOurs("a question for other bytes than ports")
        intervals, negated = self._among()
        self._add(_PORTS[load.offset](PortSet(intervals)), negated=negated)

    def _address(self, load: Payload) -> None:
        family, side = _known(_SIDES, (load.offset, load.length))
        following = self._rest[0] if self._rest else None
        if isinstance(following, Lookup):
            networks = [_network(family, *pair) for pair in self._set(following).elements]
            negated = self._take(Lookup).inverted
        else:
            mask = self._take(Bitwise).mask if isinstance(following, Bitwise) else b"\xff"
            prefix = family.bits if mask == b"\xff" else int.from_bytes(mask, "big").bit_count()
            compared = self._take(Cmp)
            negated = compared.op == "!="
            networks = [Network(family, int.from_bytes(compared.data, "big"), prefix)]
        match = side(tuple(networks))
        before = self.matches[-1] if self.matches else None
        if negated and isinstance(before, Not) and isinstance(before.match, side):
            self.matches[-1] = Not(side(before.match.networks + match.networks))
        else:
            self._add(match, negated=negated)

    def _among(self) -> tuple[tuple[tuple[int, int], ...], bool]:
        """Return the intervals asked for, and whether the number must lie outside them."""
        if self._rest and isinstance(self._rest[0], Lookup):
            found = self._take(Lookup)
            elements = self._set(found).elements
            numbers = [(int.from_bytes(a, "big"), int.from_bytes(b, "big")) for a, b in elements]
            return tuple(numbers), found.inverted
        outside: list[tuple[int, int]] = []
        while self._rest:
            bounds = self._rest[0]
            if isinstance(bounds, Range) and bounds.op == "!=":
                outside.append((_number(bounds.first), _number(bounds.last)))
            elif isinstance(bounds, Cmp) and bounds.op == "!=":
                outside.append((_number(bounds.data), _number(bounds.data)))
            else:
                break
            del self._rest[0]
        if outside:
            return tuple(outside), True
        compared = self._take(Cmp)
        low = high = _number(compared.data)
        if compared.op == ">=":
            high = _number(self._take(Cmp).data)
        return ((low, high),), False

    def _set(self, lookup: Lookup) -> Set:
        if lookup.name not in self._sets:
            raise NotOurs(f"a look-up in {lookup.name}, which is no set of ours")
        return self._sets[lookup.name]

    def _target(self) -> Target:
        last = self._rest.pop(0) if self._rest else None
        if isinstance(last, nf_tables.Log):
            return Log(last.prefix, last.level)
        if isinstance(last, Verdict):
            if last.code == "jump":
                return Jump(base_name(last.chain))
            return _known(_VERDICTS, last.code)
        if isinstance(last, Meta) and self._rest and isinstance(self._rest[0], VerdictMap):
            return Jump(self._take(VerdictMap).name)
        if isinstance(last, Immediate) and self._rest:
            user = self._rest.pop(0)
            if isinstance(user, nf_tables.Redir):
                return Redirect(int.from_bytes(last.data, "big"))
            if isinstance(user, nf_tables.CtZone):
                return CtZone(int.from_bytes(last.data, byteorder))
        raise NotOurs("it has another action")


def base_name(chain: str) -> str:
    """Return what a chain is called in the ruleset, whatever variant it is."""
    return chain.partition(VARIANT)[0]


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _known(table: Mapping[K, V], key: K) -> V:
    if key not in table:
        raise NotOurs(f"a question for {key}")
    return table[key]


def _interface(data: bytes) -> InterfacePattern:
    name, zero, _ = data.partition(b"\0")
    return InterfacePattern(name.decode(errors="replace"), wildcard=not (zero and name))


def _network(family: Family, first: bytes, last: bytes) -> Network:
    """Return the network that spans exactly an interval."""
    low, high = _number(first), _number(last)
    prefix = family.bits - (high - low).bit_length()
    network = Network(family, low, prefix)
    if len(first) * 8 != family.bits or not network.contains(high) or high - low & high - low + 1:
        raise NotOurs("a set whose interval is no network")
    return network
