"""Rules of an install without comments, known by their shape.

kumactl's ``--disable-comments`` leaves rules in the kernel's own chains that bear no mark at all,
and kumactl itself then refuses to touch them.  Each of these rules by itself could be anybody's.
What helps is order: they were inserted at one go, in the order of the numbers below, so they
stand side by side.  A *strong* shape is one that hardly anybody else writes: the sidecar's own DNS
(its user id stands in our chains), ports of users by ``multiport``, our log prefix, a conntrack
zone for DNS.  A *weak* one (``-d NET -j RETURN``) counts only directly before a strong one.  A
weak one that nothing follows stays where it is and is told: to take away somebody else's rule
would be worse than to leave one of ours, which without our chains does next to nothing.
"""

from __future__ import annotations

from kuma_net.netfilter.ruleset import CHAIN_PREFIX, COMMENT_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from kuma_net.netfilter.listing import ListedRule, Listing

    Numbered: TypeAlias = list[tuple[int, ListedRule]]
    Options: TypeAlias = dict[str, str]

STAMP = f"{CHAIN_PREFIX}STAMP"
DNS = "53"
ZONES = frozenset({"1", "2"})
LOG_KEYS = frozenset({"-j", "--log-prefix", "--log-level"})
ZONE_KEYS = frozenset({"-p", "--dport", "--sport", "--uid-owner", "-d", "-s", "-j", "--zone"})

LOG, INTERFACE, OWNER, NETWORK, UDP_SIDECAR, UDP_CAPTURED = range(6)
TCP_SIDECAR, TCP_CAPTURED, TCP_BYPASS = range(6, 9)
"""The order in which an install writes its rules into nat OUTPUT."""
WEAK = {"-o": INTERFACE, "-d": NETWORK}
STRONG = frozenset({LOG, UDP_SIDECAR, TCP_BYPASS})
STRONG_BEHIND = {
    UDP_CAPTURED: frozenset({UDP_SIDECAR, UDP_CAPTURED}),
    TCP_SIDECAR: frozenset({UDP_CAPTURED}),
    TCP_CAPTURED: frozenset({TCP_SIDECAR, TCP_CAPTURED}),
}
"""Strong directly behind one of these only."""


def is_bare(listing: Listing) -> bool:
    """Whether chains of kumactl are there without a single comment, and without our stamp."""
    chains = [name for _, name in listing.chains if name.startswith(CHAIN_PREFIX)]
    if not chains or STAMP in chains:
        return False
    return not any(rule.comment.startswith(COMMENT_PREFIX) for rule in listing.rules)


def shaped(listing: Listing) -> frozenset[int]:
    """Return which rules of a bare listing (counted from 0) have the shapes of an install."""
    shapes = _Shapes(listing)
    return frozenset(
        [
            *shapes.sent(_rules(listing, "nat", "OUTPUT")),
            *shapes.arrived(_rules(listing, "nat", "PREROUTING")),
            *_zones(_rules(listing, "raw", "PREROUTING")),
            *_zones(_rules(listing, "raw", "OUTPUT")),
        ]
    )


def doubtful(listing: Listing) -> tuple[ListedRule, ...]:
    """Return the rules of a bare listing that may be of an install, and are not ``shaped``."""
    shapes = _Shapes(listing)
    known = shaped(listing)
    found: list[ListedRule] = []
    for index, rule in _rules(listing, "nat", "OUTPUT"):
        if shapes.place(rule) < 0:
            break
        if index not in known:
            found.append(rule)
    for _, rule in _rules(listing, "mangle", "PREROUTING"):
        if rule.options() == {"--ctstate": "INVALID", "-j": "DROP"}:
            found.append(rule)
    return tuple(found)


def _rules(listing: Listing, table: str, chain: str) -> Numbered:
    return [
        (index, rule)
        for index, rule in enumerate(listing.rules)
        if (rule.table, rule.chain) == (table, chain)
    ]


