"""Planning on a paper machine: what an install would change."""

from __future__ import annotations

from kuma_net.actions.install import install
from kuma_net.actions.plan import plan
from kuma_net.actions.wish import Request
from kuma_net.tproxy.config import Config
from lab.paper import PaperWorld

CONFIG = Config()
HERE = Request()


def test_on_a_bare_machine_everything_is_missing() -> None:
    report = plan(CONFIG, PaperWorld(), HERE)
    assert report.exit_code == 3
    assert report.drift[0].startswith("missing: all ")


def test_without_options_a_bare_machine_would_get_the_defaults() -> None:
    assert plan(None, PaperWorld(), HERE) == plan(CONFIG, PaperWorld(), HERE)


def test_after_an_install_nothing_would_change() -> None:
    world = PaperWorld()
    install(CONFIG, world)
    report = plan(CONFIG, world, HERE)
    assert (report.drift, report.exit_code) == ((), 0)


def test_planning_changes_nothing() -> None:
    world = PaperWorld()
    plan(CONFIG, world, HERE)
    assert world.done == []


def test_without_options_what_is_installed_is_compared_with_its_own_digest() -> None:
    world = PaperWorld()
    install(CONFIG.replace(drop_invalid_packets=True), world)
    assert plan(None, world, HERE).exit_code == 0
    memory = world.memories["nftables"]
    assert memory.installed is not None
    memory.installed = memory.installed.replace(stamp=None)
    report = plan(None, world, HERE)
    assert report.exit_code == 3
    assert "stamp is missing" in report.drift[0]
