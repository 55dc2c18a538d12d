"""Prove by packets that inbound capture works here, as the sidecar's user, without capabilities.

Theory.  A pod whose rules come from a CNI plugin cannot see them: listing rules takes
CAP_NET_ADMIN.  What it can do is send connections and look where they arrive (``host.arrivals``).
Two paths of each family can be tried from inside, and both must hold for the sidecar to work:

* ``inbound``: the sidecar's user calls an address of its own machine.  The rules take that for
  what arrives from outside, and it must land at the inbound port.
* ``passthrough``: what the sidecar hands to the workload, from 127.0.0.6 or ``::6``, must arrive
  where it was sent; captured again it would run in a circle for ever.

Rules that are not there yet may still come (an agent on the node repairs pods that started before
the plugin), so everything is tried again until it holds or time is up.

What surprised us: a test that may be skipped passes when nothing is installed.  So IPv4 is always
tried; a path is left out only where the configuration or the machine has no such thing, with
the reason; and a path that is asked for but cannot be tried from inside counts as not proven.
"""

from __future__ import annotations

from errno import EADDRINUSE, EADDRNOTAVAIL
from itertools import islice
from posix import geteuid, urandom
from time import monotonic, sleep

from kuma_net.host import accounts
from kuma_net.host.arrivals import LOCALHOST, PASSTHROUGH, Ends, Occupied
from kuma_net.host.probe import ipv6_to_capture
from kuma_net.record import Record
from kuma_net.values import Family, PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from kuma_net.host.arrivals import Arrival
    from kuma_net.tproxy.config import Config

    Path: TypeAlias = Literal["inbound", "passthrough"]
    Verdict: TypeAlias = Literal["proven", "not proven", "left out"]

PATIENCE = 10.0
"""Seconds until what is not proven is told."""
PAUSE = 0.25
"""Seconds between two tries."""
ONE_TRY = 1.0
"""Seconds for one connection: on loopback it takes microseconds, but processor time is rationed."""
TARGETS = range(20000, 30000)
"""Ports that connections are sent to: nobody serves there, and clients get higher ones."""
ENOUGH = 16
"""Ports to try one after the other where others are in use."""

NO_INBOUND = "inbound capture is off in the configuration (redirect.inbound.enabled)"
NO_OUTBOUND = (
    "outbound capture is off in the configuration (redirect.outbound.enabled), and the rules "
    "that could be tried from inside are part of it"
)
NO_PORT = "every port that could be tried is excluded (redirect.outbound.excludePorts)"


class Finding(Record):
    """What was found out about a path of a family; ``told`` is how, or why not (a clause)."""

    family: Family
    path: Path
    verdict: Verdict
    told: str


