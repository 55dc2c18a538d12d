"""From a ruleset to the nf_tables objects that do what it says.

Shape.  One table ``inet kuma_net`` for both families (``ip`` or ``ip6`` for one, and both where
the kernel has no inet nat).  Base chains are called ``raw_output``, ``nat_prerouting`` and so on;
other chains keep their names.  Rules stand one to one, in order, each with a counter, but:

* a rule that names networks of both families becomes two, one behind the other;
* what the kernel's sets cannot hold (see ``Features``) becomes one rule per range.

Parts of one rule carry the rule's position in their user data, and ``raise_`` joins them again.

The questions of a rule keep their order, so that it reads as it was written and the first that
fails ends it; compile asks the cheap ones first.

What surprised us: a rule cannot jump into another table, so rules that need a chain of other
owners (Docker's) are refused here.
"""

from __future__ import annotations

from sys import byteorder

from kuma_net.errors import NoBackend
from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    Exclusions,
    FamilyIs,
    Not,
    OwnerGid,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.netfilter.nf_tables import (
    STAMP_CHAIN,
    TABLE,
    Chain,
    Counter,
    CtZone,
    Features,
    Hook,
    Immediate,
    Log,
    Redir,
    Rule,
    Table,
    Verdict,
)
from kuma_net.netfilter.questions import Questions, family_is
from kuma_net.netfilter.ruleset import comment
from kuma_net.netfilter.targets import Accept, Drop, Jump, Redirect, Return
from kuma_net.netfilter.targets import CtZone as ZoneTarget
from kuma_net.netfilter.targets import Log as LogTarget
from kuma_net.values import L4_PROTOS, Family, IdSet, PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias, assert_never

    from kuma_net.netfilter import ruleset as asked
    from kuma_net.netfilter.matches import Box, Match, Owner
    from kuma_net.netfilter.nf_tables import Expression, TableFamily, Tables
    from kuma_net.netfilter.targets import Target

    Matches: TypeAlias = tuple[Match, ...]
else:
    assert_never = None

PRIORITIES = {"raw": -300, "mangle": -150, "nat": -101}
"""NF_IP_PRI_RAW, NF_IP_PRI_MANGLE (include/uapi/linux/netfilter_ipv4.h); nat stands one ahead of
iptables' -100, so that foreign NAT rules meet only what ours left alone."""
FAMILY_TABLES: dict[int, TableFamily] = {Family.IPV4.number: "ip", Family.IPV6.number: "ip6"}
COUNTER = Counter()
_PROTOCOLS = {proto.number: Protocol(proto) for proto in L4_PROTOS}


def lower(ruleset: asked.Ruleset, features: Features | None = None, stamp: str = "") -> Tables:
    """Return the tables that do what ``ruleset`` says, with the stamp where ``features`` allow.

    Raises NoBackend for a jump to a chain that the ruleset does not define.
    """
    features = features or Features()
    families = ruleset.families
    if len(families) > 1 and features.inet_nat:
        return (_Lowering(families, "inet", features).table(ruleset, stamp),)
    return tuple(
        [
            _Lowering((family,), FAMILY_TABLES[family.number], features).table(ruleset, stamp)
            for family in families
        ]
    )


def base_chain_name(hook: asked.HookChain) -> str:
    """Return what the base chain of a hook is called: ``nat_output``."""
    return f"{hook.table}_{hook.hook.lower()}"


def stamp_chain(stamp: str) -> Chain:
    """Return the chain that nothing jumps to, whose rule carries the stamp."""
    return Chain(STAMP_CHAIN, None, (Rule((Verdict("return"),), stamp),))


class _Lowering:
    """Lowers into one table."""

    def __init__(
        self, families: tuple[Family, ...], table_family: TableFamily, features: Features
    ) -> None:
        self.families = families
        self.table_family: TableFamily = table_family
        self.features = features
        self.questions = Questions(interval_sets=features.interval_sets)

    def table(self, ruleset: asked.Ruleset, stamp: str) -> Table:
        chains = [Chain(base_chain_name(h), _hook(h), self.rules(h)) for h in ruleset.hooks]
        chains += [Chain(chain.name, None, self.rules(chain)) for chain in ruleset.chains]
        _refuse_foreign_jumps(chains)
        if stamp and not self.features.table_userdata:
            chains.append(stamp_chain(stamp))
            stamp = ""
        sets = tuple(self.questions.sets.values())
        return Table(self.table_family, TABLE, stamp, sets, tuple(chains))

    def rules(self, chain: asked.HookChain | asked.Chain) -> tuple[Rule, ...]:
        lowered: list[Rule] = []
        for position, rule in enumerate(chain.rules):
            action = _action(rule.target)
            words = comment(rule)
            for family, seen in self.of_families(rule.matches):
                for matches, box in _without_ranges(seen, self.features):
                    asked = self.ask(matches, family, rule.setting)
                    lowered.append(Rule((*asked, COUNTER, *action), words, position, box))
        return tuple(lowered)

    def of_families(self, matches: Matches) -> Iterator[tuple[Family | None, Matches]]:
        """Yield the matches as each family sees them; once, with None, where none matters."""
        named = [families for families in map(_families_named, matches) if families]
        if self.table_family == "inet" and not named:
            yield None, matches
            return
        for family in self.families:
            if all(family in families for families in named) and _may_hold(matches, family):
                yield family, tuple([_within(match, family) for match in matches])

    def ask(self, matches: Matches, family: Family | None, setting: str) -> list[Expression]:
        """Return the questions of a part; in an inet table the family is asked before addresses."""
        found: list[Expression] = []
        guarded = self.table_family != "inet" or family is None
        for match in matches:
            if not guarded and family and _families_named(match):
                found += family_is(family)
                guarded = True
            found += self.questions.ask(match, setting)
        return found


