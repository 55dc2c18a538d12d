"""Annotations are written by whoever may make a pod: whatever they say, they are judged."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_cni.pod.decide import Capture, decide
from kuma_cni.pod.identity import PodIdentity
from kuma_cni.spec.netconf import Netconf
from kuma_net.errors import ConfigError
from kuma_net.netfilter.restore_text import render_restore
from kuma_net.tproxy.annotations import DOCUMENT, PLAIN, SPECIAL
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.facts import DnsServers
from kuma_net.tproxy.legacy import ANNOTATIONS as LEGACY
from kuma_net.tproxy.options import BY_PATH
from kuma_net.values import BOTH_FAMILIES
from lab.injected import INJECTED
from lab.planned import planned

WEB = PodIdentity("demo", "web-0")
KEYS = (*PLAIN, *SPECIAL, *LEGACY, "kuma.io/transparent-proxying", "traffic.kuma.io/no-such")
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["true", "80", "tcp:443:1234", "10.0.0.0/8", "1;2", "-1", "99999999999", "::/0", "eth0,br+"]
)
SCALARS = TEXTS | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=2)


def decided(annotations: dict[str, str]) -> Capture | None:
    """Return how the pod is captured; None for a refusal."""
    annotations = annotations | INJECTED
    try:
        decision = decide(Netconf(annotations=annotations), WEB)
    except ConfigError as refused:
        if not refused.violations:
            raise
        return None
    assert isinstance(decision, Capture)
    return decision


@given(st.dictionaries(st.sampled_from(KEYS), TEXTS, max_size=4))
def test_single_annotations_are_read_or_refused(annotations: dict[str, str]) -> None:
    decided(annotations)


@given(st.text(max_size=200))
def test_any_text_as_a_document_is_read_or_refused(text: str) -> None:
    decided({DOCUMENT: text})


@given(st.dictionaries(st.sampled_from(sorted(BY_PATH)) | st.text(max_size=8), VALUES, max_size=4))
def test_any_value_of_any_option_is_read_or_refused(said: dict[str, object]) -> None:
    document: dict[str, object] = {}
    for path, value in said.items():
        node = document
        *branches, leaf = path.split(".")
        for branch in branches:
            below = node.setdefault(branch, {})
            node = below if isinstance(below, dict) else {}
        node[leaf] = value
    decision = decided({DOCUMENT: json.dumps(document)})
    if decision:
        assert (decision.config.backend, decision.config.dry_run) == ("nftables", False)
        assert decision.config.iptables_executables == ()


@pytest.mark.parametrize(
    "injection",
    [
        "80\n-A OUTPUT -j ACCEPT",
        "80; add rule inet kuma_net nat_output accept",
        "80 -j ACCEPT",
        '80"',
        "$(reboot)",
        "80,`id`",
        "-p tcp",
        "80\0",
    ],
)
@pytest.mark.parametrize("key", sorted(PLAIN))
def test_nothing_that_looks_like_a_rule_reaches_one(key: str, injection: str) -> None:
    """Only names of interfaces may be odd; they are one word, and no shell ever reads them."""
    decision = decided({key: injection})
    if decision is None:
        return
    ruleset = compile_ruleset(planned(decision.config, dns=DnsServers("runtimeConfig.dns")))
    text = "".join(render_restore(ruleset, family) for family in BOTH_FAMILIES)
    for piece in ("-j ACCEPT", "add rule", '80"', "\0"):
        assert piece not in text


def aliases_of_aliases() -> str:
    """Return a document of half a kilobyte that stands for ten to the ninth values."""
    lines = ["a: &a [" + "x," * 9 + "x]"]
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [" + f"*{before}," * 9 + f"*{before}]")
    return "\n".join(lines)


UIDS = ",".join(["'tcp:1-65535:7'"] * 5000)
LARGE = {
    "deep": "{" * 100_000,
    "aliases": aliases_of_aliases(),
    "many rules": f"redirect: {{outbound: {{excludePortsForUIDs: [{UIDS}]}}}}",
    "many ports": json.dumps({"redirect": {"inbound": {"excludePorts": [*range(1, 65536, 2)]}}}),
    "long": "x" * 1_000_000,
    "many unknown keys": json.dumps({f"ipFamilyModel{i}": 1 for i in range(12_000)}),
}
MANY_STRANGE = {f"traffic.kuma.io/exclude-ports{i}": "1" for i in range(8000)}


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_large_documents_are_judged_in_bounded_time(text: str) -> None:
    began = time.process_time()
    decided({DOCUMENT: text})
    assert time.process_time() - began < 5


def test_strange_annotations_are_judged_in_bounded_time_however_many() -> None:
    began = time.process_time()
    decision = decided(MANY_STRANGE)
    assert time.process_time() - began < 5
    assert decision is not None
    assert len(decision.notes) == len(MANY_STRANGE)
    assert "did you mean" in decision.notes[0]
    assert "did you mean" not in decision.notes[-1]
