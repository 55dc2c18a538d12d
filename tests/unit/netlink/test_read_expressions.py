"""Verdicts read by themselves; expressions are tested both ways in ``test_expressions``."""

from __future__ import annotations

import pytest

from kuma_net.netfilter.nf_tables import Verdict
from kuma_net.netlink.expressions import verdict
from kuma_net.netlink.message import attributes, number
from kuma_net.netlink.read_expressions import decode_verdict


def test_a_verdict_comes_back() -> None:
    encoded = attributes(attributes(verdict(2, "goto", "there"))[2])[2]
    assert decode_verdict(encoded) == Verdict("goto", "there")


def test_queueing_is_no_verdict_of_ours() -> None:
    with pytest.raises(KeyError):
        decode_verdict(number(1, 3))
