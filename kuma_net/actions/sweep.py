"""Take away what is ours, or kumactl's, in places other than the one that is to keep it."""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.world import World
    from kuma_net.backends.base import Kind
    from kuma_net.tproxy.config import Config


class Swept(Record):
    """What was taken away: a clause for each place, child processes, sentences."""

    removed: tuple[str, ...] = ()
    processes: int = 0
    notes: tuple[str, ...] = ()


def sweep(
    world: World, config: Config, keep: Kind | None = None, *, pretend: bool = False
) -> Swept:
    """Remove our rules from every backend's place but ``keep``'s; raises HostError.

    ``pretend``: only tell what would be removed.
    """
    removed: list[str] = []
    notes: list[str] = []
    processes = 0
    for kind in world.holders(besides=keep):
        if pretend:
            removed.append(f"the rules put there by {kind}")
            continue
        applied = world.backend(kind, config).remove()
        processes += applied.processes
        notes += applied.notes
        if applied.changed:
            removed.append(f"the rules put there by {kind}")
    return Swept(tuple(removed), processes, tuple(notes))
