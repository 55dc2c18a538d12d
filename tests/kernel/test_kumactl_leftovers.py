"""A host that kumactl set up before us: its rules are replaced, not stacked, and then gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.foreign import everything
from lab.installing import BACKENDS, config_of, install_here, uninstall_here
from lab.kumactl import FOREIGN, KUMACTL, bare
from lab.rows import check_rows, parse_rows
from lab.topology import Lab

if TYPE_CHECKING:
    from kuma_net.backends.base import Kind
    from kuma_net.values import Family

PROGRAMS = {"IPv4": "iptables", "IPv6": "ip6tables"}


def load(lab: Lab, flavour: str, texts: dict[Family, str]) -> None:
    for family, text in texts.items():
        program = f"{PROGRAMS[str(family)]}-{flavour}-restore"
        lab.app.run((program, "--noflush"), stdin=text)


def rules(lab: Lab) -> list[str]:
    """Return the rules and chains of iptables without counters."""
    lines = everything(lab.app).splitlines()
    return sorted(line.rpartition("] ")[2] for line in lines if "] -A " in line or " - [" in line)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("flavour", ["nft", "legacy"])
@pytest.mark.parametrize("texts", [KUMACTL, bare(KUMACTL)], ids=["commented", "bare"])
def test_installing_replaces_kumactls_rules(
    lab: Lab, backend: Kind, flavour: str, texts: dict[Family, str]
) -> None:
    load(lab, flavour, FOREIGN)
    foreign = rules(lab)
    load(lab, flavour, texts)
    assert rules(lab) != foreign

    # kumactl left this port and this network alone; the new configuration does not.
    config = config_of({"backend": backend, "redirect.inbound.port": 25006})
    lab.app.call(install_here, config)
    table = """
        remote       tcp self:22        -> 25006
        workload     tcp world:80       -> outbound
        sidecar      tcp self:8080      -> 25006
        passthrough  tcp self:8080      -> direct
        workload     udp world:53       -> direct
    """
    check_rows(lab, parse_rows(table))
    assert [line for line in rules(lab) if "--to-ports 15006" in line] == []
    assert [line for line in foreign if line not in rules(lab)] == []

    lab.app.call(uninstall_here, config_of({}))
    assert rules(lab) == foreign
