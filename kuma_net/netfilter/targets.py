"""What a rule does with a packet: a closed set of frozen values, named after iptables(8)."""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias


class Return(Record):
    """``-j RETURN``: leave this chain; in a hook chain the packet goes on untouched."""


class Accept(Record):
    """``-j ACCEPT``."""


class Drop(Record):
    """``-j DROP``."""


class Jump(Record):
    """``-j CHAIN``: a chain of the ruleset, or one that others own in the same table."""

    chain: str


class Redirect(Record):
    """``-j REDIRECT --to-ports``: to this port of the machine itself."""

    port: int


class CtZone(Record):
    """``-j CT --zone``: track the packet in this zone; the packet goes on, the first zone stays."""

    zone: int


class Log(Record):
    """``-j LOG``: write a line to the kernel log (``level``: syslog severity 0 to 7), go on."""

    prefix: str
    level: int


if TYPE_CHECKING:
    Target: TypeAlias = Return | Accept | Drop | Jump | Redirect | CtZone | Log
