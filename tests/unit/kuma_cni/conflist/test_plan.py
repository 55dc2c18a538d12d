"""Folders: what lies there, what is wished, what lies there afterwards, and after removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_cni.conflist.plan import Wish, plan_install
from kuma_cni.conflist.steps import apply
from kuma_cni.conflist.undo import plan_removal
from lab.conf_scenarios import OURS, Scenario, scenarios

if TYPE_CHECKING:
    from collections.abc import Mapping

SCENARIOS = scenarios()


def wish_of(scenario: Scenario) -> Wish:
    said = scenario.settings
    return Wish(
        entry=OURS,
        chained=said.get("CHAINED_CNI_PLUGIN", "true") == "true",
        conf_name=said.get("CNI_CONF_NAME", ""),
        own_name=said.get("KUMA_CNI_OWN_CONF_NAME", ""),
    )


def normal(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files with white space made equal where a list was taken apart and written again."""
    return {name: b"".join(text.split()) for name, text in files.items()}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_the_folder_becomes_what_the_table_says(scenario: Scenario) -> None:
    plan = plan_install(scenario.before, wish_of(scenario))
    assert apply(scenario.before, plan.steps) == scenario.after
    assert plan.target == scenario.target

    assert scenario.waits in plan.waiting
    assert bool(plan.waiting) == bool(scenario.waits)
    for note in scenario.notes:
        assert any(note.split(": ")[0] in told for told in plan.notes)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_removal_leaves_what_the_table_says(scenario: Scenario) -> None:
    installed = apply(scenario.before, plan_install(scenario.before, wish_of(scenario)).steps)
    left = apply(installed, plan_removal(installed))
    if scenario.removed == scenario.before:
        assert left == scenario.before
    assert normal(left) == normal(scenario.removed)
    assert plan_removal(left) == ()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_second_installation_has_nothing_to_do(scenario: Scenario) -> None:
    wish = wish_of(scenario)
    installed = apply(scenario.before, plan_install(scenario.before, wish).steps)
    assert plan_install(installed, wish).steps == ()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_whoever_is_stopped_anywhere_begins_anew_and_comes_to_the_same_end(
    scenario: Scenario,
) -> None:
    wish = wish_of(scenario)
    steps = plan_install(scenario.before, wish).steps
    for done in range(1, len(steps)):
        between = apply(scenario.before, steps[:done])
        again = apply(between, plan_install(between, wish).steps)
        assert again == scenario.after
        removed = apply(between, plan_removal(between))
        assert normal(removed) == normal(scenario.removed)


def test_an_entry_of_our_successor_is_left_alone() -> None:
    scenario = next(one for one in SCENARIOS if one.title.startswith("an entry of ours"))
    plan = plan_install(scenario.before, wish_of(scenario).replace(exact=False))
    assert (plan.steps, plan.target) == ((), "10-calico.conflist")


def test_a_network_alone_of_our_successor_is_left_alone() -> None:
    files = {"YYY-kuma-cni.conflist": b'{"name": "k", "plugins": [{"type": "kuma-cni"}]}'}
    wish = Wish(OURS, chained=False, exact=False)
    assert plan_install(files, wish).steps == ()
    spoilt = {"YYY-kuma-cni.conflist": b'{"plugins": [{"type": "kuma-cni"}]}'}
    assert len(plan_install(spoilt, wish).steps) == 1


def test_a_list_of_our_own_keeps_the_entry_of_our_successor() -> None:
    scenario = next(one for one in SCENARIOS if one.title.startswith("a list of our own is kept"))
    old = scenario.before["00-kuma-cni.conflist"].replace(b"/opt/cni/bin", b"/newer")
    files = {**scenario.before, "00-kuma-cni.conflist": old}
    wish = wish_of(scenario).replace(exact=False)
    after = apply(files, plan_install(files, wish).steps)
    assert b"/newer" in after["00-kuma-cni.conflist"]
    assert b"portmap" in after["00-kuma-cni.conflist"]


def test_a_spoilt_single_plugin_beside_our_list_does_not_count() -> None:
    scenario = next(one for one in SCENARIOS if one.title.startswith("a single .conf"))
    files = {**scenario.after, "00-minikube.conf": b"{"}
    plan = plan_install(files, Wish(OURS))
    assert plan.steps == ()
    assert len(plan.notes) == 1
