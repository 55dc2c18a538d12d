"""Why DNS capture splits connection tracking into zones: the sidecar asks from a used port.

The sidecar's query to a name server may have the very addresses and ports that a workload's
query to it had a moment ago.  Connection tracking then takes it for the same exchange, and the
redirect that it remembers sends the sidecar's query back to the sidecar; the other way round a
workload's query slips past the resolver.  On a busy host that hits one look-up in twenty.
Here each of a hundred ports is used by both in turn, so without zones every one goes astray.
"""

from __future__ import annotations

import pytest

from lab.host import SIDECAR, WORKLOAD
from lab.installing import BACKENDS, config_of, install_here
from lab.rows import listen, parse_rows
from lab.senders import Outcome, Probe, send_all
from lab.servers import Landing
from lab.topology import ADDRESSES, Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_net.backends.base import Kind

FIRST_PORT, PORTS = 40000, 100
RESOLVER, NAME_SERVER = ("app", 15053), ("remote", 53)

EVERYTHING = {"redirect.dns.captureAll": True}
SERVERS = {"redirect.dns.enabled": True}
every_capture = pytest.mark.parametrize(
    "options", [EVERYTHING, SERVERS], ids=["all-DNS", "servers-of-resolv.conf"]
)
every_family = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])


def ask(lab: Lab, uid: int, family: int) -> list[tuple[str, int] | str]:
    """Send a query to the name server from each of the ports, as a user; say where they landed."""
    destination = (ADDRESSES["nameserver"][family], 53)
    source = ADDRESSES["self"][family]
    probes = [
        Probe("udp", destination, uid, uid, (source, port), 2.0)
        for port in range(FIRST_PORT, FIRST_PORT + PORTS)
    ]
    return [place(outcome) for outcome in lab.app.call(send_all, probes)]


def place(outcome: Outcome) -> tuple[str, int] | str:
    return (outcome.host, outcome.port) if isinstance(outcome, Landing) else outcome


def install(lab: Lab, options: Mapping[str, object], backend: Kind) -> None:
    listen(lab, parse_rows("workload udp nameserver:53 -> resolver"))
    lab.app.call(install_here, config_of({**options, "backend": backend}))


@pytest.mark.parametrize("backend", BACKENDS)
@every_capture
@every_family
def test_a_burst_of_queries_from_the_same_ports_lands_right(
    lab: Lab, options: Mapping[str, object], backend: Kind, family: int
) -> None:
    install(lab, options, backend)
    for _ in range(2):
        assert ask(lab, WORKLOAD, family) == [RESOLVER] * PORTS
        assert ask(lab, SIDECAR, family) == [NAME_SERVER] * PORTS


@every_capture
@every_family
def test_without_the_split_the_sidecars_queries_come_back_to_it(
    lab: Lab, options: Mapping[str, object], family: int
) -> None:
    install(lab, {**options, "redirect.dns.skipConntrackZoneSplit": True}, "nftables")
    assert ask(lab, WORKLOAD, family) == [RESOLVER] * PORTS
    assert NAME_SERVER not in ask(lab, SIDECAR, family)


@every_capture
@every_family
def test_without_the_split_the_workloads_queries_slip_past_the_resolver(
    lab: Lab, options: Mapping[str, object], family: int
) -> None:
    install(lab, {**options, "redirect.dns.skipConntrackZoneSplit": True}, "nftables")
    assert ask(lab, SIDECAR, family) == [NAME_SERVER] * PORTS
    assert RESOLVER not in ask(lab, WORKLOAD, family)
