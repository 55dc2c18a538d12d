"""The nftables backend with the shipped fake kernel: what is sent, when, and what instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuma_net.backends.base import Applied, RuleCount, Stamp
from kuma_net.backends.fake_kernel import FakeKernel
from kuma_net.backends.nft_fallbacks import probe
from kuma_net.backends.nftables import ATTEMPTS, Nftables
from kuma_net.errors import NetlinkError, NoBackend, PermissionDenied
from kuma_net.netfilter.contract import canonical, restrict
from kuma_net.netfilter.digest import digest
from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    FamilyIs,
    OwnerUid,
    Protocol,
    exclusions,
)
from kuma_net.netfilter.nf_tables import (
    IPV6_ADDR,
    TABLE,
    UID,
    Cmp,
    Features,
    Hook,
    Set,
    Table,
    Verdict,
)
from kuma_net.netfilter.nf_tables import Chain as NftChain
from kuma_net.netfilter.nf_tables import Rule as NftRule
from kuma_net.netfilter.ruleset import Chain, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import CtZone, Jump, Log, Redirect, Return
from kuma_net.netlink.message import Message, Request, nested, text
from kuma_net.netlink.nftables import (
    GETRULE,
    NEWCHAIN,
    NEWSET,
    add_table,
    batch,
    make_table,
)
from kuma_net.values import BOTH_FAMILIES, Family, IdSet, L4Proto, Network, PortSet
from lab.rulesets import rulesets

if TYPE_CHECKING:
    from collections.abc import Callable

ONE = "KUMA_MESH_ONE"
TCP = Protocol(L4Proto.TCP)
LOCALHOST = tuple(map(Network.parse, ("127.0.0.1", "::1")))
NETWORKS = tuple(map(Network.parse, ("10.0.0.0/8", "192.168.0.0/16", "fd00::/8")))
STAMP = Stamp("1.0", "c0ffee", "beef")
FOREIGN = Table(
    "ip",
    "nat",
    "",
    (),
    (),
    (NftChain("OUTPUT", Hook("nat", "output", -100), (NftRule((Verdict("accept"),)),)),),
)


def ruleset(port: int = 15001, *more: Rule) -> Ruleset:
    """Return a ruleset with something of everything."""
    boxes = [(6, 1, 1, 80, 80), (6, 5, 9, 443, 445), (17, 7, 7, 0, 65535)]
    hooks = (
        HookChain("raw", "OUTPUT", (Rule((TCP,), CtZone(1), "zone", "redirect.dns"),)),
        HookChain(
            "nat",
            "OUTPUT",
            (
                *more,
                Rule((exclusions("uid", boxes),), Return(), "users", "redirect.excludeForUIDs"),
                Rule((Destination(NETWORKS),), Return(), "networks", "redirect.excludeIPs"),
                Rule((TCP,), Jump(ONE), "in"),
            ),
        ),
    )
    chain = (
        Rule((TCP, DestinationPort(PortSet.of(22, (80, 90)))), Return(), "ports"),
        Rule((Destination(LOCALHOST),), Return(), "local"),
        Rule((TCP, OwnerUid(IdSet.of(5678))), Return(), "sidecar"),
        Rule((TCP,), Redirect(port), "captured", "redirect.outbound.port"),
    )
    return canonical(Ruleset(BOTH_FAMILIES, hooks, (Chain("nat", ONE, chain),)))


def applied(kernel: FakeKernel, wanted: Ruleset | None = None, stamp: Stamp = STAMP) -> Applied:
    return Nftables(kernel).apply(wanted or ruleset(), stamp)


def commit(kernel: FakeKernel, *requests: Request) -> Callable[[], None]:
    """Return what another writer does."""
    return lambda: kernel.commit(batch(requests))


def test_nothing_is_installed_at_first() -> None:
    assert Nftables(FakeKernel()).read() is None


def test_what_is_applied_is_read_back() -> None:
    kernel = FakeKernel()
    assert applied(kernel) == Applied(changed=True, families=BOTH_FAMILIES)
    found = Nftables(kernel).read()
    assert found is not None
    assert (found.ruleset, found.stamp, found.strange) == (ruleset(), STAMP, ())
    assert found.counts[:2] == (
        RuleCount("raw OUTPUT", 0, 0, 0),
        RuleCount("nat OUTPUT", 0, 0, 0),
    )
    assert found.counts[-1] == RuleCount(ONE, 3, 0, 0)


@settings(max_examples=25)
@given(rulesets(), rulesets())
def test_any_ruleset_is_read_back_also_in_the_place_of_another(
    first: Ruleset, second: Ruleset
) -> None:
    kernel = FakeKernel()
    for asked in (first, second):
        hooks = tuple(HookChain(h.table, h.hook, h.rules) for h in asked.hooks)
        wanted = canonical(asked.replace(hooks=hooks))
        applied(kernel, wanted)
        found = Nftables(kernel).read()
        assert found is not None
        assert (found.ruleset, found.strange) == (wanted, ())
        sent = kernel.sent
        assert not applied(kernel, wanted).changed
        assert kernel.sent == sent


def test_a_second_install_sends_nothing() -> None:
    kernel = FakeKernel()
    applied(kernel)
    assert applied(kernel) == Applied(changed=False, families=BOTH_FAMILIES)
    assert kernel.sent == 1


def test_a_changed_ruleset_is_exchanged_in_place() -> None:
    kernel = FakeKernel()
    applied(kernel)
    kept = kernel.tables[1, TABLE].about
    newer = Stamp("1.1", "c0ffee", "beef")
    assert applied(kernel, ruleset(15002), newer).changed
    assert kernel.tables[1, TABLE].about == kept
    found = Nftables(kernel).read()
    assert found is not None
    assert (found.ruleset, found.stamp, found.strange) == (ruleset(15002), newer, ())
    assert kernel.sent == 2


def test_another_stamp_is_a_change_and_the_old_one_comes_back_from_the_table() -> None:
    kernel = FakeKernel()
    applied(kernel)
    assert applied(kernel, stamp=Stamp("1.1", "x", "y")).changed
    assert "stamp" in kernel.tables[1, TABLE].chains
    assert applied(kernel).changed
    assert "stamp" not in kernel.tables[1, TABLE].chains
    assert not applied(kernel).changed


def test_a_rule_that_somebody_added_is_found_and_swept_away() -> None:
    kernel = FakeKernel()
    applied(kernel)
    chain = NftChain(f"{ONE}.ipv4", None, (NftRule((Verdict("accept"),), "mine"),))
    *_, rule = add_table(Table("inet", TABLE, "", (), (), (chain,)))
    kernel.commit(batch([rule]))
    found = Nftables(kernel).read()
    assert found is not None
    assert found.strange == (f'rule "mine" of chain {ONE}.ipv4: none of ours',)
    assert applied(kernel).changed
    found = Nftables(kernel).read()
    assert found is not None
    assert found.strange == ()


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


def test_removing_leaves_what_others_have() -> None:
    kernel = FakeKernel()
    kernel.commit(batch(add_table(FOREIGN)))
    applied(kernel)
    assert Nftables(kernel).remove() == Applied(changed=True)
    assert list(kernel.tables) == [(2, "nat")]
    assert Nftables(kernel).remove() == Applied(changed=False)


def test_a_table_for_one_family_gives_way_to_one_for_both() -> None:
    kernel = FakeKernel()
    only = restrict(ruleset(), (Family.IPV4,))
    assert applied(kernel, only).families == (Family.IPV4,)
    assert list(kernel.tables) == [(2, TABLE)]
    assert applied(kernel).changed
    assert list(kernel.tables) == [(1, TABLE)]
    assert applied(kernel, only).changed
    assert list(kernel.tables) == [(2, TABLE)]


@pytest.mark.parametrize("others", [1, 3])
def test_a_writer_in_between_makes_everything_begin_anew(others: int) -> None:
    kernel = FakeKernel()
    kernel.others = [commit(kernel, make_table("ip", f"x{number}")) for number in range(others)]
    assert applied(kernel).changed
    assert kernel.sent == 2 * others + 1
    found = Nftables(kernel).read()
    assert found is not None
    assert found.ruleset == ruleset()


def test_writers_without_end_do_not_keep_a_table_from_being_replaced() -> None:
    kernel = FakeKernel()
    applied(kernel)
    applied(kernel, restrict(ruleset(), (Family.IPV4,)))
    kernel.others = [
        commit(kernel, make_table("ip", f"x{number}")) for number in range(ATTEMPTS + 1)
    ]
    assert applied(kernel, ruleset(15002)).changed
    found = Nftables(kernel).read()
    assert found is not None
    assert (found.ruleset, list(kernel.tables)[-1]) == (ruleset(15002), (1, TABLE))


def test_our_table_appearing_meanwhile_is_replaced() -> None:
    kernel = FakeKernel()

    def faster() -> None:
        Nftables(kernel).apply(ruleset(15002), STAMP)

    kernel.others = [faster]
    assert applied(kernel).changed
    found = Nftables(kernel).read()
    assert found is not None
    assert found.ruleset == ruleset()


class Restless(FakeKernel):
    """A kernel whose rules change under the reader, so many times."""

    def __init__(self, times: int, *, vanish: bool = False) -> None:
        """Take how often, and whether what is read is gone then."""
        super().__init__()
        self.times = times
        self.vanish = vanish

    def dump(self, request: Request) -> list[Message]:
        """See ``Kernel``."""
        found = super().dump(request)
        if request.type == GETRULE and self.times > 0:
            self.times -= 1
            self.generation += 1
            if self.vanish:
                raise NetlinkError(2, "No such file or directory", request.words(), 0)
        return found


@pytest.mark.parametrize("vanish", [False, True])
def test_what_is_read_is_of_one_moment(vanish: bool) -> None:
    kernel = Restless(0, vanish=vanish)
    applied(kernel)
    kernel.times = 3
    found = Nftables(kernel).read()
    assert found is not None
    assert (found.ruleset, kernel.times) == (ruleset(), 0)


def test_rules_that_never_rest_cannot_be_read() -> None:
    kernel = Restless(0)
    applied(kernel)
    kernel.times = 1000
    with pytest.raises(NetlinkError, match="other writers keep changing the rules"):
        Nftables(kernel).read()


class Silent(FakeKernel):
    """A kernel that does not list rules."""

    def dump(self, request: Request) -> list[Message]:
        """See ``Kernel``."""
        if request.type == GETRULE:
            raise NetlinkError(12, "Cannot allocate memory", request.words(), 0)
        return super().dump(request)


def test_a_question_that_is_refused_for_good_is_told() -> None:
    kernel = Silent()
    applied(kernel)
    with pytest.raises(NetlinkError, match="a question for the rules of table kuma_net"):
        Nftables(kernel).read()


def test_a_transaction_that_does_not_even_arrive_is_told() -> None:
    class Deaf(FakeKernel):
        def commit(self, requests: object) -> None:
            del requests
            raise NetlinkError(90, "Message too long", "a message of 9 bytes", -1, "raise wmem_max")

    with pytest.raises(NetlinkError, match="raise wmem_max"):
        applied(Deaf())


def test_without_the_capability_nothing_can_be_done() -> None:
    backend = Nftables(FakeKernel(net_admin=False))
    for verb in (backend.read, backend.remove, lambda: backend.apply(ruleset(), STAMP)):
        with pytest.raises(PermissionDenied, match="CAP_NET_ADMIN"):
            verb()


def test_a_jump_to_others_is_refused_before_anything_is_sent() -> None:
    kernel = FakeKernel()
    docker = ruleset(15001, Rule((TCP,), Jump("DOCKER_OUTPUT"), "docker"))
    with pytest.raises(NoBackend, match="DOCKER_OUTPUT"):
        applied(kernel, docker)
    assert kernel.sent == 0


# What kernels lack, and what is done instead.


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
    for lacking in (Features(zone=False), Features(owner=False)):
        with pytest.raises(NetlinkError, match="rule"):
            applied(FakeKernel(lacking))
    with pytest.raises(NetlinkError, match="log"):
        applied(FakeKernel(Features(log=False)), ruleset(1, Rule((), Log("x", 7), "log")))


def test_a_refused_set_names_itself() -> None:
    kernel = Picky(lambda request: request.type == NEWSET)
    with pytest.raises(NetlinkError, match="the kernel refused set exclude_for_uids_tcp"):
        applied(kernel)


def test_a_table_that_a_process_owns_cannot_be_replaced() -> None:
    kernel = FakeKernel()
    kernel.commit(batch([make_table("ip", TABLE, 2)]))
    with pytest.raises(NetlinkError, match="the removal of table ip kuma_net"):
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
