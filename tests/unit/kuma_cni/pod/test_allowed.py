"""What a pod may ask of a node, option by option."""

from __future__ import annotations

import pytest

from kuma_cni.pod.allowed import ALLOWED, SETTLED
from kuma_cni.pod.decide import Capture, capture
from kuma_cni.spec.netconf import Netconf
from kuma_net.tproxy.annotations import DOCUMENT
from kuma_net.tproxy.option import Option
from kuma_net.tproxy.options import BY_PATH, OPTIONS

REACHING_THE_NODE = {
    "backend": "iptables-legacy",
    "iptablesExecutables": {"iptables": "/tmp/pod/iptables", "iptables-restore": "/tmp/pod/x"},
    "redirect.dns.resolvConfigPath": "/etc/shadow",
    "storeFirewalld": True,
    "dryRun": True,
    "cniMode": False,
}
"""Every option that a pod must not set, with what a hostile one would say."""


def captured(path: str, value: object) -> Capture:
    """Return what becomes of a pod whose document says one thing."""
    for part in reversed(path.split(".")):
        value = {part: value}
    annotations = {DOCUMENT: repr(value).replace("True", "true").replace("False", "false")}
    return capture(Netconf(annotations=annotations))


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.path)
def test_every_option_is_either_allowed_or_known_to_reach_the_node(option: Option) -> None:
    """A new option fails here until somebody has thought about it."""
    assert (option.path in ALLOWED) != (option.path in REACHING_THE_NODE)


def test_what_is_allowed_exists() -> None:
    assert set(BY_PATH) >= ALLOWED
    assert not ALLOWED & SETTLED.keys()


@pytest.mark.parametrize(("path", "said"), REACHING_THE_NODE.items())
def test_what_reaches_the_node_has_no_effect_and_is_told_of(path: str, said: object) -> None:
    decision = captured(path, said)
    assert decision.config == capture(Netconf()).config
    assert len(decision.notes) == 1
    assert decision.notes[0].startswith(f"{path}: ")
    assert "without effect here" in decision.notes[0]


def test_what_holds_in_every_pod() -> None:
    config = capture(Netconf()).config
    assert (config.backend, config.cni_mode, config.dry_run) == ("nftables", True, False)
    assert (config.iptables_executables, config.store_firewalld) == ((), False)


def test_a_pod_that_says_what_holds_anyway_is_not_told() -> None:
    document = "cniMode: true\nredirect: {dns: {resolvConfigPath: /etc/resolv.conf}}\nwait: 5\n"
    assert capture(Netconf(annotations={DOCUMENT: document})).notes == ()


@pytest.mark.parametrize("path", ["redirect.inbound.port", "redirect.outbound.port"])
def test_what_is_allowed_has_effect(path: str) -> None:
    assert captured(path, 77).config != capture(Netconf()).config
