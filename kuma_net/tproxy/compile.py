"""From a plan to the ruleset: one file per concern, joined here in Kuma's order.

A packet that is sent meets raw OUTPUT (zones), then nat OUTPUT: log, excluded interfaces,
excluded users, groups and networks, DNS, then the OUTBOUND chain.  One that arrives meets raw
PREROUTING (zones), mangle PREROUTING (invalid packets), then nat PREROUTING: log, virtual
networks, then the INBOUND chain, which begins with the excluded interfaces (a RETURN in
PREROUTING itself would keep the packet from the rules of other owners).

Where other owners share the hook chains (iptables), what must win over their rules goes
``before`` them and the rest ``after``; ``insertRedirectInsteadOfAppend`` moves the jumps.  In a
table of our own there is no such choice and everything is ``before``.
"""

from __future__ import annotations

from kuma_net.netfilter.matches import CtState, Protocol
from kuma_net.netfilter.ruleset import CHAIN_PREFIX, HookChain, Rule, Ruleset
from kuma_net.netfilter.targets import Drop, Jump, Log
from kuma_net.tproxy.dns import output_dns, raw_output, raw_prerouting
from kuma_net.tproxy.exclusions import interface_exclusions, output_exclusions
from kuma_net.tproxy.inbound import inbound_chain, inbound_redirect_chain
from kuma_net.tproxy.outbound import outbound_chain, outbound_redirect_chain
from kuma_net.tproxy.vnet import vnet_rules, vnet_zones
from kuma_net.values import L4Proto

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.ruleset import Hook
    from kuma_net.tproxy.plan import Plan

_TCP = Protocol(L4Proto.TCP)


def compile_ruleset(plan: Plan) -> Ruleset:
    """Return the ruleset of a plan: same plan, same ruleset."""
    hooks: tuple[HookChain, ...] = (
        HookChain("raw", "PREROUTING", after=_guarded(plan, "PREROUTING", _zones(plan))),
        HookChain("raw", "OUTPUT", after=_guarded(plan, "OUTPUT", raw_output(plan))),
        HookChain("mangle", "PREROUTING", after=_guarded(plan, "PREROUTING", _invalid(plan))),
        _nat_prerouting(plan),
        _nat_output(plan),
    )
    chains = (
        inbound_chain(plan),
        inbound_redirect_chain(plan),
        outbound_chain(plan),
        outbound_redirect_chain(plan),
    )
    if plan.own_table:
        hooks = tuple(HookChain(hook.table, hook.hook, hook.rules) for hook in hooks)
    ruleset = Ruleset(plan.families, tuple(hook for hook in hooks if hook.rules), chains)
    if plan.config.comments_disabled:
        return _without_comments(ruleset)
    return _canonical(ruleset) if _asks_nothing_somewhere(plan) else ruleset


def _asks_nothing_somewhere(plan: Plan) -> bool:
    """Whether a match could always hold: ``0.0.0.0/0``, or ``+`` for every interface.

    Every other ruleset is compiled into canonical form as it stands.
    """
    redirect = plan.config.redirect
    networks = (
        *redirect.inbound.exclude_ips,
        *redirect.outbound.include_ips,
        *redirect.outbound.exclude_ips,
        *[item.network for item in plan.vnet],
    )
    interfaces = (*redirect.exclude_interfaces, *[item.interface for item in plan.vnet])
    return any(network.prefix == 0 for network in networks) or any(
        interface.prefix == "" for interface in interfaces
    )


def _canonical(ruleset: Ruleset) -> Ruleset:
    from kuma_net.netfilter.contract import canonical  # loaded by those who ask for it only

    return canonical(ruleset)


def _zones(plan: Plan) -> tuple[Rule, ...]:
    return (*vnet_zones(plan), *raw_prerouting(plan))


def _guarded(plan: Plan, hook: Hook, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Put the exclusions by interface ahead of rules, where there are any."""
    return (*interface_exclusions(plan, hook), *rules) if rules else ()


def _invalid(plan: Plan) -> tuple[Rule, ...]:
    if not plan.config.drop_invalid_packets:
        return ()
    why = "packets that belong to no connection are dropped"
    return (Rule((CtState("INVALID"),), Drop(), why, "dropInvalidPackets"),)


def _log(plan: Plan, hook: Hook) -> tuple[Rule, ...]:
    log = plan.config.log
    if not log.enabled:
        return ()
    return (Rule((), Log(f"{hook}:", log.level), "packets are logged here", "log.enabled"),)


def _nat_prerouting(plan: Plan) -> HookChain:
    inbound = plan.config.redirect.inbound
    why = "what arrives goes through the rules for inbound traffic"
    to_chain = Rule((_TCP,), Jump(CHAIN_PREFIX + inbound.chain_name), why)
    log, vnet = _log(plan, "PREROUTING"), vnet_rules(plan)
    if vnet or inbound.insert:
        return HookChain("nat", "PREROUTING", (*vnet, to_chain), log)
    return HookChain("nat", "PREROUTING", after=(*log, to_chain))


def _nat_output(plan: Plan) -> HookChain:
    outbound = plan.config.redirect.outbound
    why = "what is sent goes through the rules for outbound traffic"
    to_chain = Rule((_TCP,), Jump(CHAIN_PREFIX + outbound.chain_name), why)
    before = (
        *_log(plan, "OUTPUT"),
        *interface_exclusions(plan, "OUTPUT"),
        *output_exclusions(plan),
        *output_dns(plan),
    )
    if outbound.insert:
        return HookChain("nat", "OUTPUT", (*before, to_chain))
    return HookChain("nat", "OUTPUT", before, (to_chain,))


def _without_comments(ruleset: Ruleset) -> Ruleset:
    """Drop the reasons, and join rules that only differed in them (``comments.disabled``)."""

    def bare(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        return tuple(rule.replace(why="", setting="") for rule in rules)

    hooks = tuple(
        HookChain(hook.table, hook.hook, bare(hook.before), bare(hook.after))
        for hook in ruleset.hooks
    )
    chains = tuple(chain.replace(rules=bare(chain.rules)) for chain in ruleset.chains)
    return _canonical(Ruleset(ruleset.families, hooks, chains))
