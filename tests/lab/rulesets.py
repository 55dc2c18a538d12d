"""Rulesets and packets for property tests: a small world in which everything may meet.

Values come from a few addresses, ports, owners and interfaces, chosen so that they overlap, so
random packets do match random rules.  Every ruleset is one that iptables can hold: matches and
targets stand only where the kernel allows them (``-i`` in PREROUTING, owners and ``-o`` in
OUTPUT, REDIRECT in nat with a protocol, CT in raw).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from kuma_net.netfilter.matches import (
    CtState,
    Destination,
    DestinationPort,
    FamilyIs,
    InInterface,
    Not,
    OutInterface,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
    exclusions,
)
from kuma_net.netfilter.packet import Packet
from kuma_net.netfilter.ruleset import HOOKS, TABLES, Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import (
    Accept,
    CtZone,
    Drop,
    Jump,
    Log,
    Redirect,
    Return,
)
from kuma_net.values import (
    BOTH_FAMILIES,
    L4_PROTOS,
    Family,
    IdSet,
    InterfacePattern,
    Network,
    PortSet,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuma_net.netfilter.matches import CtStateName, Invertible, Match
    from kuma_net.netfilter.ruleset import Hook, Table
    from kuma_net.netfilter.targets import Target

ONE, TWO = "KUMA_MESH_ONE", "KUMA_MESH_TWO"
"""The chains of every ruleset, both in nat: hooks may jump to both, ONE to TWO, TWO to none."""

NETWORKS = tuple(
    Network.parse(text)
    for text in (
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.0.0/16",
        "10.1.2.3",
        "127.0.0.1",
        "192.168.0.0/30",
        "::/0",
        "fd00::/8",
        "fd00:1::/32",
        "fd00:1::5",
        "::1",
    )
)
ADDRESSES = {
    family: sorted(
        {
            network.address + host
            for network in NETWORKS
            if network.family == family
            for host in (0, 3)
        }
    )
    for family in BOTH_FAMILIES
}
INTERFACES = tuple(map(InterfacePattern.parse, ("lo", "eth0", "br+", "+")))
INTERFACE_NAMES = ("lo", "eth0", "br7")
PORTS = (0, 22, 53, 80, 81, 8080, 65535)
OWNERS = (0, 1000, 1001, 1002, 5678)
STATES: tuple[CtStateName, ...] = ("INVALID", "NEW", "ESTABLISHED", "RELATED", "UNTRACKED")
REASONS = (("", ""), ("one reason", ""), ("it's another", "redirect.some.setting"))

port_sets = st.one_of(
    st.sets(st.sampled_from(PORTS), min_size=1).map(lambda ports: PortSet.of(*ports)),
    st.sampled_from(
        [PortSet(), PortSet.ALL, PortSet.of((80, 8080)), PortSet.of(*range(1, 60, 2), (100, 200))]
    ),
)
id_sets = st.one_of(
    st.sets(st.sampled_from(OWNERS), min_size=1).map(lambda ids: IdSet.of(*ids)),
    st.sampled_from([IdSet(), IdSet.of((1000, 1002), 5678), IdSet.of((0, 4294967294))]),
)
network_lists = st.sets(st.sampled_from(NETWORKS), min_size=1, max_size=4).map(
    lambda networks: tuple(sorted(networks, key=Network.sort_key))
)
lone_networks = st.tuples(
    *[
        st.sampled_from([None, *[network for network in NETWORKS if network.family == family]])
        for family in BOTH_FAMILIES
    ]
).map(lambda pair: tuple(network for network in pair if network) or NETWORKS[-1:])
"""At most one of each family: "in none of these" becomes hundreds of others, rule for rule."""
boxes = st.lists(
    st.tuples(
        st.sampled_from([proto.number for proto in L4_PROTOS]),
        st.sampled_from([(1000, 1000), (1000, 1002), (5678, 5678), (0, 999)]),
        st.sampled_from([(53, 53), (0, 65535), (80, 81), (80, 80), (22, 22)]),
    ).map(lambda box: (box[0], *box[1], *box[2])),
    max_size=5,
)


def maybe(strategy: st.SearchStrategy[Match]) -> st.SearchStrategy[list[Match]]:
    """Return a strategy for one match or none."""
    return st.one_of(st.just([]), st.just([]), strategy.map(lambda match: [match]))


def denied_or_not(strategy: st.SearchStrategy[Invertible]) -> st.SearchStrategy[Match]:
    """Return a strategy for matches and denied ones."""
    return st.one_of(strategy, strategy, strategy.map(Not))


@st.composite
def traffic(draw: st.DrawFn, *, owners: bool) -> list[Match]:
    """Draw matches on protocol, ports and owner, as boxes or each by itself."""
    if owners and draw(st.integers(0, 3)) == 0:
        return [exclusions(draw(st.sampled_from(["uid", "gid"])), draw(boxes))]
    found: list[Match] = []
    if draw(st.booleans()):
        found.append(Protocol(draw(st.sampled_from(L4_PROTOS))))
        found += draw(maybe(denied_or_not(port_sets.map(SourcePort))))
        found += draw(maybe(denied_or_not(port_sets.map(DestinationPort))))
    else:
        found += draw(maybe(st.sampled_from(L4_PROTOS).map(lambda proto: Not(Protocol(proto)))))
    if owners:
        found += draw(maybe(id_sets.map(OwnerUid)))
        found += draw(maybe(id_sets.map(OwnerGid)))
    return found


@st.composite
def match_lists(draw: st.DrawFn, hook: Hook) -> tuple[Match, ...]:
    """Draw matches in any order, each thing asked once, such as may stand below ``hook``."""
    side = InInterface if hook == "PREROUTING" else OutInterface
    found = [
        *draw(traffic(owners=hook == "OUTPUT")),
        *draw(maybe(st.one_of(network_lists.map(Source), lone_networks.map(Source).map(Not)))),
        *draw(
            maybe(
                st.one_of(network_lists.map(Destination), lone_networks.map(Destination).map(Not))
            )
        ),
        *draw(maybe(denied_or_not(st.sampled_from(INTERFACES).map(side)))),
        *draw(maybe(denied_or_not(st.sampled_from(STATES).map(CtState)))),
        *draw(maybe(denied_or_not(st.sampled_from(BOTH_FAMILIES).map(FamilyIs)))),
    ]
    return tuple(draw(st.permutations(found)))


@st.composite
def rules(draw: st.DrawFn, table: Table, hook: Hook, chains: tuple[str, ...] = ()) -> Rule:
    """Draw one rule for a chain of ``table`` below ``hook`` that may jump to ``chains``."""
    matches = draw(match_lists(hook))
    targets: list[Target] = [Return(), Accept(), Drop(), Log("seen:", 7), *map(Jump, chains)]
    if table == "raw":
        targets += [CtZone(1), CtZone(2)]
    if table == "nat":
        # The nat table is no place for dropping: iptables-nft and legacy refuse it.
        targets.remove(Drop())
        if any(isinstance(match, Protocol) for match in matches):
            targets += [Redirect(15001), Redirect(15006)]
    return Rule(matches, draw(st.sampled_from(targets)), *draw(st.sampled_from(REASONS)))


@st.composite
def rulesets(
    draw: st.DrawFn, families: Iterable[tuple[Family, ...]] = (BOTH_FAMILIES, BOTH_FAMILIES[:1])
) -> Ruleset:
    """Draw a ruleset, canonical or not, of one of the given tuples of families."""

    def some(table: Table, hook: Hook, chains: tuple[str, ...]) -> tuple[Rule, ...]:
        listed = draw(st.lists(rules(table, hook, chains), max_size=3))
        if draw(st.booleans()):
            # Neighbours with one reason: what joins, or must not be joined.
            target = draw(st.sampled_from([Return(), Accept(), Log("seen:", 7)]))
            listed = [rule.replace(target=target, why="w", setting="") for rule in listed]
        return tuple(listed)

    hooks: list[HookChain] = []
    for table in TABLES:
        for hook in draw(st.sampled_from([HOOKS, HOOKS[:1], HOOKS[1:], ()])):
            # Chains of the nat table hold questions about owners: PREROUTING cannot enter them.
            within = (ONE, TWO) if (table, hook) == ("nat", "OUTPUT") else ()
            listed = [some(table, hook, within), some(table, hook, within)]
            hooks.append(HookChain(table, hook, *listed))
    chains = (
        Chain("nat", ONE, some("nat", "OUTPUT", (TWO,))),
        Chain("nat", TWO, some("nat", "OUTPUT", ())),
    )
    return Ruleset(draw(st.sampled_from(list(families))), tuple(hooks), chains)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """Draw a packet of the small world."""
    hook: Hook = draw(st.sampled_from(HOOKS))
    family = draw(st.sampled_from(BOTH_FAMILIES))
    sent = hook == "OUTPUT"
    owner = st.one_of(st.none(), st.sampled_from(OWNERS)) if sent else st.none()
    return Packet(
        hook,
        family,
        draw(st.sampled_from(L4_PROTOS)),
        draw(st.sampled_from(ADDRESSES[family])),
        draw(st.sampled_from(ADDRESSES[family])),
        draw(st.sampled_from(PORTS)),
        draw(st.sampled_from(PORTS)),
        "" if sent else draw(st.sampled_from(INTERFACE_NAMES)),
        draw(st.sampled_from(INTERFACE_NAMES)) if sent else "",
        draw(owner),
        draw(owner),
        draw(st.sampled_from(STATES)),
    )
