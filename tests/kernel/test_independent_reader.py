"""An independent reader of our iptables rules: python-iptables, which knows nothing of us.

It asks the kernel through libiptc, so it sees the legacy tables.  One process per family: its
extension for REDIRECT serves only the family that was loaded first, and a bad value ends the
process.  What it reads is compared with the ruleset, said in its words.
"""

from __future__ import annotations

import pytest

from kuma_net.netfilter.expand import expand
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
from kuma_net.netfilter.ruleset import COMMENT_PREFIX, Chain, Ruleset, comment
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.values import BOTH_FAMILIES, Family, interval_text
from lab.agent import Agent
from lab.case import Case
from lab.cases import CASES
from lab.host import ETC
from lab.installing import apply_here, config_of, remove_here, ruleset_here
from lab.topology import Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.ruleset import Rule
    from kuma_net.netfilter.targets import Target
    from kuma_net.values import IntervalSet

    Words = dict[str, Any]
    Chains = dict[str, dict[str, list[Words]]]

# Loaded once, here, as that takes a third of a second; its extensions are in the readers alone.
iptc = pytest.importorskip("iptc", reason="python-iptables could not be built here")

STAMP_CHAIN = "KUMA_MESH_STAMP"
LOG_WARNING = 4
"""syslog(3)."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as built:
        yield built


@pytest.mark.parametrize("case", CASES, ids=str)
def test_python_iptables_reads_the_rules_that_were_meant(lab: Lab, case: Case) -> None:
    for path, text in case.files.items():
        lab.app.write(path, text)
    options = {path: value for path, value in case.options.items() if path != "iptablesExecutables"}
    ruleset = lab.app.call(ruleset_here, config_of(options), "iptables-legacy")
    lab.app.call(apply_here, "iptables-legacy", ruleset)
    try:
        for family in BOTH_FAMILIES:
            read = lab.app.call(read_by_iptc_here, family)
            assert ours(read) == in_its_words(ruleset, family), family
    finally:
        lab.app.call(remove_here, "iptables-legacy")
        lab.app.write("/etc/resolv.conf", ETC["resolv.conf"])


def read_by_iptc_here(family: Family) -> Chains:
    """Return all tables as python-iptables reads them, in a process of its own."""
    reader = Agent(f"reader of {family}", do_nothing)
    try:
        return reader.call(read_by_iptc, family == Family.IPV6)
    finally:
        reader.stop()


def do_nothing() -> None:
    """Need no preparation."""


def read_by_iptc(ipv6: bool) -> Chains:
    """Ask python-iptables."""
    tables: Chains = {table: iptc.easy.dump_table(table, ipv6=ipv6) for table in ("raw", "mangle")}
    tables["nat"] = iptc.easy.dump_table("nat", ipv6=ipv6)
    return tables


def ours(read: Chains) -> Chains:
    """Return what was read without counters, empty chains and the stamp's chain."""
    kept = {
        table: {
            name: [{key: rule[key] for key in rule if key != "counters"} for rule in rules]
            for name, rules in chains.items()
            if rules and name != STAMP_CHAIN
        }
        for table, chains in read.items()
    }
    return {table: chains for table, chains in kept.items() if chains}


# --- the ruleset in the words of iptc.easy ------------------------------------------------------


def in_its_words(ruleset: Ruleset, family: Family) -> Chains:
    """Return the ruleset of one family as iptc.easy would tell it."""
    if family not in ruleset.families:
        return {}
    tables: Chains = {}
    single = expand(ruleset, family)
    for chain, rule in single.rules():
        name = chain.name if isinstance(chain, Chain) else chain.hook
        tables.setdefault(chain.table, {}).setdefault(name, []).append(rule_words(rule))
    return tables


def rule_words(rule: Rule) -> Words:
    words: Words = {}
    for match in rule.matches:
        said = match_words(match, str(words.get("protocol", "")))
        for key, value in said.items():
            words[key] = words[key] | value if isinstance(words.get(key), dict) else value
    if why := comment(rule):
        # xt_comment gives a quote back as iptables-save prints it.
        words["comment"] = {"comment": COMMENT_PREFIX + why.replace("'", r"\'")}
    words["target"] = target_words(rule.target)
    return words


def match_words(  # noqa: C901, PLR0911, PLR0912 - one case for each kind of match
    match: Match, protocol: str, sign: str = ""
) -> Words:
    """Say one match; ``sign`` is ``!`` where it is negated."""
    match match:
        case Not(inner):
            return match_words(inner, protocol, "!")
        case FamilyIs():
            return {}
        case Protocol(proto):
            return {"protocol": str(proto)}
        case Source((network,)):
            return {"src": f"{sign}{network}"} if network.prefix else {}
        case Destination((network,)):
            return {"dst": f"{sign}{network}"} if network.prefix else {}
        case SourcePort(ports):
            return port_words(protocol, "sport", ports)
        case DestinationPort(ports):
            return port_words(protocol, "dport", ports)
        case InInterface(interface):
            return {"in-interface": f"{sign}{interface}"}
        case OutInterface(interface):
            return {"out-interface": f"{sign}{interface}"}
        case OwnerUid(ids):
            return {"owner": {"uid-owner": f"{sign}{ids}"}}
        case OwnerGid(ids):
            return {"owner": {"gid-owner": f"{sign}{ids}"}}
        case CtState(state):
            return {"conntrack": {"ctstate": state}}
        case Source() | Destination() | Exclusions():
            raise AssertionError(f"more than one iptables rule can say: {match}")


def port_words(protocol: str, side: str, ports: IntervalSet) -> Words:
    listed = [interval_text(interval, ":") for interval in ports]
    if len(listed) == 1:
        return {protocol: {side: listed[0]}}
    return {"multiport": {f"{side}s": ",".join(listed)}}


def target_words(target: Target) -> str | Words:  # noqa: PLR0911 - one case for each kind
    match target:
        case Return():
            return "RETURN"
        case Accept():
            return "ACCEPT"
        case Drop():
            return "DROP"
        case Jump(chain):
            return chain
        case Redirect(port):
            return {"REDIRECT": {"to-ports": str(port)}}
        case CtZone(zone):
            return {"CT": {"zone": str(zone)}}
        case Log(prefix, level):
            # It says nothing of the level that is xt_LOG's default.
            said = {} if level == LOG_WARNING else {"log-level": str(level)}
            return {"LOG": said | {"log-prefix": prefix}}
