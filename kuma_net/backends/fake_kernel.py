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

from errno import ENOENT
from os import strerror

from kuma_net.backends.fake_transaction import Change, Refused
from kuma_net.errors import NetlinkError, PermissionDenied
from kuma_net.netfilter.nf_tables import Features
from kuma_net.netlink import nftables as nft
from kuma_net.netlink.message import (
    BATCH_END,
    DUMP,
    MULTI,
    Message,
    attribute,
    attributes,
    nested,
    number,
    read_text,
    text,
)
from kuma_net.netlink.tables import GENERIC_HEADER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kuma_net.backends.fake_transaction import KeptTable, Name
    from kuma_net.netlink.message import Attributes, Request

ELEMENTS_PER_MESSAGE = 100


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
        change = Change(self.features, self.generation, self.tables)
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
