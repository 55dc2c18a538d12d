"""A transaction in the fake kernel is held to the order that the real one asks for."""

from __future__ import annotations

from errno import EBUSY, EEXIST, EINVAL, ENOENT, EPERM

import pytest

from kuma_net.backends.fake_kernel import FakeKernel
from kuma_net.netfilter.nf_tables import (
    Features,
    Lookup,
    Verdict,
    VerdictMap,
)
from kuma_net.netlink import nftables as nft
from kuma_net.netlink.message import Request, number, text
from lab.nft_requests import FULL, WAYS, about, full, refusal, rule


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
