"""Text for iptables-restore that takes ours away, alone or in exchange for new rules.

Only what is ours is named (``-D`` a rule, ``-F`` and ``-X`` a chain), always with ``--noflush``:
rules of other owners stay where they are **and keep their counters**, which they would lose
were a whole listing loaded again.  A rule is deleted by its own words, not by its number, so
that a rule somebody added since the listing was made is not hit by mistake; but where another
owner's rule in the same chain has the very same words (which takes one without comments), words
would hit the first of them, and the number decides.

``render_replacement`` is install over an older install: in each table the old rules go and the
new ones come in one transaction, so no packet meets a table that has neither.

A chain that the new rules have too is emptied and kept, not deleted and made again: less for the
kernel to do.

What surprised us: every command of the legacy flavour, ``-A`` included, sets the counters of a
chain's *policy* back to zero; those of rules survive.
"""

from __future__ import annotations

from kuma_net.netfilter.expand import expand
from kuma_net.netfilter.listing import text_of
from kuma_net.netfilter.restore_text import TABLE_ORDER, Lines, Style, lines_of, table_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.ruleset import Ruleset
    from kuma_net.netfilter.saved_text import Saved


def render_removal(saved: Saved) -> str:
    """Return the text that takes away all of ours that was found; empty where there is nothing.

    Tables go in the opposite order of installing: redirections before the zones they rely on.
    """
    named = dict.fromkeys([table for table, _ in saved.chains])
    named |= dict.fromkeys([rule.table for rule, _ in saved.hooked])
    order: list[str] = [table for table in reversed(TABLE_ORDER) if table in named]
    order += [table for table in named if table not in order]
    return "".join(table_text(table, Lines(), Style(), _deletions(saved, table)) for table in order)


def render_replacement(
    saved: Saved, ruleset: Ruleset, *, stamp: str = "", comments: bool = True
) -> str:
    """Return the text that puts ``ruleset`` in the place of all of ours that was found.

    The family is that of ``saved``; ``stamp`` and ``comments`` as for ``render_restore``, which
    gives the same text where nothing was found.
    """
    style = Style(comments=comments)
    one = expand(ruleset, saved.family)
    elsewhere = [table for table, _ in saved.chains] + [rule.table for rule, _ in saved.hooked]
    texts: list[str] = []
    for table in dict.fromkeys((*TABLE_ORDER, *elsewhere)):
        new = lines_of(one, table, style, stamp)
        there = {name for chain_table, name in saved.chains if chain_table == table}
        missing = tuple(name for name in new.chains if name not in there)
        deletions = _deletions(saved, table, keep=new.chains)
        if deletions or new.rules:
            texts.append(table_text(table, Lines(missing, new.rules), style, deletions))
    return "".join(texts)


def _deletions(saved: Saved, table: str, keep: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the lines that empty a table of ours; chains to ``keep`` are left, empty."""
    chains = [name for chain_table, name in saved.chains if chain_table == table]
    return (
        *_rule_deletions(saved, table),
        *[f"-F {name}" for name in chains],
        *[f"-X {name}" for name in chains if name not in keep],
    )


def _rule_deletions(saved: Saved, table: str) -> list[str]:
    hooked = [(rule, number) for rule, number in saved.hooked if rule.table == table]
    foreign = {rule.replace(handle=0) for rule in saved.foreign if rule.table == table}
    by_number: list[tuple[int, str]] = []
    by_words: list[str] = []
    for rule, number in hooked:
        if rule.replace(handle=0) in foreign:
            by_number.append((number, f"-D {rule.chain} {number}"))
        else:
            by_words.append(f"-D {rule.chain} {text_of(rule.words)}")
    # The highest first: a deletion moves the numbers behind it.
    return [line for _, line in sorted(by_number, reverse=True)] + by_words
