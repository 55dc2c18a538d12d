"""What a refusal means, in words that help."""

from __future__ import annotations

from errno import EINVAL, ENOENT
from struct import pack

import pytest

from kuma_net.netfilter.nf_tables import Chain, Counter, CtZone, Hook, Immediate, Redir, Rule, Table
from kuma_net.netlink.message import Answer, encode
from kuma_net.netlink.nftables import NEWCHAIN, NEWRULE, NEWTABLE, add_table
from kuma_net.netlink.refusal import explain, expression_at

RULE = Rule((Counter(), Immediate(b"\x3a\x99"), Redir()), "why")
TABLE = Table("inet", "kuma_net", "", (), (), (Chain("c", Hook("nat", "output", 0), (RULE,)),))


def request(kind: int, table: Table = TABLE) -> bytes:
    return next(encode(asked, 1) for asked in add_table(table) if asked.type == kind)


def offset_of(data: bytes, name: bytes) -> int:
    """Return where the name of an expression stands, as the kernel would say it."""
    return data.index(name + b"\0") - 4


def test_the_expression_and_its_module_are_named() -> None:
    data = request(NEWRULE)
    told = explain(data, Answer(1, ENOENT, "", offset_of(data, b"redir")))
    assert told == "at its expression redir; the kernel needs nft_redir and nft_chain_nat"


def test_the_kernels_own_sentence_comes_first() -> None:
    data = request(NEWRULE)
    told = explain(data, Answer(1, EINVAL, "too much", offset_of(data, b"redir")))
    assert told == "too much; at its expression redir"


def test_an_expression_without_a_module_of_its_own_is_only_named() -> None:
    data = request(NEWRULE)
    told = explain(data, Answer(1, ENOENT, "", offset_of(data, b"counter")))
    assert told == "at its expression counter"


def test_an_older_kernel_says_no_offset() -> None:
    assert explain(request(NEWRULE), Answer(1, ENOENT)) == ""


def test_zones_need_a_switch_of_the_kernel() -> None:
    rule = Rule((Immediate(b"\1\0"), CtZone()), "why")
    data = request(NEWRULE, TABLE.replace(chains=(Chain("c", None, (rule,)),)))
    told = explain(data, Answer(1, ENOENT, "", offset_of(data, b"ct")))
    assert "CONFIG_NF_CONNTRACK_ZONES" in told


def test_a_type_of_chain_may_be_missing() -> None:
    assert "nft_chain_nat" in explain(request(NEWCHAIN), Answer(1, ENOENT))
    assert explain(request(NEWCHAIN), Answer(1, EINVAL)) == ""


def test_other_requests_are_not_explained() -> None:
    assert explain(request(NEWTABLE), Answer(1, ENOENT, "no")) == "no"


@pytest.mark.parametrize("offset", [0, 20, 100000])
def test_an_offset_outside_the_expressions_names_none(offset: int) -> None:
    assert expression_at(request(NEWRULE), offset) == ""


def test_an_offset_between_expressions_names_none() -> None:
    data = request(NEWRULE)
    broken = data[:20] + pack("=HH", 2, 1) + data[24:]
    assert expression_at(broken, 60) == ""
    last = offset_of(data, b"redir")
    assert expression_at(data, last) == "redir"
