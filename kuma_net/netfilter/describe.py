"""Rules in plain English: what a rule is about, what it does, and why it is there.

One sentence a rule, in the words a developer uses for connections (``explain`` and ``compare``
build on it)::

    TCP to port 80 or 443 of user 1000 is left alone: ... [redirect.outbound.excludePorts]

Long lists are cut after a few items, with a count of the rest.
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
from kuma_net.netfilter.normal import in_order
from kuma_net.netfilter.ruleset import HookChain, comment
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.values import L4_PROTOS, interval_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import assert_never  # noqa: TC004 - a branch never reached

    from kuma_net.netfilter.matches import Box, Match, Owner
    from kuma_net.netfilter.ruleset import Chain, Rule, Ruleset
    from kuma_net.netfilter.targets import Target

LONGEST_LIST = 8
"""Items of a list that are told; more than that are counted."""

_PROTOCOLS = {proto.number: str(proto).upper() for proto in L4_PROTOS}


def describe(rule: Rule) -> str:
    """Return one sentence: what the rule is about, what happens to it, why, and the setting."""
    told = f"{describe_matches(rule.matches)} {describe_target(rule.target)}"
    reason = comment(rule)
    return f"{told}: {reason}" if reason else told


def describe_matches(matches: tuple[Match, ...]) -> str:
    """Return what the matches are about: ``TCP to port 80 of user 1000``."""
    phrases = [_phrase(match) for match in in_order(matches)]
    subject = [what for preposition, what in phrases if not preposition] or ["everything"]
    return " ".join([*subject, *[" ".join(phrase) for phrase in phrases if phrase[0]]])


def describe_match(match: Match) -> str:
    """Return one match by itself: ``to port 80``, ``TCP``."""
    return " ".join(_phrase(match)).strip()


def _phrase(match: Match) -> tuple[str, str]:  # noqa: C901, PLR0912 - an arm for each match
    """Return a preposition and what follows it; what is its own subject has no preposition."""
    match match:
        case FamilyIs(family):
            phrase = "", str(family)
        case Protocol(proto):
            phrase = "", str(proto).upper()
        case Source(networks):
            phrase = "from", listed(networks)
        case Destination(networks):
            phrase = "to", listed(networks)
        case SourcePort(ports):
            phrase = "from", f"port {listed(map(interval_text, ports))}"
        case DestinationPort(ports):
            phrase = "to", f"port {listed(map(interval_text, ports))}"
        case InInterface(interface):
            phrase = "coming in through", str(interface)
        case OutInterface(interface):
            phrase = "going out through", str(interface)
        case OwnerUid(ids):
            phrase = "of", _owners("uid", ids)
        case OwnerGid(ids):
            phrase = "of", _owners("gid", ids)
        case CtState(state):
            phrase = "in", f"connection state {state}"
        case Exclusions(owner, boxes):
            phrase = "", _boxes(owner, boxes)
        case Not(denied):
            preposition, what = _phrase(denied)
            phrase = preposition, f"{'anything' if preposition else 'all'} but {what}"
        case _:
            assert_never(match)
    return phrase


def _owners(owner: Owner, ids: Iterable[tuple[int, int]]) -> str:
    name = "user" if owner == "uid" else "group"
    return f"{name} {listed(map(interval_text, ids))}"


def _boxes(owner: Owner, boxes: tuple[Box, ...]) -> str:
    """Return boxes as ``TCP to port 22 of user 7``; ports of one owner are told together."""
    by_owner: dict[tuple[int, int, int], list[str]] = {}
    for box in boxes:
        by_owner.setdefault(box[:3], []).append(interval_text(box[3:]))
    return listed(
        f"{_PROTOCOLS[number]} to port {listed(ports)} of {_owners(owner, [(first, last)])}"
        for (number, first, last), ports in by_owner.items()
    )


def listed(items: Iterable[object]) -> str:
    """Return ``a, b or c``; of a long list the first few and how many more there are."""
    told = [str(item) for item in items]
    if len(told) > LONGEST_LIST:
        more = len(told) - LONGEST_LIST
        return f"{', '.join(told[:LONGEST_LIST])} or one of {more:,} more"
    return " or ".join([", ".join(told[:-1]), told[-1]]) if len(told) > 1 else "".join(told)


def describe_target(target: Target) -> str:
    """Return what happens: ``goes to port 15001 of this machine``."""
    match target:
        case Return():
            words = "leaves this chain"
        case Accept():
            words = "is let through"
        case Drop():
            words = "is dropped"
        case Jump(chain):
            words = f"goes through {chain}"
        case Redirect(port):
            words = f"goes to port {port} of this machine"
        case CtZone(zone):
            words = f"is tracked in zone {zone}"
        case Log(prefix, level):
            words = f"is logged as {prefix!r} at level {level}"
        case _:
            assert_never(target)
    return words


def describe_place(chain: HookChain | Chain) -> str:
    """Return a chain in words: ``nat OUTPUT``, ``nat KUMA_MESH_OUTBOUND``."""
    name = chain.hook if isinstance(chain, HookChain) else chain.name
    return f"{chain.table} {name}"


def describe_ruleset(ruleset: Ruleset) -> str:
    """Return every rule with its chain and number, one line each."""
    lines = [f"rules for {' and '.join(map(str, ruleset.families))}"]
    everything: tuple[HookChain | Chain, ...] = (*ruleset.hooks, *ruleset.chains)
    for chain in everything:
        lines.append(describe_place(chain))
        lines += [f"  {place}. {describe(rule)}" for place, rule in enumerate(chain.rules, 1)]
    return "\n".join(lines) + "\n"
