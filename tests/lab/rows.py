"""Tables of packets: who sends what where, and where it lands.

A row reads::

    workload      tcp  remote:80        -> outbound
    user 1234     udp  nameserver:53    -> direct
    remote        tcp  self:8080   ipv4 -> inbound      # a remark

* The sender is a name of ``SENDERS``, or ``user N`` or ``group N`` of the application's host.
* Addresses are names of ``topology.ADDRESSES``; a row is sent over both families unless it says
  ``ipv4`` or ``ipv6``, or the name has no address of a family.
* ``direct``: it arrives where it was sent.  ``outbound``, ``inbound``, ``resolver``: at the
  sidecar's port 15001, 15006, 15053; a number: at that port of the application's host.  A
  captured TCP connection must also tell its original destination.  ``refused``, ``lost``.

A wrong row is sent a second time, and the rules whose counters move are printed with it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from kuma_net.record import Record
from lab.host import SIDECAR, WORKLOAD, run_here
from lab.senders import GRACE, LOST, PATIENCE, REFUSED, UNREACHABLE, Outcome, Probe, send_all
from lab.servers import Door
from lab.topology import ADDRESSES, HOST_OF

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lab.host import Host
    from lab.topology import Lab

PORTS = {"outbound": 15001, "inbound": 15006, "resolver": 15053}
FAMILIES = ("ipv4", "ipv6")
NOWHERE = (LOST, REFUSED, UNREACHABLE)

_ROW = re.compile(
    r"(?P<sender>[a-z-]+(?: \d+)?)\s+(?P<proto>tcp|udp)\s+(?P<name>[a-z-]+):(?P<port>\d+)"
    r"(?:\s+(?P<family>ipv4|ipv6))?\s+->\s+(?P<lands>[a-z]+|\d+)"
)


class Sender(Record):
    """Where a packet comes from: a host, a user, a group, perhaps a name for its source."""

    host: str
    uid: int = 0
    gid: int = 0
    source: str = ""


SENDERS = {
    "workload": Sender("app", WORKLOAD, WORKLOAD),
    "sidecar": Sender("app", SIDECAR, SIDECAR),
    "root": Sender("app"),
    # The sidecar's inbound passthrough clusters bind to this address.
    "passthrough": Sender("app", SIDECAR, SIDECAR, "passthrough"),
    # A workload that names the loopback interface's address as its source.
    "workload-near": Sender("app", WORKLOAD, WORKLOAD, "loopback"),
    "remote": Sender("remote", source="remote"),
    "neighbour": Sender("remote", source="remote-b"),
    "office": Sender("remote", source="office"),
    "abroad": Sender("remote", source="abroad"),
    "guest": Sender("guest"),
}


class Row(Record):
    """One line of a table."""

    sender: str
    proto: str
    name: str
    port: int
    lands: str
    families: tuple[str, ...] = FAMILIES

    def __str__(self) -> str:
        """Return the line, in columns."""
        address = f"{self.name}:{self.port}"
        return f"{self.sender:12} {self.proto} {address:16} -> {self.lands}"

    @property
    def origin(self) -> Sender:
        """Who sends it."""
        who, _, number = self.sender.partition(" ")
        if who == "user":
            return Sender("app", int(number), WORKLOAD)
        if who == "group":
            return Sender("app", WORKLOAD, int(number))
        return SENDERS[self.sender]

    @property
    def landing_port(self) -> int | None:
        """The port of the application's host where it lands, None if it is not captured."""
        return PORTS.get(self.lands, int(self.lands) if self.lands.isdigit() else None)

    def probe(self, family: str) -> Probe:
        """Return what to send over a family."""
        index = FAMILIES.index(family)
        origin = self.origin
        source = (ADDRESSES[origin.source][index], 0) if origin.source else ("", 0)
        patience = GRACE if self.lands == LOST else PATIENCE
        destination = (ADDRESSES[self.name][index], self.port)
        return Probe(self.proto, destination, origin.uid, origin.gid, source, patience)

    def accepts(self, family: str, outcome: Outcome) -> bool:
        """Whether an outcome is what the row promises."""
        if self.lands in NOWHERE:
            return outcome == self.lands
        if isinstance(outcome, str):
            return False
        port = self.landing_port
        if port is None:
            return (outcome.host, outcome.port) == (HOST_OF.get(self.name, "app"), self.port)
        destination = self.probe(family).destination
        told = self.proto == "udp" or outcome.original == destination
        return (outcome.host, outcome.port) == ("app", port) and told


