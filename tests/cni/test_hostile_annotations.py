"""Annotations of somebody who wants more than a pod is given: nothing of it reaches the node.

Whoever may make a pod writes them, and the plugin runs as root on the node.  So whatever they say:
one answer, quickly; rules in the pod's own namespace or none; the node's files as they were; no
process started.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kuma_net.netfilter.nf_tables import TABLE as OURS
from lab.cni import Caller, bundled, environ_of
from lab.injected import ANNOTATIONS, DOCUMENT, INJECTED, documented

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.cni import Answered

QUICKLY = 5.0
"""Seconds, on a busy machine."""
EVIL = "/run/evil/program"
"""A program that leaves a trace when it runs."""
TRACE = "/run/evil/trace"


@pytest.fixture(scope="module")
def caller() -> Iterator[Caller]:
    made = Caller()
    made.run(["mkdir", "-p", "/run/evil", "/etc/firewalld"])
    made.write(EVIL, f"#!/bin/sh\necho \"$0 $*\" >>{TRACE}\necho 'iptables v1.8.9 (legacy)'\n")
    made.run(["chmod", "755", EVIL])
    for name in ("iptables", "iptables-restore", "iptables-save", "ip6tables", "nft"):
        made.run(["ln", "-sf", EVIL, f"/run/evil/{name}"])
    before = _files(made)
    yield made
    after = _files(made)
    made.stop()
    assert after == before, "something reached the node"


@pytest.fixture
def pod(caller: Caller) -> Iterator[str]:
    path = caller.new_pod()
    yield path
    caller.drop_pod(path)


def add(caller: Caller, pod: str, annotations: dict[str, Any], verb: str = "ADD") -> Answered:
    """Ask for a pod with these annotations, the folder of evil programs first on the PATH."""
    config = {
        "cniVersion": "1.0.0",
        "name": "net",
        "runtimeConfig": {ANNOTATIONS: annotations, "dns": {"Servers": ["192.0.2.53"]}},
    }
    environ = environ_of(verb, pod, PATH="/run/evil:/usr/sbin:/usr/bin:/sbin:/bin")
    return caller.ask(bundled(), environ, json.dumps(config).encode())


def document(value: object) -> dict[str, str]:
    """Return the annotations of a mesh pod with this whole configuration."""
    text = value if isinstance(value, str) else json.dumps(value)
    return documented(text)


def redirect(**keys: object) -> dict[str, str]:
    """Return the annotations of a mesh pod with these keys under ``redirect``."""
    return document({"redirect": keys})


def single(**annotations: str) -> dict[str, str]:
    """Return the annotations of a mesh pod with these under ``traffic.kuma.io``."""
    named = {
        f"traffic.kuma.io/{name.replace('_', '-')}": text for name, text in annotations.items()
    }
    return INJECTED | named


ALIASES = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)
"""Nine to the twelfth texts, were they ever written out."""
PORTS = [str(port) for port in range(1, 20_001, 2)]

CAPTURED = {
    "programs of its own": document({"iptablesExecutables": dict.fromkeys(
        ("iptables", "iptables-restore", "iptables-save", "ip6tables", "ip6tables-restore",
         "ip6tables-save", "nft"), EVIL)}),
    "programs of its own, as one text": document({"iptablesExecutables": f"iptables:{EVIL}"}),
    "another backend": document({"backend": "restore"}),
    "the node's firewall": document({"storeFirewalld": True}),
    "the node's files": document(
        {"redirect": {"dns": {"enabled": True, "resolvConfigPath": "/etc/shadow"}}}
    ),
    "a dry run": document({"dryRun": True}),
    "no CNI at all": document({"cniMode": False}),
    "a long wait": document({"wait": 100_000, "waitInterval": 100_000}),
    "many tries": document({"retry": {"maxRetries": 1_000_000, "sleepBetweenRetries": "1h"}}),
    "keys of tomorrow": document({"redirect": {"quic": {"enabled": True}}, "zzz": [1]}),
    "ten thousand ports": document({"redirect": {"outbound": {"excludePorts": PORTS}}}),
    "ten thousand ports in one text": single(exclude_outbound_ports=",".join(PORTS)),
    "all of the 256 kB": single(exclude_inbound_ports="1") | {"x": "y" * (255 << 10)},
    "keys that look like paths": INJECTED | {"../../etc/passwd": "x", "a\nb": "c\0d"},
    "a word in capitals": {"kuma.io/sidecar-injected": " TRUE\n"},
}  # fmt: skip


@pytest.mark.parametrize("what", CAPTURED)
def test_what_is_not_a_pods_to_say_has_no_effect(caller: Caller, pod: str, what: str) -> None:
    answered = add(caller, pod, CAPTURED[what])
    assert (answered.code, answered.printed) == (0, {"cniVersion": "1.0.0"}), answered
    assert answered.stderr == ""
    assert answered.seconds < QUICKLY
    assert caller.tables(pod) == [OURS]
    assert add(caller, pod, CAPTURED[what], "CHECK").code == 0


INJECTIONS = (
    "80; flush ruleset", "80 }; add table ip evil; {", "80\n-A INPUT -j DROP\nCOMMIT",
    "80' -j ACCEPT '", "$(touch /run/evil/trace)", "`/run/evil/program`", "80\0", "-1", "0",
    "65536", "99999999999999999999", "1-70000", "80-79", "0x50", "8 0", "\u0665\u0660", "*", "http",
    "--help",
)  # fmt: skip
REFUSED = {
    **{f"the port {text!r}": single(exclude_inbound_ports=text) for text in INJECTIONS},
    **{f"the address {text!r}": single(exclude_outbound_ips=text) for text in (
        "10.0.0.0/8; drop", "10.0.0.0/33", "::/129", "localhost", "0.0.0.0/0 /1", "1.2.3", "%lo")},
    **{f"the rule {text!r}": single(exclude_outbound_ports_for_uids=text) for text in (
        "tcp:80:root", "tcp:80:-1", "tcp:80:1; drop", "icmp:1:1", ":::", "tcp:80:5678:9:9")},
    **{f"the user {text!r}": document({"kumaDPUser": text}) for text in (
        "root", "-1", "4294967295", "4294967296", "0; drop", "1e3", "0x0", "\u0665", "9" * 5000)},
    **{f"the chain {text!r}": redirect(outbound={"chainName": text}) for text in (
        "x; flush ruleset", "x y", "a" * 500, "x\ny", "\u202ex")},
    **{f"the interface {text!r}": redirect(excludeInterfaces=[text]) for text in (
        "eth0; drop", "a" * 16, "../lo", "x y")},
    "a document that is a list": document("[1, 2]"),
    "a document that is a text": document("redirect"),
    "a document of another shape": document({"redirect": [1]}),
    "a document in two parts": document("a: 1\n---\nb: 2\n"),
    "a key twice": document("kumaDPUser: '1'\nkumaDPUser: '2'\n"),
    "aliases of aliases": document(ALIASES),
    "an object of Python": document("a: !!python/object/apply:os.system ['touch /run/evil/trace']"),
    "braces without end": document("{" * 100_000),
    "brackets without end": document("a: " + "[" * 100_000),
    "a document cut off": document('{"redirect": {"inbo'),
    "half a sign": document("kumaDPUser: '\ud800'"),
    "no document at all": document("\0\x01\x02"),
    "DNS of servers that are none": document({"redirect": {"dns": {"enabled": 7}}}),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_meant_is_refused_with_nothing_done(
    caller: Caller, pod: str, what: str
) -> None:
    answered = add(caller, pod, REFUSED[what])
    assert answered.error["code"] in {7, 100}, answered
    assert answered.error.get("details") or answered.error["code"] == 7
    assert "Traceback" not in answered.stderr
    assert answered.stderr == ""
    assert answered.seconds < QUICKLY
    assert caller.tables(pod) == []


@pytest.mark.parametrize(
    "annotations",
    [
        {"kuma.io/sidecar-injected": "false", DOCUMENT: "{" * 100_000},
        {"kuma.io/sidecar-injected": "yes", DOCUMENT: ALIASES},
        {"kuma.io/sidecar-injected": "true true"},
        {"Kuma.io/sidecar-injected": "true"},
        {DOCUMENT: "a: !!python/object/apply:os.system ['touch /run/evil/trace']"},
        {"x": "y" * (256 << 10)},
    ],
)
def test_a_pod_outside_the_mesh_may_say_what_it_likes(
    caller: Caller, pod: str, annotations: dict[str, str]
) -> None:
    answered = add(caller, pod, annotations)
    assert (answered.code, answered.printed) == (0, {"cniVersion": "1.0.0"})
    assert answered.seconds < QUICKLY
    assert caller.tables(pod) == []


@pytest.mark.parametrize(
    "annotations", [[], "x", 1, {"a": None}, {"a": 1}, {"a": {}}, {"a": ["b"]}]
)
def test_annotations_that_are_no_texts_are_no_configuration(
    caller: Caller, pod: str, annotations: Any
) -> None:
    answered = add(caller, pod, annotations)
    assert answered.error["code"] == 7
    assert f"runtimeConfig.{ANNOTATIONS}" in answered.error["msg"]


def _files(caller: Caller) -> list[str]:
    """Return all files of that machine that are not the system's, less the plugin's log."""
    return caller.call(_files_here)


def _files_here() -> list[str]:
    folders = (Path("/run"), Path("/var"), Path("/etc/firewalld"))
    found = [path for folder in folders for path in folder.rglob("*")]
    return sorted([str(path) for path in found if path.name not in {"cni.log", "kuma-net"}])
