"""The shipped fake: it keeps, counts, refuses, and prints itself."""

from __future__ import annotations

import pytest

from kuma_net.backends.base import Installed, Stamp
from kuma_net.backends.memory import Memory
from kuma_net.errors import NetlinkError
from kuma_net.netfilter.digest import digest
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.config import Config
from kuma_net.values import BOTH_FAMILIES, Family
from lab.planned import planned

RULESET = compile_ruleset(planned(Config()))
STAMP = Stamp("0.0.0", "0" * 16, digest(RULESET))
REFUSAL = NetlinkError(1, "Operation not permitted", "the change")


def test_it_holds_what_was_applied_until_that_is_removed() -> None:
    memory = Memory()
    assert memory.read() is None
    assert memory.apply(RULESET, STAMP).changed
    installed = memory.read()
    assert installed is not None
    assert (installed.ruleset, installed.stamp) == (RULESET, STAMP)
    assert len(installed.counts) == sum(1 for _ in RULESET.rules())
    assert memory.remove().changed
    assert memory.read() is None
    assert memory.changes == 2


def test_applying_or_removing_twice_changes_nothing_more() -> None:
    memory = Memory()
    memory.apply(RULESET, STAMP)
    assert not memory.apply(RULESET, STAMP).changed
    memory.remove()
    assert not memory.remove().changed
    assert memory.changes == 2


def test_another_stamp_or_a_strange_object_makes_it_another_state() -> None:
    memory = Memory(Installed(RULESET, STAMP, (), ("a stranger",)))
    assert memory.apply(RULESET, STAMP).changed
    assert memory.apply(RULESET, STAMP.replace(version="0.0.1")).changed


def test_a_family_that_its_kernel_does_not_know_is_left_out_and_told() -> None:
    memory = Memory(families=(Family.IPV4,))
    applied = memory.apply(RULESET, STAMP)
    assert applied.families == (Family.IPV4,)
    assert applied.notes == ("IPv6 is left out: this kernel does not know it",)
    installed = memory.read()
    assert installed is not None
    assert installed.stamp is not None
    assert installed.stamp.rules == digest(installed.ruleset)


def test_a_refusal_leaves_everything_as_it_was() -> None:
    memory = Memory(Installed(RULESET, STAMP), refusal=REFUSAL)
    with pytest.raises(NetlinkError):
        memory.apply(RULESET.replace(families=BOTH_FAMILIES[:1]), STAMP)
    with pytest.raises(NetlinkError):
        memory.remove()
    assert memory.read() == Installed(RULESET, STAMP)


def test_it_prints_itself_in_an_administrators_words() -> None:
    assert str(Memory()) == "nothing is installed\n"
    text = str(Memory(Installed(RULESET, STAMP, (), ("somebody's rule",))))
    assert text.startswith("kuma-net 0.0.0 ")
    assert "nat OUTPUT\n" in text
    assert "\nstrange: somebody's rule\n" in text
    assert str(Memory(Installed(RULESET, None))).startswith("no stamp\n")
