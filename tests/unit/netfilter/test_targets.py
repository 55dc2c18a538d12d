"""Targets: values that differ by what they do, and a union that has them all."""

from __future__ import annotations

import pytest

from kuma_net.netfilter import targets
from kuma_net.netfilter.targets import Accept, CtZone, Drop, Jump, Log, Redirect, Return
from kuma_net.record import Record

ALL = (
    Return(),
    Accept(),
    Drop(),
    Jump("KUMA_MESH_OUTBOUND"),
    Redirect(15001),
    CtZone(1),
    Log("kuma", 7),
)


def test_no_two_targets_are_the_same() -> None:
    assert len(set(ALL)) == len(ALL)
    assert Redirect(15001) != Redirect(15006)
    assert Redirect(1) != CtZone(1)


def test_these_are_all_the_targets_there_are() -> None:
    defined = {
        kind
        for kind in vars(targets).values()
        if isinstance(kind, type) and issubclass(kind, Record) and kind is not Record
    }
    assert defined == {type(target) for target in ALL}


@pytest.mark.parametrize("target", ALL, ids=lambda target: type(target).__name__)
def test_every_target_says_which_option_of_iptables_it_is(target: Record) -> None:
    assert (type(target).__doc__ or "").startswith("``-j ")
