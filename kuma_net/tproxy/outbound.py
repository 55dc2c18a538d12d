"""The chains for what is sent: everything TCP to the outbound port but what must not loop.

Four kinds of traffic on the loopback interface have to be told apart:

* the sidecar hands a captured connection to the workload from 127.0.0.6 (::6): left alone, or
  it would be captured for ever;
* the sidecar calls the workload by the machine's own address, which the kernel routes through
  loopback: to the inbound port, as if it had come from outside;
* any other process calls itself by an address of the machine: left alone;
* to 127.0.0.1 (::1) exactly: left alone.

Kuma asks "through loopback and not the sidecar" before "the sidecar"; the other way round the
second question needs no negated owner, and the outcome is the same for every packet.

Without ``::6`` on the loopback interface an IPv6 sidecar calls itself some 27,000 times for one
request; see ``host.loopback``.
"""

from __future__ import annotations

from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    Not,
    OutInterface,
    OwnerUid,
    Protocol,
    Source,
)
from kuma_net.netfilter.ruleset import CHAIN_PREFIX, Chain, Rule
from kuma_net.netfilter.targets import Jump, Redirect, Return
from kuma_net.tproxy.dns import LOCALHOST, tcp_bypass
from kuma_net.tproxy.exclusions import networks_of
from kuma_net.values import IdSet, InterfacePattern, L4Proto, Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.tproxy.plan import Plan

PASSTHROUGH_SOURCES = (Network.parse("127.0.0.6/32"), Network.parse("::6/128"))
"""The source addresses of the sidecar's inbound passthrough clusters."""

_TCP = Protocol(L4Proto.TCP)


def outbound_chain(plan: Plan) -> Chain:
    """Return the chain that decides about a connection that is sent."""
    outbound = plan.config.redirect.outbound
    name = CHAIN_PREFIX + outbound.chain_name
    if not outbound.enabled:
        why = "what is sent is not captured"
        return Chain("nat", name, (Rule((_TCP,), Return(), why, "redirect.outbound.enabled"),))
    return Chain("nat", name, _rules(plan))


def _rules(plan: Plan) -> tuple[Rule, ...]:
    return (*_excluded_ports(plan), *_no_loops(plan), *tcp_bypass(plan), *_captured(plan))


def _excluded_ports(plan: Plan) -> tuple[Rule, ...]:
    outbound = plan.config.redirect.outbound
    if not outbound.exclude_ports or outbound.include_ports:
        return ()
    why = "what is sent to an excluded port is left alone"
    matches = (_TCP, DestinationPort(outbound.exclude_ports))
    return (Rule(matches, Return(), why, "redirect.outbound.excludePorts"),)


def _no_loops(plan: Plan) -> tuple[Rule, ...]:
    loopback = OutInterface(InterfacePattern(plan.loopback))
    sidecar = OwnerUid(IdSet.of(plan.uid))
    passthrough = Source(networks_of(PASSTHROUGH_SOURCES, plan.families))
    localhost = Destination(networks_of(LOCALHOST, plan.families))
    to_inbound = Jump(CHAIN_PREFIX + plan.config.redirect.inbound.redirect_chain_name)
    user = "kumaDPUser"
    return (
        Rule((passthrough, loopback), Return(), "what the sidecar hands to the workload arrives"),
        Rule(
            (_TCP, Not(localhost), loopback, sidecar),
            to_inbound,
            "the sidecar that calls this workload enters by the inbound port",
            user,
        ),
        Rule((sidecar,), Return(), "what the sidecar sends is not captured again", user),
        Rule((_TCP, loopback), Return(), "the workload that calls itself is left alone"),
        Rule((localhost,), Return(), "what is sent to localhost is left alone"),
    )


def _captured(plan: Plan) -> tuple[Rule, ...]:
    outbound = plan.config.redirect.outbound
    target = Jump(CHAIN_PREFIX + outbound.redirect_chain_name)
    matches: list[Match] = []
    why, setting = "everything else that is sent is captured", "redirect.outbound.enabled"
    if outbound.include_ips:
        networks = networks_of(outbound.include_ips, plan.families)
        if not networks:
            return ()
        matches = [Destination(networks)]
        why = "only what is sent to these networks is captured"
        setting = "redirect.outbound.includeIPs"
    if outbound.include_ports:
        matches = [_TCP, *matches, DestinationPort(outbound.include_ports)]
        what = "to these ports of these networks" if outbound.include_ips else "to these ports"
        why = f"only what is sent {what} is captured"
        setting = "redirect.outbound.includePorts"
    return (Rule(tuple(matches), target, why, setting),)


def outbound_redirect_chain(plan: Plan) -> Chain:
    """Return the chain that sends a connection to the outbound port."""
    outbound = plan.config.redirect.outbound
    why = "to the outbound port of the sidecar"
    rule = Rule((_TCP,), Redirect(outbound.port), why, "redirect.outbound.port")
    return Chain("nat", CHAIN_PREFIX + outbound.redirect_chain_name, (rule,))
