"""The fake kernel: whole or not at all, and what it lists."""

from __future__ import annotations

from errno import ENOENT, ERESTART
from typing import TYPE_CHECKING

import pytest

from kuma_net.backends.fake_kernel import FakeKernel
from kuma_net.errors import NetlinkError
from kuma_net.netlink import nftables as nft
from kuma_net.netlink.tables import decode_generation

if TYPE_CHECKING:
    from collections.abc import Iterable

from lab.nft_requests import FULL, full, refusal


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
