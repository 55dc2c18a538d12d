"""A ruleset as the input of iptables-restore, one family at a time.

The text loads with the nft and with the legacy flavour, with ``--noflush``.  What it consists
of (iptables-restore(8), iptables-extensions(8)):

* ``* nat`` begins a table, ``COMMIT`` ends it: each table is one transaction of its own, so
  the zones of raw come before the redirections of nat that rely on them;
* ``-N CHAIN`` fails where the chain is there already, while ``:CHAIN -`` would silently empty
  it.  Failing is right: who replaces rules takes the old ones away in the same transaction
  (``kuma_net.netfilter.removal_text``);
* rules that must win over other owners' are inserted with growing positions
  (``-I OUTPUT 1``, ``-I OUTPUT 2``), so that their order is the order of the text; the others
  are appended.

What surprised us: REDIRECT and port matches want ``-p tcp`` or ``-p udp`` in the same rule;
``!`` takes one network, but a rule may carry ``-m multiport`` many times; behind it ``--dport``
is taken for an abbreviation of ``--dports``, so single ports come first; an empty table of the
legacy flavour springs into being when it is merely mentioned, so tables without rules are
not.

Besides the rules the text may leave a **stamp**: a chain that no packet enters
(``STAMP_CHAIN``), with one rule whose comment says who made the rules and from what.  A rule of
ours among those of other owners is known by its comment or by the chain of ours it jumps to;
where it has neither (comments switched off) a copy of it stands in a chain that no packet
enters either (``copies_chain``), so that it can be told from a stranger's and taken away
again.
"""

from __future__ import annotations

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
from kuma_net.netfilter.ownership import STAMP_CHAIN, copies_chain, is_own_chain
from kuma_net.netfilter.rows import port_lists
from kuma_net.netfilter.ruleset import COMMENT_PREFIX, Rule, comment
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.record import Record
from kuma_net.values import interval_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias, assert_never  # noqa: TC004 - a branch never reached

    from kuma_net.netfilter.matches import Match
    from kuma_net.netfilter.ruleset import HookChain, Ruleset, Table
    from kuma_net.netfilter.targets import Target
    from kuma_net.values import Family, PortSet

    Words: TypeAlias = tuple[str, ...]

TABLE_ORDER: tuple[Table, ...] = ("raw", "nat", "mangle")
"""The order of tables in the text: zones before what relies on them, as kumactl has it."""
LONGEST_XT_COMMENT = 255
"""Bytes: XT_MAX_COMMENT_LEN is 256 with the closing zero byte (linux/netfilter/xt_comment.h)."""

_LONG = {
    "-N": "--new-chain",
    "-A": "--append",
    "-I": "--insert",
    "-j": "--jump",
    "-m": "--match",
    "-p": "--protocol",
    "-s": "--source",
    "-d": "--destination",
    "-i": "--in-interface",
    "-o": "--out-interface",
    "--sport": "--source-port",
    "--dport": "--destination-port",
    "--sports": "--source-ports",
    "--dports": "--destination-ports",
}


class Style(Record):
    """How rules are worded: long option names and headings, with comments or without."""

    verbose: bool = False
    comments: bool = True

    def option(self, short: str) -> str:
        """Return the option in the spelling of this style."""
        return _LONG.get(short, short) if self.verbose else short


def render_restore(
    ruleset: Ruleset,
    family: Family,
    *,
    stamp: str = "",
    verbose: bool = False,
    comments: bool = True,
) -> str:
    """Return what the ruleset asks of ``family`` as input for iptables-restore ``--noflush``.

    Empty where it asks nothing.  ``stamp`` leaves a stamp chain, and copies of the rules that
    nothing else would tell from a stranger's; ``comments=False`` leaves out every comment, the
    stamp's text included.
    """
    style = Style(verbose, comments)
    one = expand(ruleset, family)
    if not one.families:
        return ""
    tables = [(table, lines_of(one, table, style, stamp)) for table in TABLE_ORDER]
    texts = [table_text(table, lines, style) for table, lines in tables if lines.rules]
    return ("\n" if verbose else "").join(texts)


class Lines(Record):
    """One table's lines: the names of the chains to be made, and the rules."""

    chains: Words = ()
    rules: Words = ()


def lines_of(one: Ruleset, table: str, style: Style, stamp: str = "") -> Lines:
    """Return what one table needs of an expanded ruleset."""
    hooks = [hook for hook in one.hooks if hook.table == table]
    chains = [chain for chain in one.chains if chain.table == table]
    names = [chain.name for chain in chains]
    rules = [line for hook in hooks for line in _hook_lines(hook, style)]
    for chain in chains:
        rules += [_appended(chain.name, rule, style) for rule in chain.rules]
    if stamp:
        for name, bare in _copies(hooks, style):
            names.append(name)
            rules += [_appended(name, rule, style) for rule in bare]
        if table == "nat":
            names.append(STAMP_CHAIN)
            rules.append(_appended(STAMP_CHAIN, Rule((), Return(), stamp), style))
    return Lines(tuple(names), tuple(rules))


