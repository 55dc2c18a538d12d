"""From a ruleset to the nf_tables objects that do what it says.

Shape.  One table ``inet kuma_net`` for both families (``ip`` or ``ip6`` for one, and both where
the kernel has no inet nat).  Base chains are called ``raw_output``, ``nat_prerouting`` and so on,
other chains keep their names.  Each rule is one rule, in order, with a counter; what one rule
of nf_tables cannot say is cut into parts (``parts``).  The questions of a rule keep their order,
so that it reads as it was written; the first that fails ends it.

So that a connection meets few rules, a chain that is entered by a jump may stand there several
times, each time with those rules only that can hold for the packets that get there:

* ``NAME.ipv4`` and ``NAME.ipv6``, where there are rules for one family only.  The jump is a
  verdict map over the family;
* ``NAME.lo``, where three rules or more are about one interface: packets through it go there,
  the others meet none of those rules;
* a jump to a chain of one rule, which asks for a protocol at most and ends the matter, does what
  that rule does by itself.

All of it can be read back (``raise_``): user data says which rule of the ruleset a rule is.

What surprised us: a rule cannot jump into another table, so rules that need a chain of other
owners (Docker's) are refused here.
"""

from __future__ import annotations

from sys import byteorder

from kuma_net.errors import NoBackend
from kuma_net.netfilter.matches import InInterface, Not, OutInterface, Protocol
from kuma_net.netfilter.nf_tables import (
    DISPATCH,
    NF_PROTO,
    STAMP_CHAIN,
    TABLE,
    Chain,
    Counter,
    CtZone,
    Features,
    Hook,
    Immediate,
    Log,
    Map,
    Redir,
    Rule,
    Table,
    Verdict,
    VerdictMap,
)
from kuma_net.netfilter.parts import cut, families_named, may_hold
from kuma_net.netfilter.questions import LOAD_NFPROTO, Questions, family_is
from kuma_net.netfilter.ruleset import comment
from kuma_net.netfilter.targets import Accept, Drop, Jump, Redirect, Return
from kuma_net.netfilter.targets import CtZone as ZoneTarget
from kuma_net.netfilter.targets import Log as LogTarget
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias, assert_never

    from kuma_net.netfilter import ruleset as asked
    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.nf_tables import Expression, TableFamily, Tables
    from kuma_net.netfilter.parts import Part

    Ending: TypeAlias = Return | Accept | Drop | Redirect | ZoneTarget | LogTarget
else:
    assert_never = None

PRIORITIES = {"raw": -300, "mangle": -150, "nat": -101}
"""NF_IP_PRI_RAW, NF_IP_PRI_MANGLE (include/uapi/linux/netfilter_ipv4.h); nat stands one ahead of
iptables' -100, so that foreign NAT rules meet only what ours left alone."""
FAMILY_TABLES: dict[int, TableFamily] = {Family.IPV4.number: "ip", Family.IPV6.number: "ip6"}
OF_ONE_INTERFACE = 3
"""So many rules of a chain about one interface make a chain of their own."""
VARIANT = "."
"""Between a chain's name and what it is a variant for; no name of a ruleset has it."""
COUNTER = Counter()


