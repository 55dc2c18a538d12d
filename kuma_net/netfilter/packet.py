"""A packet as the rules see it, for simulation and for packet tables in tests."""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.matches import CtStateName
    from kuma_net.netfilter.ruleset import Hook
    from kuma_net.values import Family, L4Proto


class Packet(Record):
    """The first packet of a connection or exchange.

    ``hook`` is where it enters: ``OUTPUT`` for one sent by this machine, ``PREROUTING`` for one
    that arrives.  Addresses are integers.  ``uid`` and ``gid`` are None where there is no
    socket (everything that arrives).  Interfaces are empty where they do not apply.
    """

    hook: Hook
    family: Family
    proto: L4Proto
    source: int
    destination: int
    source_port: int
    destination_port: int
    in_interface: str = ""
    out_interface: str = ""
    uid: int | None = None
    gid: int | None = None
    state: CtStateName = "NEW"
