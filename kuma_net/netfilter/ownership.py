"""Whose is a rule that iptables lists: ours (kuma-net's or kumactl's), or another owner's.

Ours is

* every rule in a chain whose name begins with ``CHAIN_PREFIX``;
* every rule, in whatever chain, whose comment begins with ``COMMENT_PREFIX`` or that goes to
  such a chain: a jump left behind would keep the chain from being deleted;
* a rule of a hook chain of which a copy stands in a ``COPIES_PREFIX`` chain
  (``kuma_net.netfilter.restore_text`` makes them where comments are switched off);
* where kumactl was told to leave comments out, and so nothing of that is there, a rule of the
  shape that kumactl gives it: see ``_shaped``.  kumactl itself refuses to touch such rules; what it
  may share with a stranger's rule word for word (dropping invalid packets) is left alone.
"""

from __future__ import annotations

from kuma_net.netfilter.ruleset import CHAIN_PREFIX, COMMENT_PREFIX, HOOKS

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
    return _with_shapes(listing, owned) if _is_bare(listing) else tuple(owned)


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


def _is_bare(listing: Listing) -> bool:
    """Whether kumactl's chains are there without a single comment, and without our stamp."""
    chains = [name for _, name in listing.chains if is_own_chain(name)]
    if not chains or STAMP_CHAIN in chains:
        return False
    return not any(rule.comment.startswith(COMMENT_PREFIX) for rule in listing.rules)


def _with_shapes(listing: Listing, owned: list[bool]) -> tuple[bool, ...]:
    """Add the rules known by their shape; excluded networks only among other rules of ours."""
    shaped = [known or _shaped(rule) for rule, known in zip(listing.rules, owned, strict=True)]
    heads = dict.fromkeys(((rule.table, rule.chain) for rule in listing.rules), True)
    for at, rule in enumerate(listing.rules):
        place = (rule.table, rule.chain)
        if heads[place] and not shaped[at]:
            shaped[at] = place == ("nat", "OUTPUT") and _excludes_network(rule)
        heads[place] = heads[place] and shaped[at]
    return tuple(shaped)


def _shaped(rule: ListedRule) -> bool:
    """Whether kumactl writes rules like this one, into this chain, and hardly anybody else."""
    if rule.chain not in HOOKS or rule.comment:
        return False
    options = rule.options()
    if rule.table == "raw":
        udp = options.get("-p") == "udp"
        return rule.target == "CT" and udp and options.get("--zone") in {"1", "2"}
    if rule.table != "nat":
        return False
    if rule.target == "LOG":
        return options.get("--log-prefix") == f"{rule.chain}:"
    return _sent(rule.target, options) if rule.chain == "OUTPUT" else _arrived(rule.target, options)


def _sent(target: str, options: dict[str, str]) -> bool:
    """Whether this is DNS redirected, or ports of an owner left alone."""
    if target == "REDIRECT":
        return _is_dns(options)
    owned = "--uid-owner" in options or "!--uid-owner" in options
    ports = _is_dns(options) or "--dports" in options
    return owned and ports and target in {"RETURN", "DOCKER_OUTPUT"}


def _arrived(target: str, options: dict[str, str]) -> bool:
    """Whether this redirects what comes from a virtual network."""
    from_network = "-i" in options and (_is_dns(options) or "!-d" in options)
    return target == "REDIRECT" and from_network


def _is_dns(options: dict[str, str]) -> bool:
    return options.get("--dport") == "53" and options.get("-p") in {"udp", "tcp"}


def _excludes_network(rule: ListedRule) -> bool:
    return rule.target == "RETURN" and rule.options().keys() == {"-d", "-j"}
