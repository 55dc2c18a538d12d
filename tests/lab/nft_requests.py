"""Tables and requests for tests of the fake kernel itself."""

from __future__ import annotations

import pytest

from kuma_net.backends.fake_kernel import FakeKernel
from kuma_net.errors import NetlinkError
from kuma_net.netfilter.nf_tables import (
    NF_PROTO,
    UID,
    Chain,
    Features,
    Lookup,
    Map,
    Meta,
    Rule,
    Set,
    Table,
    Verdict,
    VerdictMap,
)
from kuma_net.netlink import nftables as nft
from kuma_net.netlink.message import Request, text

UIDS = Set("uids", (UID,), interval=False, elements=((bytes(4), bytes(4)),))
WAYS = Map("ways", NF_PROTO, ((b"\x02", Verdict("jump", "two")),))
LOOK = Rule((Meta("skuid"), Lookup("uids"), Verdict("jump", "two")), "look")
FULL = Table("inet", "t", "", (UIDS,), (WAYS,), (Chain("one", None, (LOOK,)), Chain("two", None)))


def about(*parts: bytes) -> bytes:
    """Return the payload of a request about table ``t``."""
    return nft.header("inet") + text(1, "t") + b"".join(parts)


def refusal(kernel: FakeKernel, *requests: Request) -> int:
    """Return the errno with which a transaction is refused."""
    with pytest.raises(NetlinkError) as refused:
        kernel.commit(nft.batch(requests))
    return refused.value.errno


def full(features: Features | None = None) -> FakeKernel:
    """Return a kernel that holds the table ``FULL``."""
    kernel = FakeKernel(features)
    kernel.commit(nft.batch(nft.add_table(FULL)))
    return kernel


def rule(*expressions: Lookup | Verdict | VerdictMap, chain: str = "one") -> Request:
    """Return the request that adds a rule."""
    encoded = nft.encode_rule(Rule(expressions), {})
    return Request(nft.NEWRULE, 0, about(text(2, chain)) + encoded)
