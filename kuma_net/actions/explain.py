"""What the rules are for, or what becomes of one packet; nothing is changed.

Of what the options ask for, which needs no privileges, or of what is installed.
"""

from __future__ import annotations

from kuma_net.actions.findings import Explanation
from kuma_net.actions.status import holdings
from kuma_net.actions.wish import Request, wish
from kuma_net.errors import HostError
from kuma_net.netfilter.explain import describe_ruleset
from kuma_net.netfilter.explain import explain as explain_verdict
from kuma_net.netfilter.simulate import simulate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.world import World
    from kuma_net.netfilter.packet import Packet
    from kuma_net.netfilter.ruleset import Ruleset
    from kuma_net.tproxy.config import Config


def explain(config: Config, world: World, request: Request, packet: Packet | None) -> Explanation:
    """Explain what ``config`` asks for; raises ConfigError and HostError."""
    wished = wish(config.replace(dry_run=True), world, request)
    return _explained(wished.ruleset, packet, wished.notes)


def explain_installed(config: Config, world: World, packet: Packet | None) -> Explanation:
    """Explain what is installed; raises HostError, also when nothing is."""
    held = holdings(world, config)
    if not held:
        raise HostError("nothing is installed that could be explained")
    installed = held[0].installed
    return _explained(installed.ruleset, packet, installed.strange)


def _explained(ruleset: Ruleset, packet: Packet | None, notes: tuple[str, ...]) -> Explanation:
    if packet is None:
        return Explanation(describe_ruleset(ruleset), "", 0, notes)
    verdict = simulate(ruleset, packet)
    return Explanation(explain_verdict(verdict), verdict.outcome, verdict.port, notes)
