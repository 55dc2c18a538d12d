"""The fake kernel: atomic, and as unforgiving as the real one."""

from __future__ import annotations

from errno import EBUSY, EEXIST, EINVAL, ENOENT, EPERM, ERESTART
from typing import TYPE_CHECKING

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
from kuma_net.netlink.message import Request, number, text
from kuma_net.netlink.tables import decode_generation

if TYPE_CHECKING:
    from collections.abc import Iterable

UIDS = Set("uids", (UID,), interval=False, elements=((bytes(4), bytes(4)),))
WAYS = Map("ways", NF_PROTO, ((b"\x02", Verdict("jump", "two")),))
LOOK = Rule((Meta("skuid"), Lookup("uids"), Verdict("jump", "two")), "look")
FULL = Table("inet", "t", "", (UIDS,), (WAYS,), (Chain("one", None, (LOOK,)), Chain("two", None)))


def about(*parts: bytes) -> bytes:
    return nft.header("inet") + text(1, "t") + b"".join(parts)


def refusal(kernel: FakeKernel, *requests: Request) -> int:
    with pytest.raises(NetlinkError) as refused:
        kernel.commit(nft.batch(requests))
    return refused.value.errno


def full(features: Features | None = None) -> FakeKernel:
    kernel = FakeKernel(features)
    kernel.commit(nft.batch(nft.add_table(FULL)))
    return kernel


def rule(*expressions: Lookup | Verdict | VerdictMap, chain: str = "one") -> Request:
    encoded = nft.encode_rule(Rule(expressions), {})
    return Request(nft.NEWRULE, 0, about(text(2, chain)) + encoded)


def test_a_transaction_is_done_whole_or_not_at_all() -> None:
    kernel = full()
    before = dict(kernel.tables)
    assert refusal(kernel, nft.make_table("ip", "new"), nft.delete_table("ip", "gone")) == ENOENT
    assert kernel.tables == before


def test_a_transaction_without_an_end_is_only_looked_at() -> None:
    kernel = FakeKernel()
    kernel.commit(nft.batch([nft.make_table("ip", "new")])[:-1])
    assert (kernel.tables, kernel.generation, kernel.sent) == ({}, 1, 0)


def test_a_transaction_of_another_generation_is_refused() -> None:
    kernel = full()
    assert decode_generation(kernel.dump(nft.get_generation())[0]) == 2
    with pytest.raises(NetlinkError) as refused:
        kernel.commit(nft.batch([nft.make_table("ip", "new")], 1))
    assert (refused.value.errno, refused.value.message_index) == (ERESTART, 0)
    kernel.commit(nft.batch([nft.make_table("ip", "new")], 2))


@pytest.mark.parametrize(
    ("requests", "errno"),
    [
        ([next(nft.add_table(FULL))], EEXIST),
        ([nft.delete_table("ip", "t")], ENOENT),
        ([Request(nft.NEWCHAIN, 0, about(text(3, "one")))], EEXIST),
        ([Request(nft.DELCHAIN, 0, about(text(3, "gone")))], ENOENT),
        ([Request(nft.DELCHAIN, 0, about(text(3, "one")))], EBUSY),
        ([Request(nft.DELCHAIN, 0, about(text(3, "two")))], EBUSY),
        ([Request(nft.NEWSET, 0, about(text(2, "uids"), number(3, 0)))], EEXIST),
        ([Request(nft.DELSET, 0, about(text(2, "gone")))], ENOENT),
        ([Request(nft.DELSET, 0, about(text(2, "uids")))], EBUSY),
        ([Request(nft.NEWSETELEM, 0, about(text(2, "gone")))], ENOENT),
        ([rule(Verdict("accept"), chain="gone")], ENOENT),
        ([rule(Verdict("jump", "gone"))], ENOENT),
        ([rule(Lookup("gone"))], ENOENT),
        ([rule(VerdictMap("gone"))], ENOENT),
        ([Request(nft.DELRULE, 0, about(text(2, "gone")))], ENOENT),
    ],
)
def test_what_the_real_kernel_refuses_is_refused(requests: list[Request], errno: int) -> None:
    assert refusal(full(), *requests) == errno


def test_elements_of_a_map_lead_to_chains_that_exist() -> None:
    stray = FULL.replace(chains=(), maps=(WAYS,), sets=())
    assert refusal(FakeKernel(), *nft.add_table(stray)) == ENOENT


def test_everything_goes_in_the_order_in_which_it_is_free() -> None:
    kernel = full()
    kernel.commit(
        nft.batch(
            [
                Request(nft.DELRULE, 0, about()),
                Request(nft.DELSET, 0, about(text(2, "uids"))),
                Request(nft.DELSET, 0, about(text(2, "ways"))),
                Request(nft.DELCHAIN, 0, about(text(3, "two"))),
                Request(nft.DELCHAIN, 0, about(text(3, "one"))),
            ]
        )
    )
    kept = kernel.tables[1, "t"]
    assert (kept.rules, kept.sets, kept.chains) == ([], {}, {})


def handles(kernel: FakeKernel) -> int:
    return len(kernel.dump(nft.list_rules("inet", "t")))


def test_rules_go_by_chain_or_by_handle() -> None:
    kernel = full()
    kernel.commit(nft.batch([rule(Verdict("accept")), rule(Verdict("drop"), chain="two")]))
    assert handles(kernel) == 3
    first = (1).to_bytes(8, "big")
    by_handle = about(text(2, "one")) + b"\x0c\0\x03\0" + first
    kernel.commit(nft.batch([Request(nft.DELRULE, 0, by_handle)]))
    assert handles(kernel) == 2
    kernel.commit(nft.batch([Request(nft.DELRULE, 0, about(text(2, "one")))]))
    assert handles(kernel) == 1


def test_a_table_that_somebody_owns_cannot_be_deleted() -> None:
    kernel = FakeKernel()
    owned = nft.make_table("ip", "x", nft.OWNER_FLAG)
    kernel.commit(nft.batch([owned]))
    assert refusal(kernel, nft.delete_table("ip", "x")) == EPERM
    assert refusal(FakeKernel(Features(owner_table=False)), owned) == EINVAL


def test_a_table_that_is_there_may_be_made_once_more() -> None:
    kernel = full()
    kernel.commit(nft.batch([nft.make_table("inet", "t")]))
    assert handles(kernel) == 1


def names(messages: Iterable[object]) -> int:
    return len(list(messages))


def test_listings_are_of_a_family_and_a_table() -> None:
    kernel = full()
    kernel.commit(nft.batch(nft.add_table(FULL.replace(family="ip"))))
    assert names(kernel.dump(nft.list_tables())) == 2
    assert names(kernel.dump(nft.list_chains("ip"))) == 2
    assert names(kernel.dump(nft.list_sets("ip", "t"))) == 2
    assert names(kernel.dump(nft.list_sets("ip", "other"))) == 0
    assert names(kernel.dump(nft.list_elements("ip", "t", "uids"))) == 1
    assert names(kernel.dump(nft.get_table("ip", "t"))) == 1
    with pytest.raises(NetlinkError, match="a question for table gone"):
        kernel.dump(nft.get_table("ip", "gone"))
