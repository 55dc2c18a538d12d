"""The restore backends on a real kernel: both flavours, beside other owners' rules."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kuma_net.backends.restore import Restore
from kuma_net.host.netns import entered
from kuma_net.netfilter.compare import compare
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.config import Config, Dns, Inbound, OwnerExclusion, Redirect, Retry
from kuma_net.tproxy.facts import DnsServers
from kuma_net.values import BOTH_FAMILIES, L4_PROTOS, Family, Network, PortSet
from lab.agent import Agent, CallError
from lab.configs import configs
from lab.host import Host, call_as
from lab.installing import stamp_of
from lab.kumactl import FOREIGN, KUMACTL
from lab.planned import planned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kuma_net.backends.base import Applied, Installed, Kind
    from kuma_net.netfilter.ruleset import Ruleset

ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
KINDS: tuple[Kind, ...] = ("iptables-nft", "iptables-legacy")
both_kinds = pytest.mark.parametrize("kind", KINDS)
PROGRAMS = ("iptables", "ip6tables")
SERVERS = DnsServers("", (Network.parse("10.96.0.10"), Network.parse("fd00::10")))

PLAIN = Config()
RICH = Config(
    redirect=Redirect(
        inbound=Inbound(exclude_ports=PortSet.of(22, (80, 90)), insert=True),
        outbound=Config().redirect.outbound.replace(
            exclude_for_uids=(OwnerExclusion(L4_PROTOS, PortSet.of(53, (100, 200)), (1234, 1236)),),
            exclude_ips=(Network.parse("10.0.0.0/8"), Network.parse("fd00::/8")),
        ),
        dns=Dns(enabled=True),
    ),
    drop_invalid_packets=True,
)
BARE = RICH.replace(comments_disabled=True)


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a host with an empty network namespace."""
    made = Host("host")
    yield made
    made.stop()


def ruleset_of(config: Config) -> Ruleset:
    return compile_ruleset(planned(config, own_table=False, dns=SERVERS))


def apply_here(kind: Kind, ruleset: Ruleset, how: Config, environ: dict[str, str]) -> Applied:
    return Restore(kind, how, ENVIRON | environ).apply(ruleset, stamp_of(ruleset))


def apply(
    host: Host,
    kind: Kind,
    config: Config,
    how: Config = PLAIN,
    environ: dict[str, str] | None = None,
) -> Applied:
    return host.call(apply_here, kind, ruleset_of(config), how, environ or {})


def read_here(kind: Kind) -> Installed | None:
    return Restore(kind, environ=ENVIRON).read()


def remove_here(kind: Kind) -> Applied:
    return Restore(kind, environ=ENVIRON).remove()


def listing(host: Host, kind: Kind) -> list[str]:
    """Return all rules and made chains, counters included."""
    flavour = kind.removeprefix("iptables")
    return [
        f"{program} {line}"
        for program in PROGRAMS
        for line in host.run([f"{program}{flavour}-save", "-c"]).stdout.splitlines()
        if "] -A " in line or " - [" in line
    ]


def load(host: Host, kind: Kind, texts: dict[Family, str]) -> None:
    flavour = kind.removeprefix("iptables")
    for program, text in zip(PROGRAMS, texts.values(), strict=True):
        host.run([f"{program}{flavour}-restore", "--noflush"], stdin=text)


@both_kinds
@pytest.mark.parametrize("config", [PLAIN, RICH, BARE], ids=["plain", "rich", "bare"])
def test_what_was_applied_is_read_and_twice_is_once(host: Host, kind: Kind, config: Config) -> None:
    load(host, kind, FOREIGN)
    applied = apply(host, kind, config)
    assert (applied.changed, applied.families, applied.notes) == (True, BOTH_FAMILIES, ())
    found = host.call(read_here, kind)
    assert found is not None
    assert not compare(ruleset_of(config), found.ruleset)
    assert not found.strange
    before = listing(host, kind)
    again = apply(host, kind, config)
    assert (again.changed, again.processes) == (False, 2)
    assert listing(host, kind) == before


