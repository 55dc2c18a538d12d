"""Pods of a mesh, as an injector annotates them, and what becomes of their packets.

Two generations of annotations: one for each setting (2.x), and a whole document (3.0).
"""

from __future__ import annotations

from kuma_net.record import Record
from lab.case import PLAIN
from lab.cri import PodSpec
from lab.injected import INJECTED, documented, single

ALONE = {"app.kubernetes.io/name": "backend"}
"""A pod outside the mesh."""

UNTOUCHED = """
    workload     tcp world:80       -> direct
    workload     udp nameserver:53  -> direct
    remote       tcp self:8080      -> direct
    sidecar      tcp world:80       -> direct
"""


class PodCase(Record):
    """A pod and its packets; ``name`` is a sentence, ``captured``: whether it has rules."""

    name: str
    pod: PodSpec
    rows: str
    captured: bool = True

    def __str__(self) -> str:
        """Return the name as pytest shows it."""
        return self.name.replace(" ", "-")


def _single(**annotations: str) -> dict[str, str]:
    """Return the annotations of a pod of 2.x, with some under ``traffic.kuma.io``."""
    return single() | {
        f"traffic.kuma.io/{name.replace('_', '-')}": text for name, text in annotations.items()
    }


CASES = (
    PodCase("no setting at all", PodSpec("plain", INJECTED), PLAIN),
    PodCase("single annotations", PodSpec("single", single()), PLAIN),
    PodCase(
        "a document in YAML",
        PodSpec(
            "yaml",
            documented(
                "kumaDPUser: '5678'\n"
                "ipFamilyMode: dualstack\n"
                "redirect:\n"
                "  inbound: {enabled: true, port: 15006, excludePorts: ['9902']}\n"
                "  outbound: {enabled: true, port: 15001, excludePorts: 3306}\n"
                "  dns: {enabled: true, captureAll: true, port: 15053}\n"
            ),
        ),
        PLAIN
        + """
    workload     udp nameserver:53  -> resolver
    workload     udp world:53       -> resolver
    workload     tcp world:3306     -> direct
    remote       tcp self:9902      -> direct
""",
    ),
    PodCase(
        "a document in JSON with other ports",
        PodSpec(
            "json",
            documented('{"redirect":{"inbound":{"port":25006},"outbound":{"port":25001}}}'),
        ),
        """
    workload     tcp world:80       -> 25001
    remote       tcp self:8080      -> 25006
    sidecar      tcp world:80       -> direct
""",
    ),
    PodCase(
        "a document that wins over single annotations and has a key of the future",
        PodSpec(
            "document",
            _single(exclude_outbound_ports="80") | documented('{"redirect":{"novelty":true}}'),
        ),
        PLAIN,
    ),
    PodCase(
        "ports excluded",
        PodSpec(
            "ports",
            _single(exclude_inbound_ports="9999,9902", exclude_outbound_ports="3306,5432"),
        ),
        PLAIN
        + """
    workload     tcp world:3306     -> direct
    workload     tcp world:5432     -> direct
    remote       tcp self:9999      -> direct
    remote       tcp self:9902      -> direct
""",
    ),
    PodCase(
        "addresses excluded",
        PodSpec(
            "addresses",
            _single(
                exclude_inbound_ips="198.51.100.0/24,2001:db8:51::/48",
                exclude_outbound_ips="203.0.113.0/24,2001:db8:113::/48",
            ),
        ),
        PLAIN
        + """
    workload     tcp abroad:80      -> direct
    office       tcp self:8080      -> direct
""",
    ),
    PodCase(
        "ports excluded for a user",
        PodSpec("users", _single(exclude_outbound_ports_for_uids="tcp:443:1234;udp:53:1234")),
        PLAIN
        + """
    user 1234    tcp world:443      -> direct
    user 1234    tcp world:80       -> outbound
    workload     tcp world:443      -> outbound
    user 1234    udp world:53       -> direct
""",
    ),
    PodCase(
        "name servers of the pod",
        PodSpec(
            "servers",
            documented('{"redirect":{"dns":{"enabled":true,"captureAll":false}}}'),
            dns_servers=("192.0.2.53", "2001:db8:53::53"),
        ),
        PLAIN
        + """
    workload     udp nameserver:53  -> resolver
    workload     udp world:53       -> direct
    sidecar      udp nameserver:53  -> direct
""",
    ),
    PodCase(
        "IPv4 alone",
        PodSpec("ipv4", single("kuma.io/transparent-proxying-ip-family-mode=ipv4")),
        """
    workload     tcp world:80  ipv4 -> outbound
    remote       tcp self:8080 ipv4 -> inbound
    workload     tcp world:80  ipv6 -> direct
    remote       tcp self:8080 ipv6 -> direct
""",
    ),
    PodCase(
        "a gateway",
        PodSpec("gateway", single(gateway=True)),
        """
    workload     tcp world:80       -> outbound
    remote       tcp self:8080      -> direct
""",
    ),
    PodCase("no mesh", PodSpec("alone", ALONE), UNTOUCHED, captured=False),
    PodCase("no annotation", PodSpec("bare"), UNTOUCHED, captured=False),
    PodCase(
        "injection refused",
        PodSpec("refused", {"kuma.io/sidecar-injected": "false"}),
        UNTOUCHED,
        captured=False,
    ),
    PodCase(
        "a namespace that is excluded",
        PodSpec("excluded", INJECTED, namespace="kube-system"),
        UNTOUCHED,
        captured=False,
    ),
)
