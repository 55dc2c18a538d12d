"""Inside a pod: a process in its network namespace, and packets to and from the pod.

The process stands for whoever lives in the pod: it listens as the sidecar and as the workload, and
sends as any user.  Everybody else is the node: it is the pod's gateway ("remote") and answers for
"world", "office" and the like.  Tables of packets are those of ``lab.rows``, with the pod's own
addresses for "self".
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Self

from pyroute2 import IPRoute

from lab.agent import Agent
from lab.host import SIDECAR, WORKLOAD
from lab.rows import FAMILIES, PORTS, in_words, listing_here, parse_rows, rules_here
from lab.senders import send_all
from lab.servers import Door, Landing, open_doors
from lab.system import CLONE_NEWNET, enter
from lab.topology import ADDRESSES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lab.node import Node
    from lab.rows import Row
    from lab.senders import Outcome, Probe

_PERMANENT = 0x80
"""IFA_F_PERMANENT, include/uapi/linux/if_addr.h."""
_GLOBAL = 0
"""RT_SCOPE_UNIVERSE, include/uapi/linux/rtnetlink.h."""


class Inside(Agent):
    """A process in a pod's network namespace, as root there; a context manager."""

    def __init__(self, node: Node, netns: str) -> None:
        """Enter; ``netns`` is the namespace's file as the node sees it."""
        super().__init__(netns, partial(_enter, node.outside(netns)))
        self._node = node
        self._doors: set[Door] = set()
        self.addresses = self.call(addresses_here)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave: the namespace is the runtime's alone again."""
        self.stop()

    def rules(self) -> str:
        """Return every rule of the namespace, without counters."""
        return self.call(rules_here)

    def check(self, table: str, families: Sequence[str] = FAMILIES) -> None:
        """Send every row of a table and hold each to its promise; raises AssertionError."""
        rows = parse_rows(table)
        self._listen(rows)
        asked = [(row, family) for row in rows for family in row.families if family in families]
        outcomes = self._send(asked)
        wrong = [
            f"  {row} {family}, but: {in_words(outcome)}"
            for (row, family), outcome in zip(asked, outcomes, strict=True)
            if not row.accepts(family, self._as_in_tables(outcome))
        ]
        if wrong:
            head = f"{len(wrong)} of {len(asked)} went astray"
            raise AssertionError("\n".join([head, *wrong, *self.call(listing_here)]))

    def _listen(self, rows: Sequence[Row]) -> None:
        named = {row.port for row in rows}
        captured = {port for row in rows if (port := row.landing_port)} | set(PORTS.values())
        mine = {*_doors(captured, SIDECAR), *_doors(named - captured, WORKLOAD)} - self._doors
        self._doors |= mine
        if mine:
            self.call(open_doors, "app", sorted(mine, key=lambda door: (door.port, door.proto)))
        self._node.listen(_doors(named, 0))

    def _send(self, asked: Sequence[tuple[Row, str]]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        for name, host in (("app", self), ("remote", self._node)):
            mine = [index for index, (row, _) in enumerate(asked) if row.origin.host == name]
            probes = [self._to_me(asked[index][0].probe(asked[index][1])) for index in mine]
            outcomes |= zip(mine, host.call(send_all, probes), strict=True)
        return [outcomes[index] for index in range(len(asked))]

    def _to_me(self, probe: Probe) -> Probe:
        """Aim at this pod what tables aim at "self"."""
        address, port = probe.destination
        if address not in ADDRESSES["self"]:
            return probe
        mine = self.addresses[ADDRESSES["self"].index(address)]
        return probe.replace(destination=(mine, port))

    def _as_in_tables(self, outcome: Outcome) -> Outcome:
        """Name this pod's addresses as tables do."""
        if not isinstance(outcome, Landing) or outcome.original is None:
            return outcome
        address, port = outcome.original
        if address not in self.addresses:
            return outcome
        shown = ADDRESSES["self"][self.addresses.index(address)]
        return outcome.replace(original=(shown, port))


def _enter(netns: Path) -> None:
    namespace = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    enter(namespace, CLONE_NEWNET)
    os.close(namespace)


def _doors(ports: set[int], uid: int) -> list[Door]:
    return [Door(proto, port, uid) for port in sorted(ports) for proto in ("tcp", "udp")]


def addresses_here() -> tuple[str, str]:
    """Return eth0's IPv4 and IPv6 address; empty text where it has none of a family."""
    found = {2: "", 10: ""}
    with IPRoute() as routes:
        for link in routes.link_lookup(ifname="eth0"):
            for one in routes.get_addr(index=link, scope=_GLOBAL):
                found[one["family"]] = one.get_attr("IFA_ADDRESS")
    return found[2], found[10]
