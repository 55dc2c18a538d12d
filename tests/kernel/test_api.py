"""What Python programs call, on a real machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import kuma_net

if TYPE_CHECKING:
    from pathlib import Path

    from lab.host import Host


def walk_here() -> list[object]:
    """Go from a configuration to the kernel and back, as the documentation shows it."""
    config = kuma_net.load_config(
        environ={"KUMA_TRANSPARENT_PROXY_REDIRECT_OUTBOUND_EXCLUDE_PORTS": "443"},
        overrides={"redirect.outbound.port": 15111, "redirect.inbound.includePorts": [80, "90-99"]},
    )
    facts = kuma_net.probe(config)
    ruleset = kuma_net.compile_ruleset(kuma_net.plan(config, facts))
    packet = kuma_net.Packet(
        "OUTPUT", kuma_net.Family.IPV4, kuma_net.L4Proto.TCP, 1, 2, 40000, 80, uid=1000
    )
    return [
        "15111" in kuma_net.render_restore(ruleset, kuma_net.Family.IPV6),
        "15111" in kuma_net.render_nft(ruleset),
        "port 15111" in kuma_net.explain(kuma_net.simulate(ruleset, packet)),
        kuma_net.install(config).changed,
        kuma_net.install(config).changed,
        kuma_net.status(config).verdict,
        kuma_net.status().verdict,
        kuma_net.status(kuma_net.Config()).verdict,
        len(kuma_net.uninstall().removed),
        kuma_net.status().verdict,
    ]


def test_the_documented_walk_leads_there_and_back(host: Host) -> None:
    assert host.call(walk_here) == [
        True,
        True,
        True,
        True,
        False,
        "as asked",
        "untouched",
        "differs",
        2,
        "nothing",
    ]


def test_a_configuration_is_loaded_from_all_its_sources(tmp_path: Path) -> None:
    document = tmp_path / "config.yaml"
    document.write_text("wait: 7\nverbose: true\n")
    config = kuma_net.load_config(
        files=[str(document)],
        annotations={"traffic.kuma.io/exclude-inbound-ports": "80"},
        environ={"KUMA_TRANSPARENT_PROXY_VERBOSE": "false"},
        overrides={"wait": 8},
    )
    assert (config.wait, config.verbose) == (8, False)
    assert 80 in config.redirect.inbound.exclude_ports
    assert config.source_of("wait") == "override"
    assert config.source_of("verbose").startswith("env ")


def test_everything_wrong_is_raised_at_once(tmp_path: Path) -> None:
    latin = tmp_path / "latin"
    latin.write_bytes(b"\xe9")
    with pytest.raises(kuma_net.ConfigError) as caught:
        kuma_net.load_config(
            files=[str(latin), "/no/such/file"],
            overrides={"redirect.outbund.port": 1, "redirect.dns.port": "x"},
        )
    told = [str(violation) for violation in caught.value.violations]
    assert len(told) == 4
    assert "not UTF-8" in told[0]
    assert "No such file" in told[1]
    assert "did you mean redirect.outbound.port?" in told[2]
    assert "redirect.dns.port: 'x' (from override)" in told[3]
