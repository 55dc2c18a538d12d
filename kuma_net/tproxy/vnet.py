"""Rules for virtual networks: what containers or machines behind a bridge send is outbound.

Traffic that enters from the bridge passes PREROUTING, where it would count as inbound; here it
is sent to the outbound port unless it stays inside the virtual network.  Its DNS goes to the
DNS port, also while DNS capture of the machine itself is off, as in Kuma.
"""

from __future__ import annotations

from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    FamilyIs,
    InInterface,
    Not,
    Protocol,
)
from kuma_net.netfilter.ruleset import Rule
from kuma_net.netfilter.targets import CtZone, Redirect
from kuma_net.tproxy.dns import DNS_PORT, WORKLOAD_ZONE, only
from kuma_net.tproxy.exclusions import networks_of
from kuma_net.values import L4Proto

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.tproxy.plan import Plan
    from kuma_net.values import InterfacePattern, Network

SETTING = "redirect.vnet.networks"


def vnet_rules(plan: Plan) -> tuple[Rule, ...]:
    """Return the rules at the head of nat PREROUTING: DNS first, then TCP, by interface name."""
    redirect = plan.config.redirect
    networks = _by_interface(plan)
    protocols = (L4Proto.UDP, L4Proto.TCP) if redirect.dns.tcp else (L4Proto.UDP,)
    dns = tuple(
        Rule(
            (*_family_of(inside, plan), Protocol(proto), InInterface(interface), _DNS),
            Redirect(redirect.dns.port),
            "DNS queries from a virtual network go to the resolver of the sidecar",
            SETTING,
        )
        for proto in protocols
        for interface, inside in networks
    )
    tcp = tuple(
        Rule(
            (Protocol(L4Proto.TCP), Not(Destination(inside)), InInterface(interface)),
            Redirect(redirect.outbound.port),
            "what leaves a virtual network is outbound",
            SETTING,
        )
        for interface, inside in networks
    )
    return dns + tcp


_DNS = DestinationPort(DNS_PORT)


def vnet_zones(plan: Plan) -> tuple[Rule, ...]:
    """Return the zone rules of raw PREROUTING for DNS queries from virtual networks.

    The answers of the sidecar's resolver are all in the workload's zone; tracked in any other, a
    query would never see its answer come from where it was sent.  Kuma's rules lack these.
    """
    dns = plan.dns
    if dns is None or not dns.zone_split:
        return ()
    why, setting = "zone of queries from a virtual network", "redirect.dns.skipConntrackZoneSplit"
    return tuple(
        Rule(
            (*only(families, plan), Protocol(L4Proto.UDP), InInterface(interface), _DNS),
            CtZone(WORKLOAD_ZONE),
            why,
            setting,
        )
        for interface, inside in _by_interface(plan)
        if (families := tuple(f for f in dns.families if any(n.family == f for n in inside)))
    )


def _by_interface(plan: Plan) -> list[tuple[InterfacePattern, tuple[Network, ...]]]:
    """Return each interface once with its networks (one per family at most)."""
    interfaces = dict.fromkeys(item.interface for item in plan.vnet)
    found = []
    for interface in interfaces:
        listed = tuple(item.network for item in plan.vnet if item.interface == interface)
        inside = networks_of(listed, plan.families)
        if inside:
            found.append((interface, inside))
    return found


def _family_of(inside: tuple[Network, ...], plan: Plan) -> tuple[Match, ...]:
    """Keep a rule without addresses to the family of the virtual network."""
    families = {network.family for network in inside}
    return () if len(families) == len(plan.families) else (FamilyIs(inside[0].family),)
