"""Plans for tests, and rules told without their reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_net.netfilter.describe import describe_matches, describe_target
from kuma_net.tproxy.config import Config
from kuma_net.tproxy.facts import Account, HostFacts
from kuma_net.tproxy.plan import Plan, plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kuma_net.netfilter.ruleset import Rule

FACTS = HostFacts(account=Account(5678, "UID 5678"))


def planned(config: Config, **facts: object) -> Plan:
    """Plan a configuration on a machine that differs from the usual one in ``facts``."""
    return plan(config, FACTS.replace(**facts))


def told(rules: Iterable[Rule]) -> list[str]:
    """Say what each rule is about and what it does."""
    return [f"{describe_matches(rule.matches)} {describe_target(rule.target)}" for rule in rules]
