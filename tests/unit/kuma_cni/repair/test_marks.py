"""Whose business a pod's rules are."""

from __future__ import annotations

import pytest

from kuma_cni.repair.marks import DOCUMENT, NETWORKS, left_to_plugin


@pytest.mark.parametrize(
    "annotations",
    [
        {NETWORKS: "kuma-cni"},
        {NETWORKS: "other,kuma-system/kuma-cni@eth1"},
        {NETWORKS: '[{"name": "kuma-cni"}]', DOCUMENT: "}"},
        {DOCUMENT: "cniMode: true\nredirect: {}\n"},
        {DOCUMENT: '{"cniMode": true}', NETWORKS: "other"},
    ],
)
def test_pods_whose_injector_left_the_rules_to_the_plugin(annotations: dict[str, str]) -> None:
    assert left_to_plugin(annotations)


@pytest.mark.parametrize(
    "annotations",
    [
        {},
        {NETWORKS: "other"},
        {DOCUMENT: "cniMode: false"},
        {DOCUMENT: "cniMode: 'true'"},
        {DOCUMENT: "redirect: {cniMode: true}"},
        {DOCUMENT: "[cniMode]"},
        {DOCUMENT: ""},
        {DOCUMENT: "}"},
    ],
)
def test_pods_that_make_their_rules_themselves_or_do_not_say(annotations: dict[str, str]) -> None:
    assert not left_to_plugin(annotations)