def _hook(chain: asked.HookChain) -> Hook:
    return Hook(
        "nat" if chain.table == "nat" else "filter",
        "prerouting" if chain.hook == "PREROUTING" else "output",
        PRIORITIES[chain.table],
    )


def _action(target: Target) -> tuple[Expression, ...]:
    action: tuple[Expression, ...]
    match target:
        case Return():
            action = (Verdict("return"),)
        case Accept():
            action = (Verdict("accept"),)
        case Drop():
            action = (Verdict("drop"),)
        case Jump(chain):
            action = (Verdict("jump", chain),)
        case Redirect(port):
            action = (Immediate(port.to_bytes(2, "big")), Redir())
        case ZoneTarget(zone):
            action = (Immediate(zone.to_bytes(2, byteorder)), CtZone())
        case LogTarget(prefix, level):
            action = (Log(prefix, level),)
        case _:
            assert_never(target)
    return action


def _refuse_foreign_jumps(chains: list[Chain]) -> None:
    defined = {chain.name for chain in chains}
    for chain in chains:
        for rule in chain.rules:
            last = rule.expressions[-1]
            if isinstance(last, Verdict) and last.chain and last.chain not in defined:
                reason = (
                    f"{rule} of {chain} jumps to chain {last.chain}, which is not ours; "
                    "a table of our own cannot reach into another"
                )
                raise NoBackend({"nftables": reason})


def _families_named(match: Match) -> tuple[Family, ...]:
    """Return the families of a match's networks, none where it names no network."""
    inner = match.match if isinstance(match, Not) else match
    if isinstance(inner, Source | Destination):
        return tuple([network.family for network in inner.networks])
    return ()


def _may_hold(matches: Matches, family: Family) -> bool:
    """Whether no ``FamilyIs`` excludes the family."""
    for match in matches:
        negated = isinstance(match, Not)
        inner = match.match if isinstance(match, Not) else match
        if isinstance(inner, FamilyIs) and (inner.family == family) == negated:
            return False
    return True


def _within(match: Match, family: Family) -> Match:
    """Return the match with the networks of one family."""
    inner = match.match if isinstance(match, Not) else match
    if not isinstance(inner, Source | Destination):
        return match
    cut = type(inner)(tuple([n for n in inner.networks if n.family == family]))
    return Not(cut) if isinstance(match, Not) else cut


def _without_ranges(matches: Matches, features: Features) -> list[tuple[Matches, bool]]:
    """Return the matches as several lists where sets cannot hold what they name, else as one.

    The flag tells lists that hold one box of ``Exclusions`` in three questions.
    """
    if features.interval_sets and features.concat_intervals:
        return [(matches, False)]
    lists: list[tuple[Matches, bool]] = [((), False)]
    for match in matches:
        choices = _choices(match, features)
        box = isinstance(match, Exclusions) and choices != [(match,)]
        lists = [(done + choice, flag or box) for done, flag in lists for choice in choices]
    return lists


def _choices(match: Match, features: Features) -> list[Matches]:
    """Return alternatives that together say what ``match`` says, each without ranges in a set."""
    choices: list[Matches] = [(match,)]
    if isinstance(match, Exclusions):
        if any(box[1] != box[2] or box[3] != box[4] for box in match.boxes):
            choices = [_box_matches(match.owner, box) for box in match.boxes]
    elif features.interval_sets:
        pass
    elif isinstance(match, Source | Destination):
        if any(network.prefix < network.family.bits for network in match.networks):
            choices = [(type(match)((network,)),) for network in match.networks]
    elif isinstance(match, SourcePort | DestinationPort):
        if any(first != last for first, last in match.ports):
            choices = [(type(match)(PortSet((part,))),) for part in match.ports]
    elif isinstance(match, OwnerUid | OwnerGid) and any(first != last for first, last in match.ids):
        choices = [(type(match)(IdSet((part,))),) for part in match.ids]
    return choices


def _box_matches(owner: Owner, box: Box) -> Matches:
    """Return one box in three questions; all ports are asked for too, so that they are three."""
    proto, first_id, last_id, first_port, last_port = box
    ids = IdSet(((first_id, last_id),))
    ports = DestinationPort(PortSet(((first_port, last_port),)))
    return (_PROTOCOLS[proto], (OwnerUid if owner == "uid" else OwnerGid)(ids), ports)
