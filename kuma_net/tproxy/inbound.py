"""The chains for what arrives: everything to the inbound port but what is excluded."""

from __future__ import annotations

from kuma_net.netfilter.matches import DestinationPort, FamilyIs, Protocol, Source
from kuma_net.netfilter.ruleset import CHAIN_PREFIX, Chain, Rule
from kuma_net.netfilter.targets import Jump, Redirect, Return
from kuma_net.tproxy.exclusions import interface_exclusions, networks_of
from kuma_net.values import Family, L4Proto

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.tproxy.plan import Plan

_TCP = Protocol(L4Proto.TCP)


def inbound_chain(plan: Plan) -> Chain:
    """Return the chain that decides about a connection that arrives."""
    inbound = plan.config.redirect.inbound
    name = CHAIN_PREFIX + inbound.chain_name
    if not inbound.enabled:
        why = "what arrives is not captured"
        return Chain("nat", name, (Rule((_TCP,), Return(), why, "redirect.inbound.enabled"),))
    return Chain("nat", name, (*_left_alone(plan), *_captured(plan)))


def _left_alone(plan: Plan) -> tuple[Rule, ...]:
    inbound = plan.config.redirect.inbound
    rules = list(interface_exclusions(plan, "PREROUTING"))
    networks = networks_of(inbound.exclude_ips, plan.families)
    if networks:
        why = "what arrives from an excluded network is left alone"
        setting = "redirect.inbound.excludePortsForIPs"
        rules.append(Rule((Source(networks),), Return(), why, setting))
    if plan.session_ports:
        why = "the SSH session that installed these rules is left alone"
        rules.append(Rule((_TCP, DestinationPort(plan.session_ports)), Return(), why))
    if inbound.exclude_ports and not inbound.include_ports:
        why = "what arrives at an excluded port is left alone"
        setting = "redirect.inbound.excludePorts"
        rules.append(Rule((_TCP, DestinationPort(inbound.exclude_ports)), Return(), why, setting))
    return tuple(rules)


def _captured(plan: Plan) -> tuple[Rule, ...]:
    inbound = plan.config.redirect.inbound
    target = Jump(CHAIN_PREFIX + inbound.redirect_chain_name)
    if inbound.include_ports:
        why = "only what arrives at these ports is captured"
        matches = (_TCP, DestinationPort(inbound.include_ports))
        return (Rule(matches, target, why, "redirect.inbound.includePorts"),)
    why = "every other connection that arrives is captured"
    return (Rule((_TCP,), target, why, "redirect.inbound.enabled"),)


def inbound_redirect_chain(plan: Plan) -> Chain:
    """Return the chain that sends a connection to the inbound port.

    It is there even while inbound capture is off: the sidecar that calls its own workload by
    its own address enters here from OUTPUT.
    """
    inbound = plan.config.redirect.inbound
    rules = []
    if inbound.port_ipv6 and Family.IPV6 in plan.families:
        why = "to the sidecar's own inbound port for IPv6"
        matches = (FamilyIs(Family.IPV6), _TCP)
        rules.append(Rule(matches, Redirect(inbound.port_ipv6), why, "redirect.inbound.portIPv6"))
    why = "to the inbound port of the sidecar"
    rules.append(Rule((_TCP,), Redirect(inbound.port), why, "redirect.inbound.port"))
    return Chain("nat", CHAIN_PREFIX + inbound.redirect_chain_name, tuple(rules))
