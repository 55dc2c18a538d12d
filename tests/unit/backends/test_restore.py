"""The restore backends against tables in memory: replacing, trying again, putting back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.backends.base import Stamp
from kuma_net.backends.iptables import Outside
from kuma_net.backends.restore import Restore, Unverified
from kuma_net.errors import CommandError, HostError
from kuma_net.netfilter.compare import compare
from kuma_net.netfilter.digest import digest
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.config import Config, Dns, Inbound, Redirect, Retry
from kuma_net.values import BOTH_FAMILIES, Family, PortSet
from lab.iptables import Iptables
from lab.planned import planned

if TYPE_CHECKING:
    from kuma_net.netfilter.ruleset import Ruleset

TOOLS = tuple(
    (f"{program}{role}", f"/sbin/{program}-legacy{role}")
    for program in ("iptables", "ip6tables")
    for role in ("", "-save", "-restore")
)
HOW = Config(iptables_executables=TOOLS, retry=Retry(2, 0.5))
PLAIN = Config()
OTHER = Config(redirect=Redirect(inbound=Inbound(exclude_ports=PortSet.of(22))))
WITH_DNS = Config(redirect=Redirect(dns=Dns(enabled=True, capture_all=True)))
FOREIGN = "*nat\n-A OUTPUT -d 192.0.2.7/32 -j ACCEPT\nCOMMIT\n"


class Machine:
    """Tables, a backend that writes to them, and what it waited for."""

    def __init__(self, how: Config = HOW) -> None:
        """Begin with nothing."""
        self.iptables = Iptables()
        self.naps: list[float] = []
        self.how = how

    def backend(self) -> Restore:
        """Return a new backend of the legacy flavour."""
        outside = Outside(run=self.iptables.run, sleep=self.naps.append, holds=self.holds)
        return Restore("iptables-legacy", self.how, {"XTABLES_LOCKFILE": "/x"}, outside)

    def holds(self, kind: str) -> bool:
        """Answer for the kernel."""
        assert kind == "iptables-legacy"
        return "KUMA_MESH" in self.iptables.saved("iptables") + self.iptables.saved("ip6tables")

    def holds_nothing_of_ours(self) -> bool:
        """Whether all is as if we had never been there."""
        return not self.holds("iptables-legacy")


def ruleset_of(config: Config) -> Ruleset:
    return compile_ruleset(planned(config, own_table=False))


def stamp_of(ruleset: Ruleset) -> Stamp:
    return Stamp("1", "c", digest(ruleset))


def install(machine: Machine, config: Config) -> tuple[bool, tuple[Family, ...], tuple[str, ...]]:
    ruleset = ruleset_of(config)
    applied = machine.backend().apply(ruleset, stamp_of(ruleset))
    return applied.changed, applied.families, applied.notes


@pytest.mark.parametrize("config", [PLAIN, OTHER, WITH_DNS, Config(comments_disabled=True)])
def test_what_was_applied_is_read_back(config: Config) -> None:
    machine = Machine()
    assert install(machine, config) == (True, BOTH_FAMILIES, ())
    found = machine.backend().read()
    assert found is not None
    asked = ruleset_of(config)
    assert not compare(asked, found.ruleset)
    assert not found.strange
    assert found.stamp == (None if config.comments_disabled else stamp_of(asked))
    assert {count.packets for count in found.counts} <= {1, 2, 3, 4}


def test_applying_twice_runs_nothing_but_the_saves() -> None:
    machine = Machine()
    install(machine, PLAIN)
    machine.iptables.calls.clear()
    assert install(machine, PLAIN) == (False, BOTH_FAMILIES, ())
    assert machine.iptables.calls == ["iptables-legacy-save -c", "ip6tables-legacy-save -c"]


def test_a_first_install_writes_ipv6_first_and_verifies() -> None:
    machine = Machine()
    install(machine, PLAIN)
    assert machine.iptables.calls == [
        "ip6tables-legacy-restore --noflush -w 5",
        "iptables-legacy-restore --noflush -w 5",
        "iptables-legacy-save -c",
        "ip6tables-legacy-save -c",
    ]
    assert {environ["XTABLES_LOCKFILE"] for environ in machine.iptables.environs} == {"/x"}


def test_processes_are_counted_with_those_that_told_their_flavour() -> None:
    machine = Machine()
    ruleset = ruleset_of(PLAIN)
    assert machine.backend().apply(ruleset, stamp_of(ruleset)).processes == 2 + 4


def test_the_interval_between_looks_at_the_lock_is_passed_on() -> None:
    machine = Machine(HOW.replace(wait=1, wait_interval=200))
    install(machine, PLAIN)
    assert machine.iptables.calls[0] == "ip6tables-legacy-restore --noflush -w 1 -W 200"
    machine = Machine(HOW.replace(wait=0))
    install(machine, PLAIN)
    assert machine.iptables.calls[0] == "ip6tables-legacy-restore --noflush"


def test_another_configuration_replaces_the_former_in_one_text_a_family() -> None:
    machine = Machine()
    machine.iptables.load("iptables", FOREIGN)
    install(machine, WITH_DNS)
    machine.iptables.texts.clear()
    assert install(machine, OTHER)[0]
    assert len(machine.iptables.texts) == 2
    found = machine.backend().read()
    assert found is not None
    assert not compare(ruleset_of(OTHER), found.ruleset)
    assert "-d 192.0.2.7/32 -j ACCEPT" in machine.iptables.rules("iptables", "nat", "OUTPUT")


def test_the_same_rules_of_another_version_are_stamped_anew() -> None:
    machine = Machine()
    ruleset = ruleset_of(PLAIN)
    install(machine, PLAIN)
    assert machine.backend().apply(ruleset, Stamp("2", "c", digest(ruleset))).changed
    found = machine.backend().read()
    assert found is not None
    assert found.stamp == Stamp("2", "c", digest(ruleset))


def test_going_to_one_family_takes_the_other_away() -> None:
    machine = Machine()
    install(machine, PLAIN)
    assert install(machine, Config(ip_family_mode="ipv4"))[:2] == (True, (Family.IPV4,))
    assert "KUMA" not in machine.iptables.saved("ip6tables")


def test_a_rule_somebody_added_to_our_chains_is_strange_and_goes() -> None:
    machine = Machine()
    install(machine, PLAIN)
    machine.iptables.load("iptables", "*nat\n-A KUMA_MESH_OUTBOUND -p sctp -j ACCEPT\nCOMMIT\n")
    found = machine.backend().read()
    assert found is not None
    assert "sctp" in found.strange[0]
    assert install(machine, PLAIN)[0]
    found = machine.backend().read()
    assert found is not None
    assert not found.strange


def test_stamps_that_differ_between_the_families_are_strange() -> None:
    machine = Machine()
    install(machine, PLAIN)
    machine.iptables.load(
        "iptables", "*nat\n-F KUMA_MESH_STAMP\n-A KUMA_MESH_STAMP -j RETURN\nCOMMIT\n"
    )
    found = machine.backend().read()
    assert found is not None
    assert found.strange[-1] == "the stamps of the two families differ"


def test_a_lock_that_is_held_is_waited_for() -> None:
    machine = Machine()
    machine.iptables.locked = 2
    assert install(machine, PLAIN)[0]
    assert machine.naps == [0.5, 0.5]


def test_a_lock_that_stays_held_fails_in_the_end_with_nothing_done() -> None:
    machine = Machine()
    machine.iptables.locked = 99
    with pytest.raises(HostError, match="holding the xtables lock"):
        install(machine, PLAIN)
    assert len(machine.naps) == 2
    assert machine.holds_nothing_of_ours()


def test_a_refusal_that_does_not_change_is_final_the_second_time() -> None:
    machine = Machine(HOW.replace(retry=Retry(9, 0.5)))
    machine.iptables.broken = {"iptables-legacy-restore": "nat"}
    with pytest.raises(CommandError, match="line"):
        install(machine, PLAIN)
    assert len(machine.naps) <= 2


@pytest.mark.parametrize("before", [None, OTHER, Config(comments_disabled=True)])
def test_what_was_there_before_is_there_after_a_failure(before: Config | None) -> None:
    """The failure comes in IPv4's nat, after IPv6 and IPv4's raw are in force."""
    machine = Machine()
    machine.iptables.load("iptables", FOREIGN)
    if before:
        install(machine, before)
    was = [machine.iptables.saved(family) for family in ("iptables", "ip6tables")]
    backend, ruleset = machine.backend(), ruleset_of(WITH_DNS)
    machine.iptables.meanwhile = lambda: _break_once(machine)
    with pytest.raises(CommandError):
        backend.apply(ruleset, stamp_of(ruleset))
    now = [machine.iptables.saved(family) for family in ("iptables", "ip6tables")]
    assert [_bare(text) for text in now] == [_bare(text) for text in was]


def _break_once(machine: Machine) -> None:
    """Refuse nat of IPv4 as long as a change is tried, not when the old is put back."""
    new = "captureAll" in machine.iptables.texts[-1]
    machine.iptables.broken = {"iptables-legacy-restore": "nat"} if new else {}


def _bare(saved: str) -> list[str]:
    """Return a listing's chains and rules, without tables that are empty."""
    return sorted(line for line in saved.splitlines() if "KUMA" in line or "] -A" in line)