def _copies(hooks: list[HookChain], style: Style) -> Iterator[tuple[str, list[Rule]]]:
    """Yield the chains of copies that the hooks need, with the rules to copy."""
    for hook in hooks:
        for behind, listed in enumerate((hook.before, hook.after)):
            bare = [rule for rule in listed if not _speaks(rule, style)]
            if bare:
                yield copies_chain(hook.hook, behind=bool(behind)), bare


def _speaks(rule: Rule, style: Style) -> bool:
    """Whether a listing tells that the rule is ours."""
    if isinstance(rule.target, Jump) and is_own_chain(rule.target.chain):
        return True
    return style.comments and bool(comment(rule))


def _hook_lines(hook: HookChain, style: Style) -> Iterator[str]:
    for place, rule in enumerate(hook.before, 1):
        yield f"{style.option('-I')} {hook.hook} {place} {rule_text(rule, style)}"
    for rule in hook.after:
        yield _appended(hook.hook, rule, style)


def _appended(chain: str, rule: Rule, style: Style) -> str:
    return f"{style.option('-A')} {chain} {rule_text(rule, style)}"


def table_text(table: str, lines: Lines, style: Style, first: Words = ()) -> str:
    """Return a table of the text; ``first`` stands ahead of all else."""
    new = [f"{style.option('-N')} {chain}" for chain in lines.chains]
    if style.verbose:
        heading = ["", "# Custom Chains:", *new] if new else []
        text = [f"* {table}", *first, *heading, "", "# Rules:", *lines.rules, "", "COMMIT"]
    else:
        text = [f"* {table}", *first, *new, *lines.rules, "COMMIT"]
    return "\n".join(text) + "\n"


# --- one rule ---------------------------------------------------------------------------------


def rule_text(rule: Rule, style: Style) -> str:
    """Return an expanded rule without its chain; ``ValueError`` when it is not expanded."""
    words = [_comment_text(rule, style)] if style.comments and comment(rule) else []
    asked = [text for match in rule.matches for text in _match_texts(match, style)]
    many = f"{style.option('-m')} multiport "
    words += [text for text in asked if not text.startswith(many)]
    words += [text for text in asked if text.startswith(many)]
    words.append(f"{style.option('-j')} {_target_text(rule.target)}")
    return " ".join(words)


def _comment_text(rule: Rule, style: Style) -> str:
    told = (COMMENT_PREFIX + comment(rule)).encode()[:LONGEST_XT_COMMENT]
    return f"{style.option('-m')} comment --comment {quoted(told.decode(errors='ignore'))}"


def _word(text: str) -> str:
    """Return a word as it is where it needs no quotes."""
    bare = text.replace(":", "").replace("_", "").replace("-", "")
    return text if bare.isascii() and bare.isalnum() else quoted(text)


def quoted(text: str) -> str:
    """Return text in the quotes of iptables-restore; control characters become blanks."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    escaped = printable.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _match_texts(match: Match, style: Style) -> Iterator[str]:
    match match:
        case Not(SourcePort(ports) | DestinationPort(ports) as denied):
            for chunk in port_lists(ports):
                yield _text(type(denied)(chunk), style, "! ")
        case Not(denied):
            yield _text(denied, style, "! ")
        case _:
            yield _text(match, style)


def _text(match: Match, style: Style, bang: str = "") -> str:  # noqa: C901 - one arm a match
    """Return one match, negated where ``bang`` is the exclamation mark."""
    match match:
        case Protocol(proto):
            text = f"{bang}{style.option('-p')} {proto}"
        case Source(networks):
            text = f"{bang}{style.option('-s')} {networks[0]}"
        case Destination(networks):
            text = f"{bang}{style.option('-d')} {networks[0]}"
        case InInterface(interface):
            text = f"{bang}{style.option('-i')} {interface}"
        case OutInterface(interface):
            text = f"{bang}{style.option('-o')} {interface}"
        case SourcePort(ports):
            text = _ports_text("--sport", ports, style, bang)
        case DestinationPort(ports):
            text = _ports_text("--dport", ports, style, bang)
        case OwnerUid(ids):
            text = f"{style.option('-m')} owner {bang}--uid-owner {ids}"
        case OwnerGid(ids):
            text = f"{style.option('-m')} owner {bang}--gid-owner {ids}"
        case CtState(state):
            text = f"{style.option('-m')} conntrack {bang}--ctstate {state}"
        case FamilyIs() | Exclusions() | Not():
            message = f"not expanded: {match!r}"
            raise ValueError(message)
        case _:
            assert_never(match)
    return text


def _ports_text(option: str, ports: PortSet, style: Style, bang: str) -> str:
    told = ",".join(interval_text(interval, ":") for interval in ports)
    if len(ports.intervals) == 1:
        return f"{bang}{style.option(option)} {told}"
    return f"{style.option('-m')} multiport {bang}{style.option(option + 's')} {told}"


def _target_text(target: Target) -> str:
    match target:
        case Return():
            text = "RETURN"
        case Accept():
            text = "ACCEPT"
        case Drop():
            text = "DROP"
        case Jump(chain):
            text = chain
        case Redirect(port):
            text = f"REDIRECT --to-ports {port}"
        case CtZone(zone):
            text = f"CT --zone {zone}"
        case Log(prefix, level):
            text = f"LOG --log-prefix {_word(prefix)} --log-level {level}"
        case _:
            assert_never(target)
    return text
