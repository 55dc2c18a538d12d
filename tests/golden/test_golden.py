"""One document in, everything said about it out.

Each folder under ``cases`` is named by a sentence and holds ``case.yaml`` (``config`` as a
user writes it, ``environment``, and ``facts`` about the machine) beside what must come of it:

* ``ruleset.nft``: what the native backend installs, as ``nft -f`` reads it;
* ``rules.v4``, ``rules.v6``: what ``iptables-restore`` and ``ip6tables-restore`` read;
* ``explanation.txt``: every rule in words.

``pytest tests/golden --update-golden`` writes them anew; read the difference before you commit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from kuma_net.netfilter.describe import describe_ruleset
from kuma_net.netfilter.nft_text import render_nft
from kuma_net.netfilter.restore_text import render_restore
from kuma_net.netfilter.ruleset import Ruleset
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.facts import Account, DnsServers, HostFacts
from kuma_net.tproxy.plan import plan
from kuma_net.tproxy.sources import Sources, load
from kuma_net.values import Family, Network, PortSet

CASES = sorted(path.parent for path in Path(__file__).parent.glob("cases/*/case.yaml"))
FAMILIES = {"ipv4": Family.IPV4, "ipv6": Family.IPV6}


def facts_of(said: dict[str, Any], *, own_table: bool) -> HostFacts:
    """Return the machine a case describes; by default one where nothing is special."""
    servers = tuple(Network.parse(str(text)) for text in said.get("nameservers", ()))
    return HostFacts(
        account=Account(5678, "UID 5678"),
        loopback=str(said.get("loopback", "lo")),
        ipv6=bool(said.get("ipv6", True)),
        ipv6_reason="the kernel has no IPv6",
        dns=DnsServers("/etc/resolv.conf", servers),
        docker_output=tuple(FAMILIES[name] for name in said.get("docker", ())),
        session_ports=PortSet.parse(str(said.get("session", ""))),
        own_table=own_table,
    )


def rulesets(case: Path) -> tuple[Ruleset, Ruleset]:
    """Return what the native and the restore backend would be asked to install."""
    document: dict[str, Any] = yaml.safe_load(case.joinpath("case.yaml").read_text())
    loaded = load(
        Sources(
            files=(("config.yaml", json.dumps(document["config"])),),
            environ=document.get("environment", {}),
        )
    )
    said = document.get("facts", {})
    own, shared = (
        compile_ruleset(plan(loaded.config, facts_of(said, own_table=own_table)))
        for own_table in (True, False)
    )
    return own, shared


def test_there_are_enough_cases_and_their_names_are_sentences() -> None:
    assert len(CASES) >= 30
    assert all(len(case.name.split("-")) >= 3 for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case: Path, *, update_golden: bool) -> None:
    own, shared = rulesets(case)
    found = {
        "ruleset.nft": render_nft(own),
        "explanation.txt": describe_ruleset(own),
        "rules.v4": render_restore(shared, Family.IPV4),
    }
    if Family.IPV6 in shared.families:
        found["rules.v6"] = render_restore(shared, Family.IPV6)
    if update_golden:
        for name, text in found.items():
            case.joinpath(name).write_text(text)
    kept = {path.name: path.read_text() for path in case.iterdir() if path.name != "case.yaml"}
    assert found == kept


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_same_input_same_value(case: Path) -> None:
    assert rulesets(case) == rulesets(case)