class _Shapes:
    """The shapes of one install; its chains, where no doubt is, tell the sidecar's user."""

    def __init__(self, listing: Listing) -> None:
        self._uids: set[str] = set()
        self._ports: set[str] = set()
        for rule in listing.rules:
            if rule.table == "nat" and rule.chain.startswith(CHAIN_PREFIX):
                options = rule.options()
                if options.keys() == {"--uid-owner", "-j"}:
                    self._uids.add(options["--uid-owner"])
                if options.get("-j") == "REDIRECT":
                    self._ports.add(options.get("--to-ports", ""))

    def sent(self, rules: Numbered) -> Iterator[int]:
        """Yield neighbours in the order of an install, up to the last strong one of each run."""
        run: list[int] = []
        before = -1
        for index, rule in rules:
            place = self.place(rule)
            if place < before:
                run = []
            if place >= 0:
                run.append(index)
            if _is_strong(place, before, rule):
                yield from run
                run = []
            before = place

    def place(self, rule: ListedRule) -> int:
        """Return the place of a rule of nat OUTPUT in the order of an install, -1 for none."""
        options = rule.options()
        keys = options.keys() - {"-j"}
        target = options.get("-j", "")
        if target == "LOG":
            return LOG if _is_log(options, "OUTPUT:") else -1
        if target == "RETURN" and len(keys) == 1:
            return WEAK.get(min(keys), -1)
        place = self._dns_place(options, keys, target)
        if place >= 0:
            return place
        owner = keys & {"--uid-owner", "--gid-owner"}
        exempt = target == "RETURN" and len(owner) == 1 and "-p" in keys
        return OWNER if exempt and keys - owner <= {"-p", "--dport", "--dports"} else -1

    def _dns_place(self, options: Options, keys: set[str], target: str) -> int:
        if options.get("--dport") != DNS:
            return -1
        tcp = options.get("-p") == "tcp"
        plain = keys - {"-d", "--to-ports"}
        if target == "REDIRECT" and plain == {"-p", "--dport"}:
            return TCP_CAPTURED if tcp else UDP_CAPTURED
        if tcp and target == "RETURN" and keys == {"-p", "--dport", "!--uid-owner"}:
            return TCP_BYPASS if self._is_sidecar(options["!--uid-owner"]) else -1
        own = keys == {"-p", "--dport", "--uid-owner"} and self._is_sidecar(options["--uid-owner"])
        if own and target in {"RETURN", "DOCKER_OUTPUT"}:
            return TCP_SIDECAR if tcp else UDP_SIDECAR
        return -1

    def _is_sidecar(self, uid: str) -> bool:
        return uid in self._uids or not self._uids

    def arrived(self, rules: Numbered) -> Iterator[int]:
        """Yield our log rule, and virtual networks' rules directly before the jump to INBOUND."""
        run: list[int] = []
        for index, rule in rules:
            options = rule.options()
            if _is_log(options, "PREROUTING:"):
                yield index
            elif self._is_virtual(options):
                run.append(index)
            else:
                if rule.target.startswith(CHAIN_PREFIX):
                    yield from run
                run = []

    def _is_virtual(self, options: Options) -> bool:
        keys = options.keys()
        if options.get("-j") != "REDIRECT":
            return False
        if keys == {"-i", "-p", "--dport", "-j", "--to-ports"}:
            return options["--dport"] == DNS
        captured = keys == {"-i", "!-d", "-p", "-j", "--to-ports"}
        return captured and options["--to-ports"] in self._ports


def _is_strong(place: int, before: int, rule: ListedRule) -> bool:
    """Whether nobody else writes this; ``multiport`` even for one port is kumactl's way."""
    if place == OWNER:
        return "multiport" in rule.words
    return place in STRONG or before in STRONG_BEHIND.get(place, ())


def _is_log(options: Options, prefix: str) -> bool:
    ours = options.get("-j") == "LOG" and options.get("--log-prefix") == prefix
    return ours and options.keys() <= LOG_KEYS


def _zones(rules: Numbered) -> Iterator[int]:
    """Yield the rules that split DNS into zones, and interfaces left out directly before them."""
    run: list[int] = []
    for index, rule in rules:
        options = rule.options()
        if options.get("-j") == "RETURN" and options.keys() in ({"-i", "-j"}, {"-o", "-j"}):
            run.append(index)
            continue
        ours = (options.get("-j"), options.get("-p")) == ("CT", "udp")
        if ours and options.get("--zone") in ZONES and options.keys() <= ZONE_KEYS:
            yield from run
            yield index
        run = []