def parse_rows(table: str) -> tuple[Row, ...]:
    """Read a table; ``ValueError`` for a line that is no row."""
    rows = []
    for line in table.splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = _ROW.fullmatch(text)
        if match is None:
            raise ValueError(f"no row of a packet table: {line}")
        sender, proto, name, port, family, lands = match.groups()
        named = (family,) if family else FAMILIES
        families = tuple(f for f in named if ADDRESSES[name][FAMILIES.index(f)])
        row = Row(sender, proto, name, int(port), lands, families)
        if not (lands == "direct" or lands in NOWHERE or row.landing_port):
            raise ValueError(f"no landing: {line}")
        rows.append(row)
    return tuple(rows)


def check_rows(lab: Lab, rows: Sequence[Row], families: Sequence[str] = FAMILIES) -> None:
    """Send every row over the families and hold each to its promise; raises AssertionError."""
    listen(lab, rows)
    asked = [(row, family) for row in rows for family in row.families if family in families]
    outcomes = send_rows(lab, asked)
    wrong = [
        _complaint(lab, row, family, outcome)
        for (row, family), outcome in zip(asked, outcomes, strict=True)
        if not row.accepts(family, outcome)
    ]
    if wrong:
        raise AssertionError("\n".join([f"{len(wrong)} of {len(asked)} went astray", *wrong]))


def send_rows(lab: Lab, asked: Sequence[tuple[Row, str]]) -> list[Outcome]:
    """Send rows over families, all those of one host at once; return outcomes in order."""
    outcomes: dict[int, Outcome] = {}
    for name, host in lab.hosts.items():
        mine = [index for index, (row, _) in enumerate(asked) if row.origin.host == name]
        probes = [asked[index][0].probe(asked[index][1]) for index in mine]
        outcomes |= zip(mine, host.call(send_all, probes), strict=True)
    return [outcomes[index] for index in range(len(asked))]


def listen(lab: Lab, rows: Iterable[Row]) -> None:
    """Have every host listen on every port that rows name, and the sidecar on its own."""
    named = {row.port for row in rows}
    captured = {port for row in rows if (port := row.landing_port)} | set(PORTS.values())
    lab.listen("app", (*_doors(captured, SIDECAR), *_doors(named - captured, WORKLOAD)))
    lab.listen("remote", _doors(named))
    lab.listen("guest", _doors(named))


def _doors(ports: set[int], uid: int = 0) -> list[Door]:
    return [Door(proto, port, uid) for port in sorted(ports) for proto in ("tcp", "udp")]


def _complaint(lab: Lab, row: Row, family: str, outcome: Outcome) -> str:
    """Say what went wrong and which rules it met when sent again."""
    before = listing(lab.app)
    again = send_rows(lab, [(row, family)])[0]
    met = [f"      {line}" for line in moved(before, listing(lab.app))]
    return "\n".join(
        [
            f"  {row} {family}, but: {in_words(outcome)}",
            f"    sent again: {in_words(again)}; rules it met:",
            *(met or ["      none that counts"]),
        ]
    )


def in_words(outcome: Outcome) -> str:
    """Return an outcome for people."""
    if isinstance(outcome, str):
        return outcome
    original = f", sent to {outcome.original[0]} {outcome.original[1]}" if outcome.original else ""
    return f"at {outcome.host} port {outcome.port}, from {outcome.peer[0]}{original}"


def listing(host: Host) -> list[str]:
    """Return every rule in a host's kernel with its counters."""
    return host.call(listing_here)


def listing_here() -> list[str]:
    """Return every rule with its counters; no table of iptables-legacy springs up by asking."""
    lines = run_here(("nft", "list", "ruleset"), "", {}).stdout.splitlines()
    for kind in ("ip", "ip6"):
        # nft does not show the comments of rules that iptables-nft made.
        if any(line.startswith(f"table {kind} ") for line in lines):
            lines += run_here((f"{kind}tables-nft-save", "-c"), "", {}).stdout.splitlines()
        # Asking save alone would have the kernel make the tables, empty as they are.
        if Path(f"/proc/net/{kind}_tables_names").read_text(encoding="ascii"):
            lines += run_here((f"{kind}tables-legacy-save", "-c"), "", {}).stdout.splitlines()
    return [line.strip() for line in lines if not line.startswith("# ")]


def rules_here() -> str:
    """Return the rules as nft prints them, without what changes by itself."""
    return run_here(("nft", "--stateless", "list", "ruleset"), "", {}).stdout


def moved(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """Return the lines of a listing that changed: rules that counted."""
    old = set(before)
    return [line for line in after if line not in old]
