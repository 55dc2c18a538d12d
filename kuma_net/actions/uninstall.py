"""Take away everything of ours, whoever put it there and however.

Needs no configuration and no account: what is ours is known by its table, its chains and its
comments.  Foreign rules stay as they are, counters included.  Each step is taken even if one
before it failed; what failed is told together at the end, with what was done.
"""

from __future__ import annotations

from kuma_net.actions.reports import UninstallReport
from kuma_net.actions.sweep import Swept, sweep
from kuma_net.errors import HostError, PermissionDenied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kuma_net.actions.wish import Request
    from kuma_net.actions.world import World
    from kuma_net.tproxy.config import Config

ADDRESS = "::6/128 on the loopback interface"
FIREWALLD = "the rules that firewalld keeps in /etc/firewalld/direct.xml"


class PartlyUninstalled(HostError):
    """Some steps failed; ``report`` says what was done, ``problems`` what was not and why."""

    def __init__(self, report: UninstallReport, problems: tuple[str, ...]) -> None:
        """Keep both."""
        self.report = report
        self.problems = problems
        super().__init__("; ".join(problems))


def uninstall(config: Config, world: World, request: Request) -> UninstallReport:
    """Do it, or with ``config.dry_run`` tell what would be done.

    Raises PermissionDenied before anything is touched, and PartlyUninstalled.
    """
    if not world.kernel().net_admin:
        raise PermissionDenied("CAP_NET_ADMIN", "looking for rules and removing them")
    pretend = config.dry_run
    problems: list[str] = []

    def attempt(step: Callable[..., bool]) -> bool:
        try:
            return step(pretend=pretend)
        except HostError as problem:
            problems.append(str(problem))
            return False

    swept = Swept()
    try:
        swept = sweep(world, config, pretend=pretend)
    except HostError as problem:
        problems.append(str(problem))
    removed = list(swept.removed)
    removed += [ADDRESS] * attempt(world.remove_address)
    restored = False
    if not request.elsewhere:
        removed += [FIREWALLD] * attempt(world.unstore_firewalld)
        restored = attempt(world.restore_resolv_conf)
    report = UninstallReport(tuple(removed), restored, swept.processes, swept.notes, pretend)
    if problems:
        raise PartlyUninstalled(report, tuple(problems))
    if not pretend:
        world.ask_watcher("supersede")
    return report
