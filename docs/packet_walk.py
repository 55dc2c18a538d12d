"""``packet-walk.md``: what becomes of every kind of packet, told by the simulator itself."""

from __future__ import annotations

from kuma_net.netfilter.explain import explain
from kuma_net.netfilter.packet import Packet
from kuma_net.netfilter.simulate import simulate
from kuma_net.tproxy.compile import compile_ruleset
from kuma_net.tproxy.facts import Account, HostFacts
from kuma_net.tproxy.plan import plan
from kuma_net.tproxy.sources import Sources, load
from kuma_net.values import Family, L4Proto, parse_address

FLAGS = (
    ("--redirect-all-dns-traffic", "true"),
    ("--exclude-inbound-ports", "9901"),
    ("--exclude-outbound-ports", "3306"),
    ("--exclude-outbound-ips", "192.0.2.0/24"),
    ("--exclude-outbound-ports-for-uids", "tcp:443:1234"),
)
OWN_ADDRESSES = {"10.0.0.2", "fd00::2", "127.0.0.1"}
INTRODUCTION = """\
# What becomes of a packet

Made by `make docs` from the simulator, for a workload at 10.0.0.2 and fd00::2 whose sidecar runs
as user 5678, captured with

    kuma-init {flags}

Each answer names the rules that the packet matched, with their reason and, in brackets, the
setting that caused them.  What goes on untouched is left to the rules of others and to routing.
"""


def sent(
    destination: str,
    port: int,
    *,
    uid: int = 1000,
    source: str = "10.0.0.2",
    proto: L4Proto = L4Proto.TCP,
) -> Packet:
    """Return the first packet of something this machine sends."""
    family = Family.IPV6 if ":" in destination else Family.IPV4
    return Packet(
        hook="OUTPUT",
        family=family,
        proto=proto,
        source=parse_address(source, family),
        destination=parse_address(destination, family),
        source_port=40000,
        destination_port=port,
        out_interface="lo" if destination in OWN_ADDRESSES else "eth0",
        uid=uid,
        gid=uid,
    )


def arriving(port: int, source: str = "10.0.0.9", destination: str = "10.0.0.2") -> Packet:
    """Return the first packet of a connection that arrives."""
    packet = sent(destination, port, source=source)
    return packet.replace(
        hook="PREROUTING", in_interface="eth0", out_interface="", uid=None, gid=None
    )


WALKS = (
    ("The workload calls somebody", sent("198.51.100.7", 80)),
    ("The same over IPv6", sent("2001:db8::7", 80, source="fd00::2")),
    ("The sidecar calls somebody", sent("198.51.100.7", 80, uid=5678)),
    ("Somebody calls the workload", arriving(8080)),
    ("Somebody calls an excluded port", arriving(9901)),
    (
        "The sidecar hands a connection to the workload",
        sent("10.0.0.2", 8080, uid=5678, source="127.0.0.6"),
    ),
    (
        "The sidecar calls its own workload by its address",
        sent("10.0.0.2", 8080, uid=5678),
    ),
    ("The workload calls itself by its address", sent("10.0.0.2", 8080)),
    (
        "The workload calls localhost",
        sent("127.0.0.1", 8080, source="127.0.0.1"),
    ),
    ("The workload calls an excluded port", sent("198.51.100.7", 3306)),
    ("The workload calls an excluded network", sent("192.0.2.7", 80)),
    ("A user with an exclusion calls its port", sent("198.51.100.7", 443, uid=1234)),
    ("The same user calls another port", sent("198.51.100.7", 80, uid=1234)),
    ("The workload resolves a name", sent("10.0.0.53", 53, proto=L4Proto.UDP)),
    ("The sidecar resolves a name", sent("10.0.0.53", 53, uid=5678, proto=L4Proto.UDP)),
    ("The workload resolves a name over TCP", sent("10.0.0.53", 53)),
    ("The workload sends other UDP", sent("198.51.100.7", 443, proto=L4Proto.UDP)),
)


def packet_walk_markdown() -> str:
    """Return the page."""
    facts = HostFacts(account=Account(5678, "UID 5678"))
    ruleset = compile_ruleset(plan(load(Sources(flags=FLAGS)).config, facts))
    words = [flag if text == "true" else f"{flag}={text}" for flag, text in FLAGS]
    page = [INTRODUCTION.format(flags=" \\\n      ".join(words))]
    for title, packet in WALKS:
        page.append(f"\n## {title}\n\n```\n{explain(simulate(ruleset, packet))}```\n")
    return "".join(page)
