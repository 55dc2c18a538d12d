"""Objects of others in our tables, as the backend reads them."""

from __future__ import annotations

import pytest

from kuma_net.backends.fake_kernel import FakeKernel
from kuma_net.backends.nftables import Nftables
from kuma_net.netfilter.nf_tables import (
    TABLE,
    UID,
    Features,
    Set,
    Table,
    Verdict,
)
from kuma_net.netfilter.nf_tables import Chain as NftChain
from kuma_net.netfilter.nf_tables import Rule as NftRule
from kuma_net.netlink.message import nested, text
from kuma_net.netlink.nftables import (
    add_table,
    batch,
)
from lab.nft_samples import applied, ruleset


@pytest.mark.parametrize("feature", ["inet_nat", "table_userdata"])
def test_a_set_or_chain_of_another_kind_makes_the_table_be_made_anew(feature: str) -> None:
    kernel = FakeKernel(Features().replace(**{feature: False}))
    applied(kernel)
    family = 1 if feature == "table_userdata" else 2
    table = kernel.tables[family, TABLE]
    table.sets["theirs"] = {1: b"kuma_net\0", 2: b"theirs\0", 3: b"\0\0\0\0", 4: b"\0\0\0\x29"}
    table.elements["theirs"] = []
    found = Nftables(kernel).read()
    assert found is not None
    assert found.strange == ("set theirs with keys of another type",)
    assert applied(kernel).changed
    assert "theirs" not in kernel.tables[family, TABLE].sets


def test_a_chain_of_another_kind_and_a_sleeping_table_are_told() -> None:
    kernel = FakeKernel()
    applied(kernel)
    table = kernel.tables[1, TABLE]
    table.about[2] = b"\0\0\0\x01"
    table.chains["nat_output"] = table.chains["nat_output"] | {5: b"\0\0\0\0"}
    found = Nftables(kernel).read()
    assert found is not None
    assert found.strange[:2] == (
        "the table is dormant: its rules are not in force",
        "chain nat_output with another policy than accept",
    )


def test_a_rule_with_an_expression_of_others_is_told() -> None:
    kernel = FakeKernel()
    applied(kernel)
    limit = nested(1, text(1, "limit"), nested(2))
    kernel.tables[1, TABLE].rules.append({1: b"kuma_net\0", 2: b"nat_output\0", 4: limit})
    found = Nftables(kernel).read()
    assert found is not None
    assert found.strange[0] == "a rule of chain nat_output: expression limit"


def test_tables_of_others_in_the_same_family_are_passed_over() -> None:
    kernel = FakeKernel()
    chain = NftChain("nat_output", None, (NftRule((Verdict("accept"),), "theirs"),))
    sets = (Set("theirs", (UID,), interval=False, elements=()),)
    kernel.commit(batch(add_table(Table("inet", "other", "", sets, (), (chain,)))))
    applied(kernel)
    found = Nftables(kernel).read()
    assert found is not None
    assert (found.ruleset, found.strange) == (ruleset(), ())
