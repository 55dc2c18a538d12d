"""The shipped fake of nf_tables: a kernel that is a variable and reads real messages.

``FakeKernel`` takes the place of the socket in ``Nftables``.  It keeps tables from the bytes that
are sent and answers questions with bytes, so that encoding, reading back and every fallback can
be tried without root.  Like the real one it is atomic, refuses a transaction computed from
another generation, throws away one without an end, and says ENOENT, EEXIST and EBUSY where the
real one does.  What it lacks is what ``features`` says; a kernel of any age can be played.

It evaluates no packets, and it does not check what a careless sender could get wrong (lengths,
registers): for that there are tests with the real kernel.
"""

from __future__ import annotations

from errno import (
    EAFNOSUPPORT,
    EBUSY,
    EEXIST,
    EINVAL,
    ENOENT,
    EOPNOTSUPP,
    EPERM,
    ERESTART,
)
from os import strerror

from kuma_net.errors import NetlinkError, PermissionDenied
from kuma_net.netfilter.nf_tables import (
    CtZone,
    Features,
    Log,
    Lookup,
    Meta,
    Redir,
    Verdict,
    VerdictMap,
)
from kuma_net.netlink import nftables as nft
from kuma_net.netlink.listing import decode_rule
from kuma_net.netlink.message import (
    BATCH_BEGIN,
    BATCH_END,
    DUMP,
    EXCLUSIVE,
    MULTI,
    Message,
    attribute,
    attributes,
    items,
    nested,
    number,
    read_number,
    read_text,
    text,
)
from kuma_net.netlink.tables import GENERIC_HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from kuma_net.netfilter.nf_tables import Expression
    from kuma_net.netlink.message import Attributes, Request

    Name: TypeAlias = tuple[int, str]

IPV6_FAMILIES = frozenset({nft.FAMILY_NUMBERS["inet"], nft.FAMILY_NUMBERS["ip6"]})
ELEMENTS_PER_MESSAGE = 100


class Refused(Exception):
    """A request cannot be done; the number is the kernel's."""

    def __init__(self, errno: int, explanation: str = "") -> None:
        """Keep both."""
        self.errno = errno
        self.explanation = explanation
        super().__init__(errno, explanation)


class KeptTable:
    """A table: attributes as they were sent, by name and in order of creation."""

    def __init__(self, about: Attributes) -> None:
        """Begin empty."""
        self.about = about
        self.chains: dict[str, Attributes] = {}
        self.sets: dict[str, Attributes] = {}
        self.elements: dict[str, list[bytes]] = {}
        self.rules: list[Attributes] = []

    def copy(self) -> KeptTable:
        """Return a table that can be changed without changing this one."""
        other = KeptTable(dict(self.about))
        other.chains = dict(self.chains)
        other.sets = dict(self.sets)
        other.elements = {name: list(kept) for name, kept in self.elements.items()}
        other.rules = list(self.rules)
        return other


class FakeKernel:
    """A ``Kernel``.

    ``features``: what it has.  ``net_admin``: whether it lets us.  ``others`` are called one by
    one, each before a transaction is looked at: other writers.  ``sent`` counts transactions
    with an end that were tried.
    """

    def __init__(
        self,
        features: Features | None = None,
        *,
        net_admin: bool = True,
        others: Sequence[Callable[[], None]] = (),
    ) -> None:
        """Begin without tables."""
        self.features = features or Features()
        self.net_admin = net_admin
        self.others = list(others)
        self.tables: dict[Name, KeptTable] = {}
        self.generation = 1
        self.sent = 0

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def commit(self, requests: Sequence[Request]) -> None:
        """See ``Kernel``."""
        self._see_to_permission()
        ended = requests[-1].type == BATCH_END
        if ended:
            self.sent += 1
            self._let_another_write()
        change = _Change(self.features, self.generation, self.tables)
        for index, request in enumerate(requests):
            try:
                change.take(request)
            except Refused as why:
                code = why.errno
                raise NetlinkError(
                    code, strerror(code), request.words(), index, why.explanation
                ) from None
        if ended:
            self.tables = change.tables
            self.generation += 1

    def _let_another_write(self) -> None:
        if self.others:
            other, *waiting = self.others
            self.others = []
            other()
            self.others = waiting

    def dump(self, request: Request) -> list[Message]:
        """See ``Kernel``."""
        self._see_to_permission()
        family = request.payload[0]
        asked = attributes(request.payload, GENERIC_HEADER)
        if request.type == nft.GETGEN:
            return [_message(nft.NEWGEN, 0, number(1, self.generation))]
        if request.type == nft.GETTABLE and not request.flags & DUMP:
            return [_table_message(family, self._asked_for(request, family, asked))]
        found: list[Message] = []
        for (kept_family, name), table in self.tables.items():
            if family in {0, kept_family} and read_text(asked.get(1, name.encode())) == name:
                found += _listed(request.type, kept_family, table, asked)
        return found

    def _asked_for(self, request: Request, family: int, asked: Attributes) -> KeptTable:
        table = self.tables.get((family, read_text(asked[1])))
        if table is None:
            raise NetlinkError(ENOENT, strerror(ENOENT), request.words(), 0)
        return table

    def _see_to_permission(self) -> None:
        if not self.net_admin:
            raise PermissionDenied("CAP_NET_ADMIN", "changing the firewall")


