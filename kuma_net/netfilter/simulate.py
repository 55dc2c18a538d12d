"""What becomes of a packet, worked out from the ruleset alone.

A packet at a hook meets our tables in the kernel's order of priorities
(include/uapi/linux/netfilter_ipv4.h)::

    raw (-300)   before connection tracking: the zone it will be tracked in
    mangle (-150)
    nat (-101 in a table of our own, else -100)   the first packet of a connection only

In each it walks the hook's rules from the top; a jump walks a chain and comes back behind the
jump unless something there decided.  What the kernel does, and not everybody expects:

* RETURN in a hook's own rules ends *that table* for the packet, not the others;
* the first zone that is set stays, a later CT target passes (nft_ct and xt_CT leave alone what
  has a template), but both go on to the next rule;
* a question about an owner fails for a packet without a socket (all that arrives, and what the
  kernel itself sends);
* nat is asked about connections that are NEW or RELATED; packets that belong to an
  ESTABLISHED one follow its first packet, INVALID and UNTRACKED ones are in no connection;
* ACCEPT ends the table like RETURN does; only DROP ends everything.

What is not ours is not simulated: a jump to a chain of other owners (Docker's) hands the packet
over, and what that chain does with it is not known here.  Rules of other owners in the same
hook are as if they were not there.
"""

from __future__ import annotations

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
from kuma_net.netfilter.ruleset import TABLES
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias, assert_never  # noqa: TC004 - a branch never reached

    from kuma_net.netfilter.matches import Box, Match
    from kuma_net.netfilter.packet import Packet
    from kuma_net.netfilter.ruleset import Rule, Ruleset, Table
    from kuma_net.values import IdSet, Network

    Outcome: TypeAlias = Literal["redirected", "untouched", "dropped", "handed over"]
    Decision: TypeAlias = Literal["ends", "returns", "goes on"]

NAT_STATES = ("NEW", "RELATED")
"""The states of a packet that nat's rules see (nf_nat_inet_fn in net/netfilter/nf_nat_core.c)."""


class Step(Record):
    """A rule that was looked at: where it stands, whether it matched, and if not on what it failed.

    ``chain`` is a hook or a chain of ours; ``position`` counts from 1.
    """

    table: Table
    chain: str
    position: int
    rule: Rule
    failed: Match | None = None

    @property
    def matched(self) -> bool:
        """Whether all matches of the rule held."""
        return self.failed is None


class Verdict(Record):
    """What becomes of a packet.

    ``outcome``: ``redirected`` to ``port`` of this machine, ``untouched``, ``dropped``, or
    ``handed over`` to ``chain``, which other owners have.  ``zone`` is the conntrack zone (0:
    the default one), ``logged`` the prefixes of the lines in the kernel log.  ``steps`` are all
    rules that were looked at, in order; ``skipped`` the tables that do not ask about a packet of
    this connection state.
    """

    packet: Packet
    outcome: Outcome
    port: int = 0
    chain: str = ""
    zone: int = 0
    logged: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    skipped: tuple[Table, ...] = ()

    @property
    def matched(self) -> tuple[Step, ...]:
        """The steps whose rule matched, in order."""
        return tuple(step for step in self.steps if step.matched)


def simulate(ruleset: Ruleset, packet: Packet) -> Verdict:
    """Return what becomes of the packet; a family the ruleset lacks is left untouched."""
    walk = _Walk(ruleset, packet)
    if packet.family in ruleset.families:
        for table in TABLES:
            if walk.outcome == "untouched":
                walk.through(table)
    return Verdict(
        packet,
        walk.outcome,
        walk.port,
        walk.handed_to,
        walk.zone,
        tuple(walk.logged),
        tuple(walk.steps),
        tuple(walk.skipped),
    )


