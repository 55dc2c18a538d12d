"""What is installed, and whether that is as it should be.

Where something was asked (options, files, variables), what is installed is compared with that.
Otherwise it is compared with the digest in its own stamp, which tells "untouched" from "changed"
without any file; what cannot be judged that way is said.
"""

from __future__ import annotations

from kuma_net.actions.findings import CountedRule, StatusReport
from kuma_net.actions.wish import Request, wish
from kuma_net.backends.base import counted_place
from kuma_net.errors import PermissionDenied
from kuma_net.netfilter.compare import compare
from kuma_net.netfilter.describe import describe, describe_place
from kuma_net.netfilter.digest import digest
from kuma_net.record import Record
from kuma_net.tproxy.config import Config
from kuma_net.values import Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.actions.world import World
    from kuma_net.backends.base import Installed, Kind
    from kuma_net.netfilter.ruleset import Ruleset

UNJUDGED = (
    "no options were given, so this compares the rules with their own digest; whether they are "
    "what somebody wants now is not judged: give the options of install to ask that"
)
NO_ADDRESS = "missing: ::6/128 on the loopback interface, which the sidecar needs for IPv6"
NO_STAMP = "who installed these rules, and from what, cannot be told: their stamp is missing"


class Holding(Record):
    """What one backend's place holds of ours, or of kumactl's."""

    kind: Kind
    installed: Installed


def holdings(world: World, config: Config) -> tuple[Holding, ...]:
    """Return what is installed, by backend; raises HostError."""
    if not world.kernel().net_admin:
        raise PermissionDenied("CAP_NET_ADMIN", "reading the rules")
    found = [(kind, world.backend(kind, config).read()) for kind in world.holders()]
    return tuple(Holding(kind, installed) for kind, installed in found if installed)


def status(config: Config | None, world: World, request: Request) -> StatusReport:
    """Return what is installed against ``config``, or with None against its own digest.

    Raises ConfigError and HostError.
    """
    held = holdings(world, config or Config())
    pending = world.ask_watcher("status")
    seconds = pending.seconds if pending else None
    report = _by_digest(held, world) if config is None else _as_asked(held, config, world, request)
    notes = (*report.notes, *_several(held))
    return report.replace(notes=notes, pending=seconds)


def _by_digest(held: tuple[Holding, ...], world: World) -> StatusReport:
    if not held:
        return StatusReport(None, "", "", (), (), "nothing")
    report = _described(held[0])
    installed = held[0].installed
    if installed.stamp is None:
        return report.replace(verdict="changed", notes=(NO_STAMP,))
    drift = (*installed.strange, *_lacks_address(installed.ruleset, world))
    if digest(installed.ruleset) != installed.stamp.rules:
        drift = ("the rules do not have the digest that their stamp says", *drift)
    verdict = "changed" if drift else "untouched"
    ipv6 = Family.IPV6 in installed.ruleset.families
    notes = (UNJUDGED,) if ipv6 else (UNJUDGED, "IPv6 is not captured")
    return report.replace(verdict=verdict, drift=drift, notes=notes)


def _as_asked(
    held: tuple[Holding, ...], config: Config, world: World, request: Request
) -> StatusReport:
    wished = wish(config, world, request)
    ours = next((one for one in held if one.kind == wished.choice.kind), None)
    drift = differences(wished.ruleset, ours, held, world)
    if not held:
        empty = StatusReport(None, "", "", (), (), "differs")
        return empty.replace(drift=drift, notes=wished.notes)
    report = _described(ours or held[0])
    verdict = "differs" if drift else "as asked"
    return report.replace(verdict=verdict, drift=drift, notes=wished.notes)


def differences(
    asked: Ruleset, ours: Holding | None, held: tuple[Holding, ...], world: World
) -> tuple[str, ...]:
    """Return what ``install`` would change, a line each."""
    lines: list[str] = []
    if ours is None:
        rules = sum(1 for _ in asked.rules())
        lines.append(f"missing: all {rules} rules")
    else:
        lines += str(compare(asked, ours.installed.ruleset)).splitlines()
        lines += ours.installed.strange
        if ours.installed.stamp is None:
            lines.append(NO_STAMP)
    lines += _lacks_address(asked, world)
    lines += [
        f"not asked for: the rules put there by {one.kind}" for one in held if one is not ours
    ]
    return tuple(lines)


def _described(held: Holding) -> StatusReport:
    installed = held.installed
    stamp = installed.stamp
    counts = {(count.chain, count.position): count for count in installed.counts}
    rules = []
    positions: dict[str, int] = {}
    for chain, rule in installed.ruleset.rules():
        place = counted_place(chain)
        position = positions.get(place, 0)
        positions[place] = position + 1
        count = counts.get((place, position))
        seen = (count.packets, count.octets) if count else (None, None)
        rules.append(CountedRule(describe_place(chain), describe(rule), *seen))
    return StatusReport(
        held.kind,
        stamp.version if stamp else "",
        stamp.config if stamp else "",
        installed.ruleset.families,
        tuple(rules),
        "untouched",
    )


def _several(held: tuple[Holding, ...]) -> tuple[str, ...]:
    """Say what is there besides; the drift says it too where something was asked."""
    return tuple(f"there are rules put there by {one.kind} too" for one in held[1:])


def _lacks_address(ruleset: Ruleset, world: World) -> tuple[str, ...]:
    """Say that ``::6`` is missing where rules for IPv6 need it; lo going down loses it."""
    needed = Family.IPV6 in ruleset.families
    return (NO_ADDRESS,) if needed and not world.has_address() else ()
