"""Changes that undo themselves unless somebody who can still reach the machine confirms them.

Before the change a process is started that remembers how things were (``host.watcher`` tells how
it lives); after the change its time begins to run.  What it puts back: the rules of every
backend, as they were read; ``::6`` goes where no rules for IPv6 were before.
"""

from __future__ import annotations

from kuma_net.errors import HostError
from kuma_net.record import Record
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.reports import InstallReport
    from kuma_net.actions.wish import Wish
    from kuma_net.actions.world import World
    from kuma_net.backends.base import Installed, Kind
    from kuma_net.host.pending import Pending
    from kuma_net.tproxy.config import Config


class Before(Record):
    """How things were: what each backend held."""

    held: tuple[tuple[Kind, Installed], ...]

    @property
    def had_ipv6(self) -> bool:
        """Whether there were rules for IPv6, which need ``::6``."""
        return any(Family.IPV6 in found.ruleset.families for _, found in self.held)


class NothingPending(HostError):
    """There is no change to confirm."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("no change waits for a confirmation in this network namespace")


def remember(world: World, config: Config) -> Before:
    """Read how things are; HostError where that could not be put back."""
    held = []
    for kind in world.holders():
        found = world.backend(kind, config).read()
        if found is None:
            continue
        if found.stamp is None or found.strange:
            raise HostError(
                f"the rules put there by {kind} are not as kuma-net writes them, so they could "
                "not be put back: install without --confirm, or uninstall first"
            )
        held.append((kind, found))
    return Before(tuple(held))


def put_back(before: Before, world: World, config: Config) -> None:
    """Make things be as they were; safe to repeat, and when nothing has changed."""
    for kind, found in before.held:
        if found.stamp is not None:
            world.backend(kind, config).apply(found.ruleset, found.stamp)
    kept = {kind for kind, _ in before.held}
    for kind in world.holders():
        if kind not in kept:
            world.backend(kind, config).remove()
    if not before.had_ipv6:
        world.remove_address()


def guarded(wished: Wish, world: World, seconds: float) -> InstallReport:
    """Carry a wish out under guard: it is undone after so many seconds.

    A change that fails is undone at once; one that turns out to be none is not guarded.
    """
    from kuma_net.actions.install import carry_out

    before = remember(world, wished.config)

    def undo() -> None:
        put_back(before, world, wished.config)

    watcher = world.watch(seconds, undo)
    try:
        report = carry_out(wished, world)
    except HostError:
        undo()
        watcher.dismiss()
        raise
    if not report.changed:
        watcher.dismiss()
        return report
    watcher.arm()
    return report.replace(confirm_within=seconds)


def confirm(world: World) -> Pending:
    """Keep the change that waits; raises NothingPending, or HostError when it is too late."""
    pending = world.ask_watcher("confirm")
    if pending is None:
        raise NothingPending
    return pending