class ValidationReport(Record):
    """What was proven.  ``advice`` are sentences about what to do where something was not."""

    findings: tuple[Finding, ...]
    advice: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0: all that was asked for is proven; 1: something is not."""
        return int(any(finding.verdict == "not proven" for finding in self.findings))


def validate(config: Config, patience: float = PATIENCE) -> ValidationReport:
    """Try every path that ``config`` asks for until all hold, ``patience`` seconds at most."""
    inbound, outbound = config.redirect.inbound, config.redirect.outbound
    if not inbound.enabled:
        return ValidationReport((Finding(Family.IPV4, "inbound", "left out", NO_INBOUND),))
    targets = _targets(PortSet() if outbound.include_ports else outbound.exclude_ports)
    if not outbound.enabled or not targets:
        why = NO_PORT if outbound.enabled else NO_OUTBOUND
        return ValidationReport((Finding(Family.IPV4, "inbound", "not proven", why),))
    until = monotonic() + patience
    while True:
        findings = (
            *_family(Family.IPV4, inbound.port, targets, until),
            *_ipv6(config, targets, until),
        )
        report = ValidationReport(findings)
        if not report.exit_code:
            return report
        if monotonic() + PAUSE > until:
            return report.replace(advice=_advice(config, patience))
        sleep(PAUSE)


def _ipv6(config: Config, targets: tuple[int, ...], until: float) -> tuple[Finding, ...]:
    """Try IPv6 unless install leaves it out as well."""
    there, why = ipv6_to_capture(config)
    if not there:
        return (Finding(Family.IPV6, "inbound", "left out", why),)
    inbound = config.redirect.inbound
    return _family(Family.IPV6, inbound.port_ipv6 or inbound.port, targets, until)


def _family(
    family: Family, port: int, targets: tuple[int, ...], until: float
) -> tuple[Finding, ...]:
    """Try both paths of a family once."""
    patience = min(ONE_TRY, max(until - monotonic(), PAUSE))
    try:
        with Ends(family, port, targets) as ends:
            inbound = ends.send(LOCALHOST[family], patience)
            passthrough = ends.send(PASSTHROUGH[family], patience)
    except Occupied as occupied:
        return (Finding(family, "inbound", "not proven", _occupied_text(occupied)),)
    verdict, told = _judge_inbound(inbound, ends, port)
    found = Finding(family, "inbound", verdict, told)
    return found, Finding(family, "passthrough", *_judge_passthrough(passthrough, ends))


def _targets(excluded: PortSet) -> tuple[int, ...]:
    """Return a few ports to try, from anywhere on: two who validate at once should not meet."""
    start = int.from_bytes(urandom(2), "big") % len(TARGETS)
    turned = (*TARGETS[start:], *TARGETS[:start])
    return tuple(islice((port for port in turned if port not in excluded), ENOUGH))


def _judge_inbound(arrival: Arrival, ends: Ends, port: int) -> tuple[Verdict, str]:
    sent = f"a connection to {_text(ends.target)}"
    proxy = _text((LOCALHOST[ends.family], port))
    if arrival.place == "target":
        return "not proven", f"{sent} was not captured: it arrived there and not at {proxy}"
    if arrival.place == "nowhere":
        return "not proven", f"{sent} did not arrive at {proxy}: {arrival.problem}"
    if arrival.original != ends.target:
        return "not proven", f"{sent} arrived at {proxy}, but was sent on by another way"
    return "proven", f"{sent} arrived at {proxy}"


def _judge_passthrough(arrival: Arrival, ends: Ends) -> tuple[Verdict, str]:
    sent = f"a connection from {PASSTHROUGH[ends.family]} to {_text(ends.target)}"
    if arrival.place == "proxy":
        return "not proven", f"{sent} was captured again: the sidecar would call itself for ever"
    if arrival.place == "nowhere":
        return "not proven", f"{sent} did not arrive: {arrival.problem}"
    return "proven", f"{sent} arrived there"


def _occupied_text(occupied: Occupied) -> str:
    address, _ = occupied.address
    if occupied.errno == EADDRNOTAVAIL:
        return f"{address} is not an address of the loopback interface; install puts it there"
    if occupied.errno == EADDRINUSE and address in LOCALHOST.values():
        return f"{_text(occupied.address)} is in use: a sidecar, or another program, runs already"
    return f"cannot listen at {_text(occupied.address)}: {occupied.strerror}"


def _text(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


MISSING = "the capture rules are missing here, or were made from other settings"
OF_PLUGIN = (
    "with the CNI plugin: look on the pod's node what it did (kuma-cni logs POD); a pod that was "
    "started before the plugin was installed has to be deleted, unless the plugin's agent "
    "repairs it"
)
BY_HAND = "without it: install the rules first (kumactl install transparent-proxy, as root)"


def _advice(config: Config, patience: float) -> tuple[str, ...]:
    """Return what is wrong and what to do about it."""
    ours = geteuid()
    sidecar = accounts.verbatim(config.kuma_dp_user)
    if sidecar is not None and sidecar.uid != ours:
        wrong = (
            f"this is user {ours}, and the rules know the sidecar as user {sidecar.uid}: "
            "run it as that user, or name the other with --kuma-dp-user"
        )
        return (f"not proven within {patience:g} s: {wrong}",)
    return (f"not proven within {patience:g} s: {MISSING}", OF_PLUGIN, BY_HAND)
