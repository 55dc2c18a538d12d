"""From a configuration and a machine to the ruleset it asks for: the line all actions walk.

``install``, its dry run, ``plan``, ``status`` and ``explain`` take the same steps in the same
order and stop at different points, so what one prints is what another does.  Nothing here
changes anything.
"""

from __future__ import annotations

import kuma_net
from kuma_net.backends.base import Stamp
from kuma_net.backends.select import select
from kuma_net.netfilter.digest import digest
from kuma_net.record import Record
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.digest import config_digest
from kuma_net.tproxy.plan import plan
from kuma_net.values import PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from kuma_net.actions.world import World
    from kuma_net.backends.select import Choice
    from kuma_net.netfilter.ruleset import Ruleset
    from kuma_net.tproxy.config import Config
    from kuma_net.tproxy.facts import HostFacts
    from kuma_net.tproxy.plan import Plan

    DryRunForm: TypeAlias = Literal["backend", "restore"]


class Request(Record):
    """How an action is to go about it, beyond the configuration.

    * ``dry_run_form``: the text a dry run prints: the chosen backend's, or restore text whatever
      the backend (as kumactl does).
    * ``confirm_within``: seconds until the change is rolled back unless confirmed; 0: never.
    * ``capture_ssh``: capture the SSH session's port like any other.
    * ``create_user``: make the account ``kuma-dp`` if there is none.
    * ``elsewhere``: the network namespace is not the one that the process was started in, so
      neither our SSH session nor this machine's files belong to it.
    """

    dry_run_form: DryRunForm = "backend"
    confirm_within: float = 0.0
    capture_ssh: bool = False
    create_user: bool = False
    elsewhere: bool = False


class Wish(Record):
    """What a configuration asks of this machine, and all that was found on the way.

    ``may_change``: we have CAP_NET_ADMIN here.
    """

    config: Config
    choice: Choice
    facts: HostFacts
    plan: Plan
    ruleset: Ruleset
    stamp: Stamp
    may_change: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know: what the plan left out, and the session's port."""
        return self.plan.notes + _session_note(self.plan)

    @property
    def details(self) -> tuple[str, ...]:
        """What was found on the way and decided everything."""
        account, dns = self.facts.account, self.plan.dns
        servers = " ".join(str(server) for server in dns.servers) if dns else ""
        return (
            f"the sidecar runs as user id {self.plan.uid}: {account.found_by if account else ''}",
            f"the loopback interface is {self.facts.loopback}",
            *([f"DNS is captured to {servers or 'every server'}"] if dns else []),
            f"stamp: {self.stamp}",
        )


def wish(config: Config, world: World, request: Request) -> Wish:
    """Return what ``config`` asks of ``world``; raises ConfigError, NoBackend and HostError."""
    kernel = world.kernel()
    choice = select(config.backend, kernel)
    own_table = choice.kind == "nftables" and request.dry_run_form == "backend"
    facts = world.facts(config, own_table=own_table)
    if request.capture_ssh or request.elsewhere:
        facts = facts.replace(session_ports=PortSet())
    return _complete(config, choice, facts, may_change=kernel.net_admin)


def without_ipv6(wished: Wish, reason: str) -> Wish:
    """Return the same wish for IPv4 alone, because of ``reason`` (a clause)."""
    facts = wished.facts.replace(ipv6=False, ipv6_reason=reason)
    return _complete(wished.config, wished.choice, facts, may_change=wished.may_change)


def _complete(config: Config, choice: Choice, facts: HostFacts, *, may_change: bool) -> Wish:
    drawn = plan(config, facts)
    ruleset = compile_ruleset(drawn)
    stamp = Stamp(kuma_net.__version__, config_digest(config), digest(ruleset))
    return Wish(config, choice, facts, drawn, ruleset, stamp, may_change)


def _session_note(drawn: Plan) -> tuple[str, ...]:
    inbound = drawn.config.redirect.inbound
    ports = [first for first, _ in drawn.session_ports]
    if inbound.include_ports:
        captured = any(port in inbound.include_ports for port in ports)
    else:
        captured = any(port not in inbound.exclude_ports for port in ports)
    if not inbound.enabled or not captured:
        return ()
    port = f"port {drawn.session_ports} of your SSH session"
    return (f"{port} is left out of inbound capture (--capture-ssh captures it)",)
