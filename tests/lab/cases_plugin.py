"""Packet tables of the plugin: pods as Kuma's injectors annotate them, both generations."""

from __future__ import annotations

from kuma_net.record import Record
from lab.injected import (
    EXCLUDED_UIDS,
    EXCLUSIONS_DOCUMENT,
    GATEWAY_DOCUMENT,
    INJECTED,
    OUTBOUND_PORT,
    PLAIN_DOCUMENT,
    document,
    documented,
    single,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Pod(Record):
    """A pod's annotations and what becomes of its packets; ``name`` is a sentence.

    ``notes``: what the log's notes must mention.  ``servers`` are those that the runtime sends.
    """

    name: str
    annotations: Mapping[str, str]
    rows: str
    notes: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the name as pytest shows it."""
        return self.name.replace(" ", "-")


PLAIN_ROWS = """
    workload     tcp world:80        -> outbound
    workload     tcp world:53        -> direct
    workload     udp world:53        -> resolver
    workload     udp nameserver:53   -> resolver
    workload     udp world:80        -> direct
    root         tcp world:80        -> outbound
    user 1234    tcp world:443       -> outbound
    workload     tcp localhost:8080  -> direct
    sidecar      tcp world:80        -> direct
    sidecar      udp world:53        -> direct
    sidecar      tcp self:8080       -> inbound
    passthrough  tcp self:8080       -> direct
    remote       tcp self:8080       -> inbound
    remote       tcp self:9901       -> inbound
    remote       tcp self:9001       -> direct
    remote       tcp self:9902       -> direct
    office       tcp self:8080       -> inbound
"""
EXCLUSIONS_ROWS = """
    workload     tcp world:80    ipv4 -> outbound
    workload     tcp world:80    ipv6 -> direct
    workload     tcp world:3306       -> direct
    workload     tcp world:5432       -> direct
    workload     tcp abroad:80        -> direct
    workload     udp world:53    ipv4 -> resolver
    workload     tcp world:443   ipv4 -> outbound
    user 1234    tcp world:443        -> direct
    user 1234    udp world:53         -> direct
    user 1234    tcp world:80    ipv4 -> outbound
    sidecar      tcp world:80         -> direct
    remote       tcp self:8080   ipv4 -> inbound
    remote       tcp self:8080   ipv6 -> direct
    remote       tcp self:9999        -> direct
    remote       tcp self:9001        -> direct
    remote       tcp self:9902        -> direct
    office       tcp self:8080   ipv4 -> direct
"""
GATEWAY_ROWS = """
    workload     tcp world:80        -> outbound
    workload     udp world:53        -> resolver
    sidecar      tcp world:80        -> direct
    remote       tcp self:8080       -> direct
    remote       tcp self:443        -> direct
"""
RECIPE_ROWS = """
    user 1234    tcp world:443       -> direct
    user 1234    udp world:53        -> direct
    user 1234    tcp world:80        -> outbound
    user 1234    udp world:5353      -> direct
    workload     tcp world:443       -> outbound
    workload     udp world:53        -> resolver
    remote       tcp self:8080       -> inbound
"""
UIDS = "traffic.kuma.io/exclude-outbound-ports-for-uids"
OLD_RECIPE = (
    "traffic.kuma.io/exclude-outbound-tcp-ports-for-uids=443:1234",
    "traffic.kuma.io/exclude-outbound-udp-ports-for-uids=53:1234",
)
CONTRADICTING = single(
    "kuma.io/sidecar-uid=1234",
    "kuma.io/transparent-proxying-outbound-port=15099",
    "traffic.kuma.io/exclude-outbound-ports=80",
    "traffic.kuma.io/exclude-inbound-ports=8080",
    "kuma.io/builtin-dns=disabled",
    gateway=True,
)

PODS = (
    Pod("a document captures both ways", documented(PLAIN_DOCUMENT), PLAIN_ROWS),
    Pod(
        "exclusions of a document go past the sidecar",
        documented(EXCLUSIONS_DOCUMENT),
        EXCLUSIONS_ROWS,
    ),
    Pod(
        "a gateway's document lets in what arrives",
        documented(GATEWAY_DOCUMENT) | {"kuma.io/gateway": "enabled"},
        GATEWAY_ROWS,
    ),
    Pod("single annotations capture both ways", single(), PLAIN_ROWS),
    Pod(
        "exclusions of single annotations go past the sidecar",
        single(
            "kuma.io/transparent-proxying-ip-family-mode=ipv4",
            "traffic.kuma.io/drop-invalid-packets=true",
            "traffic.kuma.io/iptables-logs=true",
            "traffic.kuma.io/exclude-inbound-ips=198.51.100.0/24",
            "traffic.kuma.io/exclude-inbound-ports=9999,9902",
            "traffic.kuma.io/exclude-outbound-ips=203.0.113.0/24,2001:db8:113::/48",
            "traffic.kuma.io/exclude-outbound-ports=3306,5432",
            f"{UIDS}=tcp:443:1234;udp:53:1234",
        ),
        EXCLUSIONS_ROWS,
    ),
    Pod("a gateway's annotations let in what arrives", single(gateway=True), GATEWAY_ROWS),
    Pod(
        "a mesh pod that says nothing else is captured but for DNS",
        INJECTED,
        """
        workload     tcp world:80        -> outbound
        workload     udp world:53        -> direct
        sidecar      tcp world:80        -> direct
        remote       tcp self:8080       -> inbound
        """,
    ),
    Pod(
        "the recipe for init containers works in its old spelling",
        single(*OLD_RECIPE),
        RECIPE_ROWS,
        notes=(
            "exclude-outbound-tcp-ports-for-uids is deprecated",
            "exclude-outbound-udp-ports-for-uids is deprecated",
        ),
    ),
    Pod(
        "the recipe for init containers works in its new spelling",
        single(f"{UIDS}=tcp:443:1234;udp:53:1234"),
        RECIPE_ROWS,
    ),
    Pod(
        "the recipe for init containers works in a document",
        documented(document((OUTBOUND_PORT, EXCLUDED_UIDS + OUTBOUND_PORT))),
        RECIPE_ROWS,
    ),
    Pod(
        "beside a document single annotations say nothing",
        CONTRADICTING | documented(PLAIN_DOCUMENT),
        PLAIN_ROWS,
    ),
    Pod(
        "unknown keys and options that reach the node do nothing but be told of",
        documented(
            "backend: iptables-legacy\ndryRun: true\nnewer: {than: us}\n"
            "iptablesExecutables: {iptables: /nowhere/iptables}\n"
            + document(("cniMode: true", "cniMode: false"), ("    port: 15001", "    more: 1"))
        ),
        PLAIN_ROWS,
        notes=(
            "backend: ",
            "dryRun: ",
            "newer ",
            "iptablesExecutables: ",
            "cniMode: ",
            "outbound.more ",
        ),
    ),
    Pod(
        "listed DNS goes to the sidecar when it is for the pod's servers",
        documented(document(("captureAll: true", "captureAll: false"))),
        """
        workload     udp nameserver:53   -> resolver
        workload     udp world:53        -> direct
        workload     tcp world:80        -> outbound
        sidecar      udp nameserver:53   -> direct
        remote       tcp self:8080       -> inbound
        """,
        servers=("192.0.2.53", "2001:db8:53::53"),
    ),
)
