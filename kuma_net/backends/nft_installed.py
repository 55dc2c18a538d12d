"""What of ours nf_tables holds, as the ruleset that it came from."""

from __future__ import annotations

from errno import ERESTART
from os import strerror

from kuma_net.backends.base import Installed, RuleCount, parse_stamp
from kuma_net.backends.nft_reading import read
from kuma_net.backends.nftables import generation_of_rules, ours
from kuma_net.errors import NetlinkError
from kuma_net.netfilter.raise_ import raise_tables
from kuma_net.netfilter.ruleset import Chain
from kuma_net.netlink.nftables import list_tables
from kuma_net.netlink.tables import decode_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.backends.nft_reading import Found
    from kuma_net.netfilter.raise_ import Raised
    from kuma_net.netlink.message import Kernel

ATTEMPTS = 50


def installed(kernel: Kernel) -> Installed | None:
    """Return what is installed at one moment; NetlinkError where changes never pause."""
    for _ in range(ATTEMPTS):
        generation = generation_of_rules(kernel)
        try:
            found = _found(kernel)
        except NetlinkError:
            if generation_of_rules(kernel) == generation:
                raise
            continue
        if generation_of_rules(kernel) == generation:
            return _installed(found) if found else None
    words = "to be read: other writers keep changing the rules"
    raise NetlinkError(ERESTART, strerror(ERESTART), words)


def _found(kernel: Kernel) -> Found | None:
    mine = ours([decode_table(message) for message in kernel.dump(list_tables())])
    return read(kernel, mine) if mine else None


def _installed(found: Found) -> Installed:
    raised = raise_tables(found.tables)
    return Installed(
        raised.ruleset,
        parse_stamp(raised.stamp),
        tuple(_counts(raised)),
        (*found.strange, *raised.strange),
    )


def _counts(raised: Raised) -> list[RuleCount]:
    counts: list[RuleCount] = []
    place, position = "", 0
    for (chain, _), (packets, octets) in zip(raised.ruleset.rules(), raised.counts, strict=True):
        name = chain.name if isinstance(chain, Chain) else f"{chain.table} {chain.hook}"
        place, position = name, position + 1 if name == place else 0
        counts.append(RuleCount(name, position, packets, octets))
    return counts