def test_what_cannot_be_put_back_is_told_with_the_failure() -> None:
    machine = Machine(HOW.replace(retry=Retry(0, 0)))

    def break_all() -> None:
        broken = "iptables" if len(machine.iptables.texts) == 2 else "ip6tables"
        first = len(machine.iptables.texts) == 1
        machine.iptables.broken = {} if first else {f"{broken}-legacy-restore": "nat"}

    machine.iptables.meanwhile = break_all
    with pytest.raises(HostError, match=r"failed.*; what was there before could not be put back"):
        install(machine, WITH_DNS)
    assert machine.holds("iptables-legacy")


def test_ipv6_failing_never_costs_ipv4() -> None:
    machine = Machine()
    machine.iptables.broken = {"ip6tables-legacy-restore": "nat"}
    changed, families, notes = install(machine, WITH_DNS)
    assert (changed, families) == (True, (Family.IPV4,))
    assert [note.partition(":")[0] for note in notes] == ["IPv6 is left out"]
    found = machine.backend().read()
    assert found is not None
    assert found.ruleset.families == (Family.IPV4,)
    assert found.stamp is not None
    assert found.stamp.rules == digest(found.ruleset)
    assert "KUMA" not in machine.iptables.saved("ip6tables")


def test_without_ipv6_in_the_kernel_ipv4_is_installed() -> None:
    machine = Machine()
    machine.iptables.broken = {"ip6tables-legacy-restore": "", "ip6tables-legacy-save": ""}
    assert install(machine, PLAIN)[1] == (Family.IPV4,)


