"""What kernels lack, and what is done instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.backends.fake_kernel import FakeKernel
from kuma_net.backends.nft_fallbacks import lacking, probe
from kuma_net.backends.nftables import Nftables
from kuma_net.errors import NetlinkError
from kuma_net.netfilter.contract import restrict
from kuma_net.netfilter.digest import digest
from kuma_net.netfilter.matches import (
    Destination,
    FamilyIs,
)
from kuma_net.netfilter.nf_tables import (
    IPV6_ADDR,
    TABLE,
    Cmp,
    Features,
    Set,
)
from kuma_net.netfilter.nf_tables import Rule as NftRule
from kuma_net.netfilter.ruleset import Rule
from kuma_net.netfilter.targets import Log, Return
from kuma_net.netlink.message import Request, text
from kuma_net.netlink.nftables import (
    NEWCHAIN,
    NEWSET,
)
from kuma_net.values import BOTH_FAMILIES, Family, Network
from lab.nft_samples import STAMP, TCP, applied, ruleset

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("lacks", "note", "tables"),
    [
        (("inet_nat",), "two tables are used", [(2, TABLE), (10, TABLE)]),
        (("concat_intervals",), "no ranges in keys of several fields", [(1, TABLE)]),
        (("interval_sets", "concat_intervals"), "no ranges in sets", [(1, TABLE)]),
        (("table_userdata",), "", [(1, TABLE)]),
        (
            ("inet_nat", "concat_intervals", "table_userdata"),
            "two tables",
            [(2, TABLE), (10, TABLE)],
        ),
    ],
)
def test_what_is_missing_is_made_up_for(
    lacks: tuple[str, ...], note: str, tables: list[tuple[int, str]]
) -> None:
    kernel = FakeKernel(Features().replace(**dict.fromkeys(lacks, False)))
    done = applied(kernel)
    assert done.changed
    assert note in "\n".join(done.notes)
    assert list(kernel.tables) == tables
    found = Nftables(kernel).read()
    assert found is not None
    assert (found.ruleset, found.stamp, found.strange) == (ruleset(), STAMP, ())
    again = applied(kernel)
    assert (again.changed, again.families) == (False, BOTH_FAMILIES)
    assert applied(kernel, ruleset(15002)).changed


def test_without_ipv6_in_the_kernel_ipv4_is_installed_and_that_is_said_once() -> None:
    kernel = FakeKernel(Features(ipv6=False, inet_nat=False))
    done = applied(kernel)
    assert done.families == (Family.IPV4,)
    assert done.notes == ("IPv6 is left out: the kernel's nf_tables has no IPv6",)
    found = Nftables(kernel).read()
    assert found is not None
    only = restrict(ruleset(), (Family.IPV4,))
    assert (found.ruleset, found.stamp) == (only, STAMP.replace(rules=digest(only)))
    assert not applied(kernel).changed


def test_ipv6_alone_cannot_be_left_out() -> None:
    kernel = FakeKernel(Features(ipv6=False, inet_nat=False))
    with pytest.raises(NetlinkError, match="has no IPv6"):
        applied(kernel, restrict(ruleset(), (Family.IPV6,)))


class Picky(FakeKernel):
    """A kernel with everything, that refuses requests of one kind for a reason of its own."""

    def __init__(self, refused: Callable[[Request], bool]) -> None:
        """Take what is refused."""
        super().__init__()
        self.refused = refused

    def commit(self, requests: list[Request]) -> None:  # type: ignore[override]
        """See ``Kernel``."""
        for index, request in enumerate(requests):
            if self.refused(request):
                raise NetlinkError(12, "Cannot allocate memory", request.words(), index)
        super().commit(requests)


def of_ipv6(request: Request) -> bool:
    guard = Cmp("==", b"\x0a")
    return isinstance(request.subject, NftRule) and guard in request.subject.expressions


@pytest.mark.parametrize(
    "refused",
    [
        of_ipv6,
        lambda request: isinstance(request.subject, Set) and request.subject.key == (IPV6_ADDR,),
    ],
)
def test_an_object_of_ipv6_that_is_refused_leads_to_ipv4_alone(
    refused: Callable[[Request], bool],
) -> None:
    networks = tuple(map(Network.parse, ("::2", "::4")))
    more = Rule((Destination(networks), TCP), Return(), "v6")
    done = applied(Picky(refused), ruleset(15001, more))
    assert done.families == (Family.IPV4,)
    assert done.notes[0].startswith("IPv6 is left out: the kernel refused")
    assert len(done.notes) == 1


def test_a_chain_in_the_table_of_ipv6_that_is_refused_leads_to_ipv4_alone() -> None:
    ours = text(1, TABLE)
    kernel = Picky(
        lambda asked: asked.type == NEWCHAIN and asked.payload[0] == 10 and ours in asked.payload
    )
    kernel.features = Features(inet_nat=False)
    done = applied(kernel)
    assert done.families == (Family.IPV4,)
    assert len(done.notes) == 2


def test_another_refusal_names_the_rule_and_its_setting() -> None:
    kernel = FakeKernel(Features(redirect=False))
    told = 'rule "captured \\[redirect.outbound.port\\]" of chain KUMA_MESH_ONE.ipv4'
    with pytest.raises(NetlinkError, match=told):
        applied(kernel)
    assert kernel.tables == {}
    for less in (Features(zone=False), Features(owner=False)):
        with pytest.raises(NetlinkError, match="rule"):
            applied(FakeKernel(less))
    with pytest.raises(NetlinkError, match="log"):
        applied(FakeKernel(Features(log=False)), ruleset(1, Rule((), Log("x", 7), "log")))


def test_a_refused_set_names_itself() -> None:
    kernel = Picky(lambda request: request.type == NEWSET)
    with pytest.raises(NetlinkError, match="the kernel refused set exclude_for_uids_tcp"):
        applied(kernel)


@given(st.lists(st.sampled_from(Features.__match_args__), max_size=4))
def test_the_kernel_is_asked_for_each_feature_and_nothing_is_left(lacks: list[str]) -> None:
    features = Features().replace(**dict.fromkeys(lacks, False))
    kernel = FakeKernel(features)
    found = probe(kernel)
    assert found.table_userdata
    expected = features.replace(table_userdata=True)
    if not expected.ipv6:
        expected = expected.replace(inet_nat=False)
    if not expected.interval_sets:
        expected = expected.replace(concat_intervals=False)
    assert found == expected
    assert (kernel.tables, kernel.sent) == ({}, 0)


def test_a_rule_for_one_family_only_survives_two_tables() -> None:
    more = Rule((FamilyIs(Family.IPV6), TCP), Return(), "v6")
    kernel = FakeKernel(Features(inet_nat=False))
    applied(kernel, ruleset(15001, more))
    found = Nftables(kernel).read()
    assert found is not None
    assert found.ruleset == ruleset(15001, more)


@pytest.mark.parametrize(
    ("features", "missing"),
    [
        (Features(), ()),
        (Features(zone=False, log=False, interval_sets=False, inet_nat=False), ()),
        (Features(redirect=False), ("redirect (nft_redir)",)),
        (Features(owner=False), ("the owner of a socket (nft_meta)",)),
    ],
)
def test_what_there_is_no_capturing_without_is_asked_at_once(
    features: Features, missing: tuple[str, ...]
) -> None:
    kernel = FakeKernel(features)
    assert lacking(kernel) == missing
    assert kernel.tables == {}
