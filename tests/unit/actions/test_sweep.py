"""Sweeping: what other backends hold, never what is to be kept."""

from __future__ import annotations

from kuma_net.actions.install import install
from kuma_net.actions.sweep import Swept, sweep
from kuma_net.tproxy.config import Config
from lab.paper import PaperWorld

CONFIG = Config()


def test_nothing_is_swept_where_nothing_else_is() -> None:
    world = PaperWorld()
    install(CONFIG, world)
    assert sweep(world, CONFIG, keep="nftables") == Swept()


def test_what_is_kept_stays_and_the_rest_is_named() -> None:
    world = PaperWorld()
    install(CONFIG, world)
    world.memories["iptables-nft"].installed = world.memories["nftables"].installed
    assert sweep(world, CONFIG, keep="iptables-nft").removed == ("the rules put there by nftables",)
    assert world.holders() == ("iptables-nft",)


def test_pretending_names_and_leaves() -> None:
    world = PaperWorld()
    install(CONFIG, world)
    assert sweep(world, CONFIG, pretend=True).removed == ("the rules put there by nftables",)
    assert world.holders() == ("nftables",)