def lower(ruleset: asked.Ruleset, features: Features | None = None, stamp: str = "") -> Tables:
    """Return the tables that do what ``ruleset`` says, with the stamp where ``features`` allow.

    Raises NoBackend for a jump to a chain that the ruleset does not define.
    """
    features = features or Features()
    families = ruleset.families
    if len(families) > 1 and features.inet_nat:
        return (_Lowering(ruleset, families, "inet", features).table(stamp),)
    return tuple(
        [
            _Lowering(ruleset, (family,), FAMILY_TABLES[family.number], features).table(stamp)
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
        self,
        ruleset: asked.Ruleset,
        families: tuple[Family, ...],
        table_family: TableFamily,
        features: Features,
    ) -> None:
        self.ruleset = ruleset
        self.families = families
        self.table_family: TableFamily = table_family
        self.features = features
        self.questions = Questions(interval_sets=features.interval_sets)
        self.maps: dict[str, Map] = {}
        self.made: dict[tuple[int, int], Rule] = {}
        self.numbers = {chain.name: number for number, chain in enumerate(ruleset.chains)}
        self.parts = {c.name: cut(c.rules, families, features) for c in ruleset.chains}
        self.split = {
            name
            for name, parts in self.parts.items()
            if len({part.family for part in parts if part.family}) > 1
        }

    def table(self, stamp: str) -> Table:
        hooks = [
            (hook, cut(hook.rules, self.families, self.features)) for hook in self.ruleset.hooks
        ]
        chains = [
            Chain(base_chain_name(h), _hook(h), self.rules(parts, None)) for h, parts in hooks
        ]
        for name, parts in self.parts.items():
            chains += self.variants(name, parts)
        if stamp and not self.features.table_userdata:
            chains.append(stamp_chain(stamp))
            stamp = ""
        sets, maps = tuple(self.questions.sets.values()), tuple(self.maps.values())
        return Table(self.table_family, TABLE, stamp, sets, maps, tuple(chains))

    def variants(self, name: str, parts: tuple[Part, ...]) -> list[Chain]:
        """Return a chain as often as it has to stand there."""
        if name not in self.split:
            return self.by_interface(name, parts, None)
        found: list[Chain] = []
        for family in self.families:
            seen = [
                part
                for part in parts
                if part.family == family or (part.family is None and may_hold(part.matches, family))
            ]
            found += self.by_interface(_variant(name, family), tuple(seen), family)
        return found

    def by_interface(
        self, name: str, parts: tuple[Part, ...], family: Family | None
    ) -> list[Chain]:
        """Return a chain, and the one for packets through the interface most of it is about."""
        shared = _shared_interface(parts)
        if shared is None:
            return [Chain(name, None, self.rules(parts, family))]
        through = [part for part in parts if Not(shared) not in part.matches]
        others = [part for part in parts if shared not in part.matches]
        inner = f"{name}{VARIANT}{_word(shared.interface.prefix)}"
        ask = self.questions.ask(shared, "")
        words = f"packets through {shared.interface} meet the rules about it"
        dispatch = Rule((*ask, Verdict("goto", inner)), words, DISPATCH)
        return [
            Chain(name, None, (dispatch, *self.rules(tuple(others), family))),
            Chain(inner, None, self.rules(tuple(through), family)),
        ]

    def rules(self, parts: tuple[Part, ...], family: Family | None) -> tuple[Rule, ...]:
        """Return the rules of parts that packets of ``family`` (None: of any) meet."""
        found: list[Rule] = []
        for part in parts:
            for_whom = part.family or (family if isinstance(part.rule.target, Jump) else None)
            key = id(part), for_whom.number if for_whom else 0
            known = self.made.get(key)
            if known is None:
                known = self.made[key] = self.rule(part, for_whom)
            found.append(known)
        return tuple(found)

    def rule(self, part: Part, family: Family | None) -> Rule:
        matches, target = part.matches, part.rule.target
        inlined, own = -1, 0
        if isinstance(target, Jump):
            jump = target
            only = self.only_rule(jump)
            if only is not None:
                inlined, own = self.numbers[jump.chain], len(matches)
                matches += tuple([match for match in only.matches if match not in matches])
                target = only.target
        action = self.jump(target, part, family) if isinstance(target, Jump) else _action(target)
        asked = self.ask(matches, part.family, part.rule.setting)
        expressions = (*asked, COUNTER, *action)
        words = comment(part.rule)
        return Rule(expressions, words, part.position, part.box, inlined, own)

    def only_rule(self, jump: Jump) -> asked.Rule | None:
        """Return the one rule of the chain jumped to, where it can stand for the jump."""
        chain = self.ruleset.chain(jump.chain)
        if chain is None or len(chain.rules) != 1:
            return None
        rule = chain.rules[0]
        ends = isinstance(rule.target, Redirect | Accept | Drop)
        plain = all(isinstance(match, Protocol) for match in rule.matches)
        return rule if ends and plain else None

    def jump(self, jump: Jump, part: Part, family: Family | None) -> tuple[Expression, ...]:
        """Return the jump to a chain of ours, to the variant for the packet's family."""
        name = jump.chain
        if name not in self.parts:
            reason = (
                f'rule "{comment(part.rule)}" jumps to chain {name}, which is not ours; '
                "a table of our own cannot reach into another"
            )
            raise NoBackend({"nftables": reason})
        if name not in self.split:
            return (Verdict("jump", name),)
        if family:
            return (Verdict("jump", _variant(name, family)),)
        elements = [
            (bytes((each.number,)), Verdict("jump", _variant(name, each))) for each in self.families
        ]
        self.maps[name] = Map(name, NF_PROTO, tuple(elements))
        return (LOAD_NFPROTO, VerdictMap(name))

    def ask(
        self, matches: tuple[Match, ...], family: Family | None, setting: str
    ) -> list[Expression]:
        """Return the questions of a part; in an inet table the family is asked before addresses."""
        found: list[Expression] = []
        guard = family if self.table_family == "inet" else None
        for match in matches:
            if guard and families_named(match):
                found += family_is(guard)
                guard = None
            found += self.questions.ask(match, setting)
        return found


def _hook(chain: asked.HookChain) -> Hook:
    return Hook(
        "nat" if chain.table == "nat" else "filter",
        "prerouting" if chain.hook == "PREROUTING" else "output",
        PRIORITIES[chain.table],
    )


def _variant(name: str, family: Family) -> str:
    return f"{name}{VARIANT}{family.name.lower()}"


def _word(text: str) -> str:
    """Return text as a part of an identifier of nft: letters, digits and ``_``."""
    return "".join([letter if letter.isascii() and letter.isalnum() else "_" for letter in text])


def _shared_interface(parts: tuple[Part, ...]) -> InInterface | OutInterface | None:
    """Return the question for an interface that most parts ask, if those are enough."""
    counts: dict[InInterface | OutInterface, int] = {}
    for part in parts:
        for match in part.matches:
            if isinstance(match, InInterface | OutInterface):
                counts[match] = counts.get(match, 0) + 1
    most = max(counts, key=lambda match: counts[match], default=None)
    return most if most and counts[most] >= OF_ONE_INTERFACE else None


def _action(target: Ending) -> tuple[Expression, ...]:
    action: tuple[Expression, ...]
    match target:
        case Return():
            action = (Verdict("return"),)
        case Accept():
            action = (Verdict("accept"),)
        case Drop():
            action = (Verdict("drop"),)
        case Redirect(port):
            action = (Immediate(port.to_bytes(2, "big")), Redir())
        case ZoneTarget(zone):
            action = (Immediate(zone.to_bytes(2, byteorder)), CtZone())
        case LogTarget(prefix, level):
            action = (Log(prefix, level),)
        case _:
            assert_never(target)
    return action
