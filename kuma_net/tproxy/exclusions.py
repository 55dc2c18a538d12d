"""Rules for what is left alone by owner, by network and by interface.

They stand at the head of OUTPUT, ahead of DNS capture, in the order users, groups, networks:
so that "UDP 53 for user 1234" lets an init container resolve names before any proxy listens.
An exclusion by network holds for every protocol, as in Kuma.
"""

from __future__ import annotations

from kuma_net.errors import ConfigError, Violation
from kuma_net.netfilter.matches import (
    Destination,
    Entangled,
    InInterface,
    OutInterface,
    exclusions,
)
from kuma_net.netfilter.ruleset import Rule
from kuma_net.netfilter.targets import Return
from kuma_net.values import outermost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Box, Owner
    from kuma_net.netfilter.ruleset import Hook
    from kuma_net.tproxy.config import OwnerExclusion
    from kuma_net.tproxy.plan import Plan
    from kuma_net.values import Family, Network


def networks_of(networks: tuple[Network, ...], families: tuple[Family, ...]) -> tuple[Network, ...]:
    """Return the networks of the given families in canonical form (``outermost``)."""
    return outermost(network for network in networks if network.family in families)


def output_exclusions(plan: Plan) -> tuple[Rule, ...]:
    """Return the exclusions at the head of nat OUTPUT.

    ConfigError for rules by owner that overlap without measure.
    """
    rules = [
        *_by_owner(plan, "uid", "excludePortsForUIDs"),
        *_by_owner(plan, "gid", "excludePortsForGIDs"),
    ]
    networks = networks_of(plan.config.redirect.outbound.exclude_ips, plan.families)
    if networks:
        why = "what is sent to an excluded network is left alone"
        setting = "redirect.outbound.excludePortsForIPs"
        rules.append(Rule((Destination(networks),), Return(), why, setting))
    return tuple(rules)


def interface_exclusions(plan: Plan, hook: Hook) -> tuple[Rule, ...]:
    """Return the rules that leave traffic through excluded interfaces alone, for any table."""
    side = InInterface if hook == "PREROUTING" else OutInterface
    return tuple(
        Rule(
            (side(interface),),
            Return(),
            "traffic through an excluded interface is left alone",
            "redirect.excludeInterfaces",
        )
        for interface in sorted(set(plan.config.redirect.exclude_interfaces), key=str)
    )


def _by_owner(plan: Plan, owner: Owner, key: str) -> tuple[Rule, ...]:
    outbound = plan.config.redirect.outbound
    listed = outbound.exclude_for_uids if owner == "uid" else outbound.exclude_for_gids
    if not listed:
        return ()
    from kuma_net.netfilter.normal import plain  # not needed, and not loaded, by most pods

    path = f"redirect.outbound.{key}"
    try:
        match = exclusions(owner, _boxes(listed))
    except Entangled:
        wrong = f"these {len(listed)} rules overlap too much to be told apart"
        right = "let the ranges overlap less: divide or join them"
        source = plan.config.source_of(path)
        raise ConfigError((Violation(path, "", source, wrong, right),)) from None
    what = "users" if owner == "uid" else "groups"
    why = f"these ports of these {what} are left alone"
    return (Rule(plain(match) or (match,), Return(), why, path),)


def _boxes(listed: tuple[OwnerExclusion, ...]) -> list[Box]:
    return [
        (proto.number, *exclusion.ids, *ports)
        for exclusion in listed
        for proto in exclusion.protocols
        for ports in exclusion.ports
    ]