class _Change:
    """A transaction under way, on copies."""

    def __init__(self, features: Features, generation: int, tables: dict[Name, KeptTable]) -> None:
        self.features = features
        self.generation = generation
        self.tables = {name: table.copy() for name, table in tables.items()}

    def take(self, request: Request) -> None:
        about = attributes(request.payload, GENERIC_HEADER)
        if request.type == BATCH_BEGIN:
            if 1 in about and read_number(about[1]) != self.generation:
                raise Refused(ERESTART)
        elif request.type != BATCH_END:
            family = request.payload[0]
            if family in IPV6_FAMILIES and not self.features.ipv6:
                raise Refused(EAFNOSUPPORT)
            _TAKERS[request.type](self, (family, read_text(about[1])), about, request.flags)

    def table(self, name: Name) -> KeptTable:
        if name not in self.tables:
            raise Refused(ENOENT)
        return self.tables[name]

    def new_table(self, name: Name, about: Attributes, flags: int) -> None:
        if name in self.tables:
            if flags & EXCLUSIVE:
                raise Refused(EEXIST)
            return
        if read_number(about.get(2, b"")) & nft.OWNER_FLAG and not self.features.owner_table:
            raise Refused(EINVAL)
        if not self.features.table_userdata:
            about.pop(6, None)
        self.tables[name] = KeptTable(about)

    def delete_table(self, name: Name, about: Attributes, flags: int) -> None:
        del about, flags
        if read_number(self.table(name).about.get(2, b"")) & nft.OWNER_FLAG:
            raise Refused(EPERM)
        del self.tables[name]

    def new_chain(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        chains = self.table(name).chains
        chain = read_text(about[3])
        if chain in chains:
            raise Refused(EEXIST)
        of_nat = read_text(about.get(7, b"")) == "nat"
        if of_nat and name[0] == nft.FAMILY_NUMBERS["inet"] and not self.features.inet_nat:
            raise Refused(ENOENT)
        chains[chain] = about

    def delete_chain(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self.table(name)
        chain = read_text(about[3])
        if chain not in table.chains:
            raise Refused(ENOENT)
        held = any(read_text(rule[2]) == chain for rule in table.rules)
        if held or chain in _jumped_to(table):
            raise Refused(EBUSY)
        del table.chains[chain]

    def new_set(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self.table(name)
        named = read_text(about[2])
        if named in table.sets:
            raise Refused(EEXIST)
        kind = read_number(about[3])
        if kind & nft.INTERVAL and not self.features.interval_sets:
            raise Refused(EOPNOTSUPP)
        if kind & nft.CONCAT and not self.features.concat_intervals:
            raise Refused(EINVAL)
        table.sets[named] = about
        table.elements[named] = []

    def delete_set(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self.table(name)
        named = read_text(about[2])
        if named not in table.sets:
            raise Refused(ENOENT)
        for rule in table.rules:
            if named in [
                it.name for it in _expressions(rule) if isinstance(it, Lookup | VerdictMap)
            ]:
                raise Refused(EBUSY)
        del table.sets[named], table.elements[named]

    def new_elements(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self.table(name)
        named = read_text(about[2])
        if named not in table.sets:
            raise Refused(ENOENT)
        table.elements[named] += [element for _, element in items(about[3])]
        if not _jumped_to(table) <= table.chains.keys():
            raise Refused(ENOENT)

    def new_rule(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self.table(name)
        if read_text(about[2]) not in table.chains:
            raise Refused(ENOENT)
        for expression in _expressions(about):
            self.see_to(expression, table)
        table.rules.append(about)

    def see_to(self, expression: Expression, table: KeptTable) -> None:
        """Refuse an expression that this kernel lacks, or that names what is not there."""
        has = self.features
        missing = (
            (isinstance(expression, Redir) and not has.redirect)
            or (isinstance(expression, Log) and not has.log)
            or (isinstance(expression, Lookup | VerdictMap) and expression.name not in table.sets)
            or (
                isinstance(expression, Verdict)
                and bool(expression.chain)
                and expression.chain not in table.chains
            )
        )
        if missing:
            name = type(expression).__name__.lower()
            raise Refused(ENOENT, f"at its expression {name}")
        lacking = isinstance(expression, CtZone) and not has.zone
        owner = isinstance(expression, Meta) and expression.key in {"skuid", "skgid"}
        if lacking or (owner and not has.owner):
            raise Refused(EOPNOTSUPP)

    def delete_rules(self, name: Name, about: Attributes, flags: int) -> None:
        """Delete all rules of a table, or of a chain, or the one of a handle."""
        del flags
        table = self.table(name)
        chain = read_text(about.get(2, b""))
        if chain and chain not in table.chains:
            raise Refused(ENOENT)
        handle = read_number(about.get(3, b""))
        kept = [
            rule
            for place, rule in enumerate(table.rules, 1)
            if (chain and read_text(rule[2]) != chain) or (handle and handle != place)
        ]
        table.rules = kept


_TAKERS: dict[int, Callable[[_Change, Name, Attributes, int], None]] = {
    nft.NEWTABLE: _Change.new_table,
    nft.DELTABLE: _Change.delete_table,
    nft.NEWCHAIN: _Change.new_chain,
    nft.DELCHAIN: _Change.delete_chain,
    nft.NEWSET: _Change.new_set,
    nft.DELSET: _Change.delete_set,
    nft.NEWSETELEM: _Change.new_elements,
    nft.NEWRULE: _Change.new_rule,
    nft.DELRULE: _Change.delete_rules,
}


def _expressions(rule: Attributes) -> tuple[Expression, ...]:
    body = b"".join(attribute(kind, value) for kind, value in rule.items())
    return decode_rule(_message(nft.NEWRULE, 0, body))[1].expressions


def _jumped_to(table: KeptTable) -> set[str]:
    """Return the chains that rules and verdict maps lead to."""
    found = {
        it.chain
        for rule in table.rules
        for it in _expressions(rule)
        if isinstance(it, Verdict) and it.chain
    }
    elements = [attributes(it) for kept in table.elements.values() for it in kept]
    verdicts = [attributes(attributes(it.get(2, b"")).get(2, b"")) for it in elements]
    return found | {read_text(verdict[2]) for verdict in verdicts if 2 in verdict}  # noqa: PLR2004


def _message(kind: int, family: int, body: bytes, flags: int = 0) -> Message:
    return Message(kind, flags, 0, bytes((family, 0, 0, 0)) + body)


def _table_message(family: int, table: KeptTable) -> Message:
    return _message(nft.NEWTABLE, family, _encoded(table.about))


def _encoded(about: Attributes) -> bytes:
    return b"".join(attribute(kind, value) for kind, value in about.items())


def _listed(asked: int, family: int, table: KeptTable, about: Attributes) -> list[Message]:
    """Return what a question lists of one table."""
    if asked == nft.GETTABLE:
        return [_table_message(family, table)]
    if asked == nft.GETCHAIN:
        return [_message(nft.NEWCHAIN, family, _encoded(it), MULTI) for it in table.chains.values()]
    if asked == nft.GETSET:
        return [_message(nft.NEWSET, family, _encoded(it), MULTI) for it in table.sets.values()]
    if asked == nft.GETRULE:
        return [
            _message(nft.NEWRULE, family, _encoded({**rule, 3: place.to_bytes(8, "big")}), MULTI)
            for place, rule in enumerate(table.rules, 1)
        ]
    name = read_text(about[2])
    return _elements(family, table, name)


def _elements(family: int, table: KeptTable, name: str) -> list[Message]:
    """List elements backwards, as a red-black tree does, some in each message."""
    head = text(1, read_text(table.about[1])) + text(2, name)
    elements = table.elements[name][::-1]
    return [
        _message(
            nft.NEWSETELEM,
            family,
            head
            + nested(3, *[nested(1, it) for it in elements[start : start + ELEMENTS_PER_MESSAGE]]),
            MULTI,
        )
        for start in range(0, len(elements), ELEMENTS_PER_MESSAGE)
    ]