@both_kinds
@pytest.mark.parametrize("config", [RICH, BARE], ids=["rich", "bare"])
def test_uninstalling_leaves_foreign_rules_with_their_counters(
    host: Host, kind: Kind, config: Config
) -> None:
    load(host, kind, FOREIGN)
    host.run(["ip", "link", "set", "lo", "up"])
    host.run(["python3", "-c", "import socket; socket.socket(2, 2).sendto(b'x', ('127.0.0.1', 9))"])
    before = listing(host, kind)
    apply(host, kind, PLAIN)
    apply(host, kind, config)
    assert host.call(remove_here, kind).changed
    assert listing(host, kind) == before
    assert not host.call(remove_here, kind).changed


@both_kinds
def test_kumactls_rules_are_replaced_not_stacked(host: Host, kind: Kind) -> None:
    load(host, kind, FOREIGN)
    before = listing(host, kind)
    load(host, kind, KUMACTL)
    apply(host, kind, RICH)
    found = host.call(read_here, kind)
    assert found is not None
    assert not compare(ruleset_of(RICH), found.ruleset)
    host.call(remove_here, kind)
    assert listing(host, kind) == before


@both_kinds
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(asked=st.lists(configs(), min_size=2, max_size=2))
def test_any_ruleset_replaces_any_other(host: Host, kind: Kind, asked: list[Config]) -> None:
    for config in asked:
        wanted = config.replace(redirect=config.redirect.replace(vnet=()), cni_mode=True)
        apply(host, kind, wanted)
        found = host.call(read_here, kind)
        assert found is not None
        assert not compare(ruleset_of(wanted), found.ruleset)
        assert not found.strange
    host.call(remove_here, kind)
    assert listing(host, kind) == []


def hold_here(path: str) -> int:
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def test_a_lock_that_is_held_is_told_and_nothing_is_changed(host: Host) -> None:
    host.call(hold_here, "/run/held.lock")
    how = Config(wait=1, retry=Retry(1, 0))
    environ = {"XTABLES_LOCKFILE": "/run/held.lock"}
    with pytest.raises(CallError, match="holding the xtables lock"):
        apply(host, "iptables-legacy", RICH, how, environ)
    assert listing(host, "iptables-legacy") == []
    assert apply(host, "iptables-nft", RICH, how, environ).changed, "this flavour has no lock"


def test_on_a_read_only_file_system_the_namespace_is_locked_instead(host: Host) -> None:
    host.run(["mount", "-o", "remount,ro", "/run"])
    applied = apply(host, "iptables-legacy", RICH)
    assert applied.changed
    assert "the network namespace itself is locked instead" in applied.notes[0]


def enter_for_good(pid: int) -> None:
    entered(pid).__enter__()


@both_kinds
def test_installers_at_the_same_time_leave_what_one_of_them_asked(
    host: Host, kind: Kind, tmp_path: Path
) -> None:
    asked = [PLAIN, RICH, Config(redirect=Redirect(inbound=Inbound(enabled=False)))]
    mates = [Agent("installer", partial(enter_for_good, host.pid)) for _ in asked]
    environ = {"XTABLES_LOCKFILE": str(tmp_path / "lock")}

    def install(mate: Agent, config: Config) -> Applied:
        return mate.call(apply_here, kind, ruleset_of(config), PLAIN, environ)

    with ThreadPoolExecutor(len(mates)) as pool:
        applied = list(pool.map(install, mates, asked))
    for mate in mates:
        mate.stop()
    assert all(each.changed for each in applied)
    found = host.call(read_here, kind)
    assert found is not None
    assert sum(not compare(ruleset_of(config), found.ruleset) for config in asked) == 1


def test_without_the_capability_that_is_told(host: Host) -> None:
    with pytest.raises(CallError, match=r"CAP_NET_ADMIN|Permission denied"):
        host.call(call_as, 1000, apply_here, "iptables-nft", ruleset_of(PLAIN), PLAIN, {})
