"""Install in a host of the lab, as ``kuma-init`` does, from options by key path.

The functions whose names end in ``here`` run in a host's own process (``Host.call``): the
machine that our actions then see is that host.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kuma_net.actions.install import install
from kuma_net.actions.uninstall import uninstall
from kuma_net.actions.wish import Request
from kuma_net.actions.world import Machine
from kuma_net.backends.base import Stamp
from kuma_net.netfilter.digest import digest
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.config import Config
from kuma_net.tproxy.plan import plan
from kuma_net.tproxy.sources import Sources, load
from lab.host import run_here

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kuma_net.actions.reports import InstallReport, UninstallReport
    from kuma_net.backends.base import Applied, Backend, Installed, Kind
    from kuma_net.netfilter.ruleset import Ruleset
    from lab.host import Host

BACKENDS: tuple[Kind, ...] = ("nftables", "iptables-nft", "iptables-legacy")
"""The real ones."""
FLAVOUR = {"nftables": "nft", "iptables-nft": "nft", "iptables-legacy": "legacy"}
"""Which iptables programs go with a backend, for other owners' rules and for its own."""

REQUEST = Request()
ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def config_of(options: Mapping[str, object]) -> Config:
    """Return the configuration of a document that holds these key paths."""
    document: dict[str, Any] = {}
    for path, value in options.items():
        *branches, leaf = path.split(".")
        node = document
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = value
    return load(Sources(files=(("case", json.dumps(document)),))).config


def install_here(config: Config) -> InstallReport:
    """Install in this process's network namespace."""
    return install(config, Machine(ENVIRON), REQUEST)


def uninstall_here(config: Config) -> UninstallReport:
    """Uninstall in this process's network namespace."""
    return uninstall(config, Machine(ENVIRON), REQUEST)


def ruleset_here(config: Config, kind: Kind) -> Ruleset:
    """Return what a configuration asks of this machine, for a backend."""
    facts = Machine(ENVIRON).facts(config, own_table=kind == "nftables")
    return compile_ruleset(plan(config, facts))


def apply_here(kind: Kind, ruleset: Ruleset) -> Applied:
    """Have a backend apply a ruleset here."""
    return _backend(kind).apply(ruleset, stamp_of(ruleset))


def read_here(kind: Kind) -> Installed | None:
    """Return what a backend reads here."""
    return _backend(kind).read()


def remove_here(kind: Kind) -> Applied:
    """Have a backend remove what is ours here."""
    return _backend(kind).remove()


def _backend(kind: Kind) -> Backend:
    return Machine(ENVIRON).backend(kind, Config())


def stamp_of(ruleset: Ruleset) -> Stamp:
    """Return a stamp as ``install`` would make it."""
    return Stamp("0.0.0", "0" * 16, digest(ruleset))


def add_foreign(host: Host, kind: Kind, rules: Iterable[str]) -> None:
    """Add somebody else's rules, words of iptables, in both families."""
    host.call(_add_foreign_here, FLAVOUR[kind], tuple(rules))


def _add_foreign_here(flavour: str, rules: tuple[str, ...]) -> None:
    for family in ("iptables", "ip6tables"):
        for rule in rules:
            ended = run_here((f"{family}-{flavour}", *rule.split()), "", {})
            if ended.status:
                raise AssertionError(f"{family}-{flavour} {rule}: {ended.stderr}")
