"""What ``install`` would change, without changing it.

Without options there are two cases: where something of ours is installed, it is compared with
its own digest, as ``status`` does; on a bare machine the plan is that of the defaults, because
that is what ``install`` without options would do.
"""

from __future__ import annotations

from kuma_net.actions.findings import PlanReport
from kuma_net.actions.status import differences, holdings, status
from kuma_net.actions.wish import Request, wish
from kuma_net.tproxy.config import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.findings import StatusReport
    from kuma_net.actions.world import World


def plan(config: Config | None, world: World, request: Request) -> PlanReport:
    """Return what would change; ``None`` stands for "nothing was asked".

    Raises ConfigError and HostError.
    """
    held = holdings(world, config or Config())
    if config is None and held:
        return _of_status(status(None, world, request))
    wished = wish(config or Config(), world, request)
    ours = next((one for one in held if one.kind == wished.choice.kind), None)
    return PlanReport(
        wished.choice.kind,
        wished.choice.reason,
        wished.ruleset.families,
        differences(wished.ruleset, ours, held, world),
        wished.notes,
    )


def _of_status(found: StatusReport) -> PlanReport:
    drift = found.drift
    if found.exit_code and not drift:
        drift = found.notes
    kind = found.backend or "nftables"
    return PlanReport(kind, "it is installed", found.families, drift, found.notes)