class _Walk:
    """A packet on its way."""

    def __init__(self, ruleset: Ruleset, packet: Packet) -> None:
        self.ruleset = ruleset
        self.packet = packet
        self.outcome: Outcome = "untouched"
        self.port = 0
        self.handed_to = ""
        self.zone = 0
        self.logged: list[str] = []
        self.steps: list[Step] = []
        self.skipped: list[Table] = []

    def through(self, table: Table) -> None:
        hook = self.ruleset.hook(table, self.packet.hook)
        if hook is None:
            return
        if table == "nat" and self.packet.state not in NAT_STATES:
            self.skipped.append(table)
            return
        self.along(table, hook.hook, hook.rules)

    def along(self, table: Table, name: str, rules: tuple[Rule, ...]) -> Decision:
        """Walk the rules of one chain."""
        for position, rule in enumerate(rules, 1):
            failed = next((match for match in rule.matches if not holds(match, self.packet)), None)
            self.steps.append(Step(table, name, position, rule, failed))
            if failed is not None:
                continue
            decision = self.meet(table, rule)
            if decision != "goes on":
                return decision
        return "returns"

    def meet(self, table: Table, rule: Rule) -> Decision:
        """Do what the target says: end the table, leave the chain, or go on behind the rule."""
        decision: Decision = "ends"
        match rule.target:
            case Return():
                decision = "returns"
            case Accept():
                pass
            case Drop():
                self.outcome = "dropped"
            case Redirect(port):
                self.outcome, self.port = "redirected", port
            case Jump(name):
                decision = self.jump(table, name)
            case CtZone(zone):
                self.zone = self.zone or zone
                decision = "goes on"
            case Log(prefix):
                self.logged.append(prefix)
                decision = "goes on"
            case _:
                assert_never(rule.target)
        return decision

    def jump(self, table: Table, name: str) -> Decision:
        chain = next(
            (chain for chain in self.ruleset.chains if (chain.table, chain.name) == (table, name)),
            None,
        )
        if chain is None:
            self.outcome, self.handed_to = "handed over", name
            return "ends"
        return "ends" if self.along(table, name, chain.rules) == "ends" else "goes on"


def holds(match: Match, packet: Packet) -> bool:  # noqa: C901, PLR0912 - an arm for each match
    """Whether a match holds for a packet."""
    match match:
        case FamilyIs(family):
            held = packet.family == family
        case Protocol(proto):
            held = packet.proto == proto
        case Source(networks):
            held = _within(networks, packet.source, packet)
        case Destination(networks):
            held = _within(networks, packet.destination, packet)
        case SourcePort(ports):
            held = packet.source_port in ports
        case DestinationPort(ports):
            held = packet.destination_port in ports
        case InInterface(interface):
            held = interface.matches(packet.in_interface)
        case OutInterface(interface):
            held = interface.matches(packet.out_interface)
        case OwnerUid(ids):
            held = _owned(packet.uid, ids)
        case OwnerGid(ids):
            held = _owned(packet.gid, ids)
        case CtState(state):
            held = packet.state == state
        case Exclusions(owner, boxes):
            held = _boxed(packet.uid if owner == "uid" else packet.gid, boxes, packet)
        case Not(Source(networks) | Destination(networks) as denied):
            named = any(network.family == packet.family for network in networks)
            held = named and not holds(denied, packet)
        case Not(denied):
            held = not holds(denied, packet)
        case _:
            assert_never(match)
    return held


def _within(networks: tuple[Network, ...], address: int, packet: Packet) -> bool:
    return any(
        network.family == packet.family and network.contains(address) for network in networks
    )


def _owned(owner: int | None, ids: IdSet) -> bool:
    return owner is not None and owner in ids


def _boxed(owner: int | None, boxes: tuple[Box, ...], packet: Packet) -> bool:
    if owner is None:
        return False
    return any(
        proto == packet.proto.number
        and first_id <= owner <= last_id
        and first_port <= packet.destination_port <= last_port
        for proto, first_id, last_id, first_port, last_port in boxes
    )
