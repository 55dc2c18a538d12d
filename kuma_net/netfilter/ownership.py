"""Whose is a rule that iptables lists: ours (kuma-net's or kumactl's), or another owner's.

Ours is

* every rule in a chain whose name begins with ``CHAIN_PREFIX``;
* every rule, in whatever chain, whose comment begins with ``COMMENT_PREFIX`` or that goes to
  such a chain: a jump left behind would keep the chain from being deleted;
* a rule of a hook chain of which a copy stands in a ``COPIES_PREFIX`` chain
  (``kuma_net.netfilter.restore_text`` makes them where comments are switched off);
* where kumactl was told to leave comments out, and so nothing of that is there, a rule of the
  shape that kumactl gives it (``kuma_net.netfilter.shapes``).
"""

from __future__ import annotations

from kuma_net.netfilter.ruleset import CHAIN_PREFIX, COMMENT_PREFIX
from kuma_net.netfilter.shapes import is_bare, shaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.listing import ListedRule, Listing

STAMP_CHAIN = f"{CHAIN_PREFIX}STAMP"
"""A chain of the nat table that no packet enters; its rule's comment is the stamp."""
COPIES_PREFIX = f"{STAMP_CHAIN}_"
"""Begins the names of chains no packet enters, which hold copies of our bare rules."""
COPIES_SUFFIXES = ("_1", "_2")
"""End them: copies of rules that stand ahead of other owners', and of those that stand behind."""


def is_own_chain(name: str) -> bool:
    """Whether a chain of that name is ours."""
    return name.startswith(CHAIN_PREFIX)


def is_note(name: str) -> bool:
    """Whether a chain of that name holds the stamp or copies, and no packet enters it."""
    return name == STAMP_CHAIN or name.startswith(COPIES_PREFIX)


def copies_chain(hook: str, *, behind: bool) -> str:
    """Return the name of the chain that holds the copies of a hook's rules."""
    return COPIES_PREFIX + hook + COPIES_SUFFIXES[behind]


def own_rules(listing: Listing) -> tuple[bool, ...]:
    """Return, for each rule of the listing, whether it is ours."""
    owned = [is_own_chain(rule.chain) or _speaks(rule) for rule in listing.rules]
    _claim_copied(listing, owned)
    by_shape = shaped(listing) if is_bare(listing) else frozenset()
    return tuple([known or at in by_shape for at, known in enumerate(owned)])


def _claim_copied(listing: Listing, owned: list[bool]) -> None:
    """Claim a rule for each copy: of equal ones the first, or the last for what stands behind."""
    copies: dict[tuple[str, str, tuple[str, ...]], int] = {}
    for rule in listing.rules:
        if rule.chain.startswith(COPIES_PREFIX):
            copy = (rule.table, rule.chain, rule.words)
            copies[copy] = copies.get(copy, 0) + 1
    if not copies:
        return
    places = range(len(listing.rules))
    for behind, order in ((False, places), (True, reversed(places))):
        for at in order:
            rule = listing.rules[at]
            copy = (rule.table, copies_chain(rule.chain, behind=behind), rule.words)
            if not owned[at] and copies.get(copy):
                copies[copy] -= 1
                owned[at] = True


def _speaks(rule: ListedRule) -> bool:
    return rule.comment.startswith(COMMENT_PREFIX) or is_own_chain(rule.target)
