"""The simulator is tested against the kernel: what it says becomes of a packet is what becomes.

Random configurations, made of pieces that meet each other at their borders, and random packets
near those borders.  The seed is in the test's name, so a failure can be had again.
"""

from __future__ import annotations

import random

import pytest

from kuma_net.netfilter.explain import explain
from kuma_net.netfilter.simulate import simulate
from lab.host import SIDECAR, WORKLOAD
from lab.installing import BACKENDS, apply_here, config_of, remove_here, ruleset_here
from lab.packets import packet_of
from lab.rows import Row, in_words, listen, parse_rows, send_rows
from lab.servers import Landing
from lab.topology import HOST_OF, Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.backends.base import Kind
    from kuma_net.netfilter.simulate import Verdict
    from lab.senders import Outcome

PACKETS = 200
SEEDS = range(12)

PORTS = (22, 53, 79, 80, 81, 443, 8000, 8080, 8100)
UIDS = (0, WORKLOAD, 1233, 1234, 1300, 1301, SIDECAR)
DESTINATIONS = (
    *("self", "self-b", "localhost", "loopback", "remote-b", "guest", "gateway"),
    *("office", "office-b", "abroad", "world", "nameserver"),
)
ARRIVING = ("remote", "neighbour", "office", "abroad", "guest")

PIECES: tuple[dict[str, object], ...] = (
    {"redirect.inbound.enabled": False},
    {"redirect.inbound.includePorts": "80-443,8080"},
    {"redirect.inbound.excludePorts": "22,80-100"},
    {"redirect.inbound.excludePortsForIPs": "198.51.100.0/25,2001:db8:51::/48,10.78.0.0/24"},
    {"redirect.outbound.enabled": False},
    {"redirect.outbound.includePorts": "80,8000-8100"},
    {"redirect.outbound.excludePorts": "443,8000"},
    {"redirect.outbound.excludePortsForUIDs": ["tcp:80:1234", "53:1234-1300", "udp:*:1300"]},
    {"redirect.outbound.excludePortsForGIDs": ["80-443:1233", "1301"]},
    {"redirect.outbound.includeIPs": "192.0.2.0/24,2001:db8::/32"},
    {"redirect.outbound.excludePortsForIPs": "198.51.100.64/26,2001:db8:51::90/124"},
    {"redirect.dns.enabled": True},
    {"redirect.dns.captureAll": True},
    {"redirect.dns.captureAll": True, "redirect.dns.tcp": True},
    {"redirect.vnet.networks": ["br0:10.79.0.0/24", "br0:fd79::/64"]},
    {"redirect.excludeInterfaces": "eth1"},
    {"dropInvalidPackets": True},
    {"log.enabled": True},
    {"ipFamilyMode": "ipv4"},
    {"redirect.outbound.port": 25001, "redirect.inbound.port": 25006, "redirect.dns.port": 25053},
)


def random_options(chance: random.Random) -> dict[str, object]:
    """Return a configuration of about a third of the pieces."""
    options: dict[str, object] = {}
    for piece in PIECES:
        if chance.random() < 0.33:
            options |= piece
    return options


def random_row(chance: random.Random) -> Row:
    """Return a packet sent or received by the application's host; where it lands is not said."""
    proto, port = chance.choice(("tcp", "tcp", "udp")), chance.choice(PORTS)
    family = (chance.choice(("ipv4", "ipv6")),)
    if chance.random() < 0.4:
        sender = chance.choice(ARRIVING)
        name = {"neighbour": "self-b"}.get(sender, "self")
        if sender == "guest":
            name = chance.choice(("gateway", "world", "office", "nameserver"))
    else:
        uid = chance.choice(UIDS)
        kind = chance.choice(("user", "user", "group"))
        sender, name = f"{kind} {uid}", chance.choice(DESTINATIONS)
    return Row(sender, proto, name, port, "direct", family)


def agrees(verdict: Verdict, row: Row, outcome: Outcome) -> bool:
    """Whether a packet landed where the simulator says."""
    if not isinstance(outcome, Landing):
        return False
    if verdict.outcome == "redirected":
        return (outcome.host, outcome.port) == ("app", verdict.port)
    direct = (HOST_OF.get(row.name, "app"), row.port)
    return verdict.outcome == "untouched" and (outcome.host, outcome.port) == direct


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    every_port = "\n".join(f"workload tcp world:{port} -> direct" for port in PORTS)
    others = "workload tcp world:1 -> 25001\nremote tcp self:1 -> 25006\nguest udp world:1 -> 25053"
    with Lab() as built:
        listen(built, parse_rows(f"{every_port}\n{others}"))
        yield built


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_packets_land_where_the_simulator_says(lab: Lab, backend: Kind, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    options = random_options(chance)
    ruleset = lab.app.call(ruleset_here, config_of(options), backend)
    rows = [random_row(chance) for _ in range(PACKETS)]
    lab.app.call(apply_here, backend, ruleset)
    try:
        outcomes = send_rows(lab, [(row, row.families[0]) for row in rows])
    finally:
        lab.app.call(remove_here, backend)
    for row, outcome in zip(rows, outcomes, strict=True):
        verdict = simulate(ruleset, packet_of(row, row.families[0]))
        told = f"{options}\n{row} {row.families[0]}: {in_words(outcome)}\n{explain(verdict)}"
        assert agrees(verdict, row, outcome), told
