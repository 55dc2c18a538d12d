"""Make the kernel hold what a configuration asks for.

The order matters, and a failure at any step leaves what was there before:

1. everything that can be wrong with the input is found out (exit 2, nothing touched);
2. ``::6`` goes onto the loopback interface; if that fails, IPv6 is left out and said so,
   and IPv4 is none the worse;
3. with ``confirm_within``, a process that can undo is started before anything can cut us off;
4. the chosen backend makes the change in one step, or finds that there is nothing to do;
5. only then go rules of ours, or of kumactl, that another backend put there: there is no moment
   without rules.
"""

from __future__ import annotations

from kuma_net.actions.reports import InstallReport
from kuma_net.actions.sweep import sweep
from kuma_net.actions.wish import Request, wish, without_ipv6
from kuma_net.errors import HostError, PermissionDenied
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.wish import Wish
    from kuma_net.actions.world import World
    from kuma_net.tproxy.config import Config

REQUEST = Request()
FIREWALLD_KEEPS = "firewalld keeps the rules too, in /etc/firewalld/direct.xml"


def install(config: Config, world: World, request: Request = REQUEST) -> InstallReport:
    """Do it, or with ``config.dry_run`` write down what would be done.

    Raises ConfigError (nothing was touched) and HostError.
    """
    if request.create_user and not config.dry_run:
        world.create_account()
    wished = wish(config, world, request)
    if config.dry_run:
        from kuma_net.actions.dry_run import dry_run

        return dry_run(wished, request)
    if not wished.may_change:
        raise PermissionDenied("CAP_NET_ADMIN", "changing the rules")
    if request.confirm_within:
        from kuma_net.actions.confirm import guarded

        return guarded(wished, world, request.confirm_within)
    report = carry_out(wished, world)
    try:
        world.ask_watcher("supersede")
    except HostError as problem:
        raise HostError(f"the new rules are installed, but {problem}") from problem
    return report


def _ready_ipv6(wished: Wish, world: World) -> tuple[Wish, bool]:
    """Set up the address that IPv6 needs; return what can be had, and whether we added it."""
    if Family.IPV6 not in wished.plan.families:
        return wished, False
    try:
        return wished, world.add_address()
    except HostError as refused:
        return without_ipv6(wished, str(refused)), False


def carry_out(wished: Wish, world: World) -> InstallReport:
    """Make the change, then sweep away what other backends hold of ours; raises HostError."""
    wished, added = _ready_ipv6(wished, world)
    kind = wished.choice.kind
    backend = world.backend(kind, wished.config)
    try:
        applied = backend.apply(wished.ruleset, wished.stamp)
    except HostError:
        if added:
            world.remove_address()
        raise
    try:
        swept = sweep(world, wished.config, keep=kind)
        kept = _keep_in_firewalld(wished, world)
    except HostError as problem:
        raise HostError(f"the new rules are installed by {kind}, but {problem}") from problem
    told = swept.notes or _replaced(swept.removed)
    notes = (*wished.notes, *applied.notes, *told, *kept)
    return InstallReport(
        backend=kind,
        reason=wished.choice.reason,
        families=applied.families,
        changed=applied.changed or added or bool(swept.removed),
        processes=applied.processes + swept.processes,
        notes=notes,
        details=wished.details,
    )


def _replaced(removed: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{what} were replaced" for what in removed)


def _keep_in_firewalld(wished: Wish, world: World) -> tuple[str, ...]:
    if not wished.config.store_firewalld:
        return ()
    from kuma_net.netfilter.restore_text import render_restore

    families = wished.ruleset.families
    texts = {family: render_restore(wished.ruleset, family) for family in families}
    return (FIREWALLD_KEEPS,) if world.store_firewalld(texts) else ()
