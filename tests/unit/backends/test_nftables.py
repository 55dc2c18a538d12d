"""The nftables backend with the shipped fake kernel: what is sent, and when."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from kuma_net.backends.base import Applied, RuleCount, Stamp
from kuma_net.backends.fake_kernel import FakeKernel
from kuma_net.backends.nftables import ATTEMPTS, Nftables
from kuma_net.errors import NetlinkError, NoBackend, PermissionDenied
from kuma_net.netfilter.contract import canonical, restrict
from kuma_net.netfilter.nf_tables import (
    TABLE,
    Hook,
    Table,
    Verdict,
)
from kuma_net.netfilter.nf_tables import Chain as NftChain
from kuma_net.netfilter.nf_tables import Rule as NftRule
from kuma_net.netfilter.ruleset import HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import Jump
from kuma_net.netlink.nftables import (
    add_table,
    batch,
    make_table,
)
from kuma_net.values import BOTH_FAMILIES, Family
from lab.nft_samples import ONE, STAMP, TCP, applied, commit, ruleset
from lab.rulesets import rulesets

FOREIGN = Table(
    "ip",
    "nat",
    "",
    (),
    (),
    (NftChain("OUTPUT", Hook("nat", "output", -100), (NftRule((Verdict("accept"),)),)),),
)


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


def test_a_table_that_a_process_owns_cannot_be_replaced() -> None:
    kernel = FakeKernel()
    kernel.commit(batch([make_table("ip", TABLE, 2)]))
    with pytest.raises(NetlinkError, match="the removal of table ip kuma_net"):
        applied(kernel)
