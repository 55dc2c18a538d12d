"""Every promise of every option, by packets: both families, all backends, a real kernel."""

from __future__ import annotations

import pytest

from kuma_net.errors import ConfigError
from kuma_net.netfilter.simulate import simulate
from kuma_net.tproxy.options import BY_PATH
from lab.agent import CallError
from lab.case import Case
from lab.cases import CASES
from lab.host import ETC
from lab.installing import (
    BACKENDS,
    FLAVOUR,
    add_foreign,
    config_of,
    install_here,
    ruleset_here,
)
from lab.packets import packet_of
from lab.rows import check_rows, listing, parse_rows
from lab.topology import Lab, quiet_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_net.backends.base import Kind
    from kuma_net.tproxy.config import Config
    from lab.host import Host

ETC_FILES = {f"/etc/{name}": text for name, text in ETC.items()}

every_backend = pytest.mark.parametrize("backend", BACKENDS)


def config_for(case: Case, backend: Kind) -> Config:
    """Return a case's configuration for a backend, programs of its flavour filled in."""
    options = dict(case.options) | {"backend": backend}
    programs = options.get("iptablesExecutables")
    if isinstance(programs, dict):
        flavour = FLAVOUR[backend]
        options["iptablesExecutables"] = {
            name: path.format(flavour=flavour) for name, path in programs.items()
        }
    return config_of(options)


@every_backend
@pytest.mark.parametrize("case", CASES, ids=str)
def test_packets_land_where_the_configuration_promises(case: Case, backend: Kind) -> None:
    with Lab() as lab:
        for path, text in case.files.items():
            lab.app.write(path, text)
        add_foreign(lab.app, backend, case.foreign)
        lab.app.call(install_here, config_for(case, backend))
        check_rows(lab, parse_rows(case.rows))


def test_every_option_appears_in_a_table_of_packets() -> None:
    tried = {path for case in CASES for path in case.options} | {"backend"}
    assert sorted(BY_PATH) == sorted(tried)


QUIET = {
    *("backend", "dryRun", "verbose", "storeFirewalld", "comments.disabled", "iptablesExecutables"),
    *("wait", "waitInterval", "retry.maxRetries", "retry.sleepBetweenRetries"),
    *("log.enabled", "log.level", "dropInvalidPackets"),
    *("redirect.inbound.chainName", "redirect.inbound.redirectChainName"),
    *("redirect.outbound.chainName", "redirect.outbound.redirectChainName"),
    "redirect.inbound.insertRedirectInsteadOfAppend",
    "redirect.outbound.insertRedirectInsteadOfAppend",
    "redirect.dns.skipConntrackZoneSplit",
}
"""Options that move no first packet in a table of our own; other tests show what they do."""


def landings(host: Host, case: Case, options: Mapping[str, object]) -> list[tuple[object, ...]]:
    """Return what the simulator says of every row of a case under some of its options."""
    try:
        ruleset = host.call(ruleset_here, config_of(options), "nftables")
    except (CallError, ConfigError) as refused:
        return [(str(refused),)]
    verdicts = [
        simulate(ruleset, packet_of(row, family))
        for row in parse_rows(case.rows)
        for family in row.families
    ]
    return [(verdict.outcome, verdict.port) for verdict in verdicts]


def test_every_option_decides_where_some_row_lands() -> None:
    """Without the option at least one of the rows it stands beside would land elsewhere."""
    decisive = set()
    host = quiet_host()
    try:
        for case in CASES:
            for path, text in (ETC_FILES | dict(case.files)).items():
                host.write(path, text)
            whole = landings(host, case, case.options)
            for path in case.options:
                rest = {key: value for key, value in case.options.items() if key != path}
                if landings(host, case, rest) != whole:
                    decisive.add(path)
    finally:
        host.stop()
    assert sorted(set(BY_PATH) - QUIET - decisive) == []


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("backend", ["iptables-nft", "iptables-legacy"])
def test_an_appended_jump_leaves_other_owners_rules_their_turn(backend: Kind) -> None:
    """In shared chains; the native backend's own table comes first in any case."""
    with Lab() as lab:
        hooks = ("PREROUTING", "OUTPUT")
        rules = [
            f"-t nat -A {hook} -p tcp --dport 7777 -j REDIRECT --to-ports 9999" for hook in hooks
        ]
        add_foreign(lab.app, backend, rules)
        lab.app.call(install_here, config_of({"backend": backend}))
        table = """
            remote       tcp self:7777      -> 9999
            workload     tcp world:7777     -> 9999
            workload     tcp world:80       -> outbound
        """
        check_rows(lab, parse_rows(table))


@every_backend
def test_chains_carry_the_names_they_were_given(backend: Kind) -> None:
    with Lab() as lab:
        options = {"redirect.inbound.chainName": "ARRIVES", "redirect.outbound.chainName": "LEAVES"}
        lab.app.call(install_here, config_of({**options, "backend": backend}))
        rules = "\n".join(listing(lab.app))
        assert "KUMA_MESH_ARRIVES" in rules
        assert "KUMA_MESH_LEAVES" in rules
        assert "KUMA_MESH_INBOUND " not in rules


@every_backend
def test_comments_say_why_unless_they_are_switched_off(backend: Kind) -> None:
    with Lab() as lab:
        lab.app.call(install_here, config_of({"backend": backend}))
        assert "to the outbound port of the sidecar" in "\n".join(listing(lab.app))
        bare = {"backend": backend, "comments.disabled": True}
        lab.app.call(install_here, config_of(bare))
        assert "to the outbound port of the sidecar" not in "\n".join(listing(lab.app))


@every_backend
def test_the_log_rule_meets_connections_and_has_its_level(backend: Kind) -> None:
    """The kernel writes no log lines for other namespaces than its first: the rule counts."""
    with Lab() as lab:
        options = {"log.enabled": True, "log.level": 4, "backend": backend}
        lab.app.call(install_here, config_of(options))
        check_rows(lab, parse_rows("workload tcp world:80 -> outbound"))
        logs = [line for line in listing(lab.app) if "OUTPUT:" in line]
        assert logs
        counting = [line for line in logs if "packets 0" not in line and "[0:0]" not in line]
        assert counting == logs
        if backend != "iptables-legacy":
            # nft prints no level for "warning": it is its default, and 4 is what it means.
            assert all("level" not in line or "warn" in line for line in logs)
        else:
            assert all("--log-prefix" in line and "--log-level 7" not in line for line in logs)


def test_rules_are_kept_by_firewalld_too_when_asked() -> None:
    with Lab() as lab:
        lab.app.call(install_here, config_of({"storeFirewalld": True}))
        kept = lab.app.read("/etc/firewalld/direct.xml")
        assert "KUMA_MESH_OUTBOUND" in kept