def test_without_ipv4_nothing_is_installed() -> None:
    machine = Machine()
    machine.iptables.broken = {"iptables-legacy-restore": "", "iptables-legacy-save": ""}
    with pytest.raises(HostError, match="not supported"):
        install(machine, PLAIN)


def test_without_programs_for_ipv6_ipv4_is_installed() -> None:
    machine = Machine()
    machine.iptables.absent = {"ip6tables-legacy-save", "ip6tables-legacy-restore"}
    changed, families, notes = install(machine, PLAIN)
    assert (changed, families) == (True, (Family.IPV4,))
    assert "/sbin/ip6tables-legacy-restore is not installed" in notes[-1]


def test_another_writer_in_between_is_noticed_and_its_change_kept() -> None:
    """Somebody empties our chain between two of our restores: the outcome is still ours."""
    machine = Machine()
    done: list[bool] = []

    def interfere() -> None:
        if len(machine.iptables.texts) == 2 and not done:
            done.append(True)
            machine.iptables.load("ip6tables", "*nat\n-F KUMA_MESH_OUTBOUND\nCOMMIT\n")
            machine.iptables.load("iptables", FOREIGN)

    machine.iptables.meanwhile = interfere
    assert install(machine, PLAIN)[0]
    found = machine.backend().read()
    assert found is not None
    assert not compare(ruleset_of(PLAIN), found.ruleset)
    assert machine.naps == [0.5]
    assert "-d 192.0.2.7/32 -j ACCEPT" in machine.iptables.rules("iptables", "nat", "OUTPUT")


def test_a_writer_who_never_stops_is_told() -> None:
    machine = Machine(HOW.replace(retry=Retry(0, 0)))

    def interfere() -> None:
        if len(machine.iptables.texts) == 2:
            machine.iptables.load("ip6tables", "*nat\n-F KUMA_MESH_OUTBOUND\nCOMMIT\n")

    machine.iptables.meanwhile = interfere
    with pytest.raises(Unverified, match=r"lists something else: changed.*more"):
        install(machine, PLAIN)
    assert machine.holds_nothing_of_ours()


def test_nothing_is_read_where_nothing_is_and_no_program_runs() -> None:
    machine = Machine()
    assert machine.backend().read() is None
    assert machine.iptables.calls == []
