"""Which tables there are, and of which generation: all that a first installation asks.

The rest of what the kernel lists is read in ``listing``, which costs more to import.
"""

from __future__ import annotations

from kuma_net.netlink.message import attributes, read_number, read_text
from kuma_net.netlink.nftables import FAMILY_NUMBERS, USER_COMMENT, USER_MARK
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.nf_tables import TableFamily
    from kuma_net.netlink.message import Attributes, Message

GENERIC_HEADER = 4
"""``struct nfgenmsg`` ahead of the attributes."""
DORMANT, OWNED = 1, 2
"""NFT_TABLE_F_*."""
_FAMILIES: dict[int, TableFamily] = {number: name for name, number in FAMILY_NUMBERS.items()}


class Listed(Record):
    """A table as listed: family (None for those we never use), name, comment, flags."""

    family: TableFamily | None
    name: str
    comment: str
    flags: int


def body(message: Message) -> Attributes:
    """Return the attributes of a message of nf_tables."""
    return attributes(message.payload, GENERIC_HEADER)


def decode_generation(message: Message) -> int:
    """Return the generation of the rules."""
    return read_number(body(message)[1])


def decode_table(message: Message) -> Listed:
    """Return a table as listed."""
    found = body(message)
    comment, _ = user_data(found.get(6, b""))
    family = _FAMILIES.get(message.payload[0])
    return Listed(family, read_text(found[1]), comment, read_number(found.get(2, b"")))


def user_data(data: bytes) -> tuple[str, bytes]:
    """Return the comment and our own mark among user data; empty where there are none."""
    comment, mark = "", b""
    while len(data) >= 2:  # noqa: PLR2004 - kind and length
        kind, length = data[0], data[1]
        value, data = data[2 : 2 + length], data[2 + length :]
        if kind == USER_COMMENT:
            comment = read_text(value)
        elif kind == USER_MARK:
            mark = value
    return comment, mark
