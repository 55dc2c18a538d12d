"""Explaining rules and packets, of what is asked and of what is installed."""

from __future__ import annotations

import pytest

from kuma_net.actions.explain import explain, explain_installed
from kuma_net.actions.install import install
from kuma_net.actions.wish import Request
from kuma_net.errors import HostError
from kuma_net.netfilter.packet import Packet
from kuma_net.tproxy.config import Config
from kuma_net.values import Family, L4Proto
from lab.paper import NOBODY, PaperWorld

CONFIG = Config()
HERE = Request()
PACKET = Packet("OUTPUT", Family.IPV4, L4Proto.TCP, 1, 2, 40000, 80, uid=1000)


def test_every_rule_is_explained_without_privileges() -> None:
    world = PaperWorld()
    world.kernel_facts = NOBODY
    report = explain(CONFIG, world, HERE, None)
    assert "nat OUTPUT" in report.text
    assert (report.outcome, report.port, report.exit_code) == ("", 0, 0)


def test_a_packet_is_followed_to_where_it_goes() -> None:
    report = explain(CONFIG, PaperWorld(), HERE, PACKET)
    assert (report.outcome, report.port) == ("redirected", 15001)
    assert "KUMA_MESH_OUTBOUND" in report.text


def test_what_is_installed_is_explained_whatever_the_options_are() -> None:
    world = PaperWorld()
    with pytest.raises(HostError, match="nothing is installed"):
        explain_installed(CONFIG, world, None)
    install(CONFIG, world)
    assert explain_installed(CONFIG, world, PACKET).port == 15001
