"""A transaction as the fake kernel carries it out: on copies, request by request.

Tables are kept as the attributes that were sent.  What the real kernel refuses for the sake of
order is refused here: what is not there (ENOENT), what is there (EEXIST), what is in use (EBUSY).
"""

from __future__ import annotations

from errno import EAFNOSUPPORT, EBUSY, EEXIST, EINVAL, ENOENT, EOPNOTSUPP, EPERM, ERESTART

from kuma_net.netfilter.nf_tables import CtZone, Log, Lookup, Meta, Redir, Verdict, VerdictMap
from kuma_net.netlink import nftables as nft
from kuma_net.netlink.expressions import VERDICT_CHAIN
from kuma_net.netlink.listing import decode_rule
from kuma_net.netlink.message import (
    BATCH_BEGIN,
    BATCH_END,
    EXCLUSIVE,
    Message,
    attribute,
    attributes,
    items,
    read_number,
    read_text,
)
from kuma_net.netlink.tables import GENERIC_HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from kuma_net.netfilter.nf_tables import Expression, Features
    from kuma_net.netlink.message import Attributes, Request

    Name: TypeAlias = tuple[int, str]

IPV6_FAMILIES = frozenset({nft.FAMILY_NUMBERS["inet"], nft.FAMILY_NUMBERS["ip6"]})


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


class Change:
    """A transaction under way: ``tables`` are copies of the kernel's, as they would be."""

    def __init__(self, features: Features, generation: int, tables: dict[Name, KeptTable]) -> None:
        """Begin with what the kernel holds."""
        self.features = features
        self.generation = generation
        self.tables = {name: table.copy() for name, table in tables.items()}

        self._takers: dict[int, Callable[[Name, Attributes, int], None]] = {
            nft.NEWTABLE: self._new_table,
            nft.DELTABLE: self._delete_table,
            nft.NEWCHAIN: self._new_chain,
            nft.DELCHAIN: self._delete_chain,
            nft.NEWSET: self._new_set,
            nft.DELSET: self._delete_set,
            nft.NEWSETELEM: self._new_elements,
            nft.NEWRULE: self._new_rule,
            nft.DELRULE: self._delete_rules,
        }

    def take(self, request: Request) -> None:
        """Do one request; raises Refused."""
        about = attributes(request.payload, GENERIC_HEADER)
        if request.type == BATCH_BEGIN:
            if 1 in about and read_number(about[1]) != self.generation:
                raise Refused(ERESTART)
        elif request.type != BATCH_END:
            family = request.payload[0]
            if family in IPV6_FAMILIES and not self.features.ipv6:
                raise Refused(EAFNOSUPPORT)
            self._takers[request.type]((family, read_text(about[1])), about, request.flags)

    def _table(self, name: Name) -> KeptTable:
        if name not in self.tables:
            raise Refused(ENOENT)
        return self.tables[name]

    def _new_table(self, name: Name, about: Attributes, flags: int) -> None:
        if name in self.tables:
            if flags & EXCLUSIVE:
                raise Refused(EEXIST)
            return
        if read_number(about.get(2, b"")) & nft.OWNER_FLAG and not self.features.owner_table:
            raise Refused(EINVAL)
        if not self.features.table_userdata:
            about.pop(6, None)
        self.tables[name] = KeptTable(about)

    def _delete_table(self, name: Name, about: Attributes, flags: int) -> None:
        del about, flags
        if read_number(self._table(name).about.get(2, b"")) & nft.OWNER_FLAG:
            raise Refused(EPERM)
        del self.tables[name]

    def _new_chain(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        chains = self._table(name).chains
        chain = read_text(about[3])
        if chain in chains:
            raise Refused(EEXIST)
        of_nat = read_text(about.get(7, b"")) == "nat"
        if of_nat and name[0] == nft.FAMILY_NUMBERS["inet"] and not self.features.inet_nat:
            raise Refused(ENOENT)
        chains[chain] = about

    def _delete_chain(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self._table(name)
        chain = read_text(about[3])
        if chain not in table.chains:
            raise Refused(ENOENT)
        held = any(read_text(rule[2]) == chain for rule in table.rules)
        if held or chain in _jumped_to(table):
            raise Refused(EBUSY)
        del table.chains[chain]

    def _new_set(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self._table(name)
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

    def _delete_set(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self._table(name)
        named = read_text(about[2])
        if named not in table.sets:
            raise Refused(ENOENT)
        for rule in table.rules:
            if named in [
                it.name for it in _expressions(rule) if isinstance(it, Lookup | VerdictMap)
            ]:
                raise Refused(EBUSY)
        del table.sets[named], table.elements[named]

    def _new_elements(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self._table(name)
        named = read_text(about[2])
        if named not in table.sets:
            raise Refused(ENOENT)
        table.elements[named] += [element for _, element in items(about[3])]
        if not _jumped_to(table) <= table.chains.keys():
            raise Refused(ENOENT)

    def _new_rule(self, name: Name, about: Attributes, flags: int) -> None:
        del flags
        table = self._table(name)
        if read_text(about[2]) not in table.chains:
            raise Refused(ENOENT)
        for expression in _expressions(about):
            self._see_to(expression, table)
        table.rules.append(about)

    def _see_to(self, expression: Expression, table: KeptTable) -> None:
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

    def _delete_rules(self, name: Name, about: Attributes, flags: int) -> None:
        """Delete all rules of a table, or of a chain, or the one of a handle."""
        del flags
        table = self._table(name)
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


def _expressions(rule: Attributes) -> tuple[Expression, ...]:
    body = b"".join(attribute(kind, value) for kind, value in rule.items())
    return decode_rule(Message(nft.NEWRULE, 0, 0, bytes(GENERIC_HEADER) + body))[1].expressions


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
    return found | {read_text(it[VERDICT_CHAIN]) for it in verdicts if VERDICT_CHAIN in it}
