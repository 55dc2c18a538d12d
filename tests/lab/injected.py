"""What Kuma's injectors write into a pod: two generations of annotations, as texts and no more.

That of Kuma 2 writes an annotation for each setting, that of Kuma 3 the whole configuration as one
document in YAML, with its keys in order.  Each does so where the plugin makes the rules; an init
container is told the same document without ``cniMode``.
"""

from __future__ import annotations

ANNOTATIONS = "io.kubernetes.cri.pod-annotations"
"""The capability under which runtimes send a pod's annotations to plugins."""
DOCUMENT = "traffic.kuma.io/transparent-proxy-config"
"""The annotation with the whole configuration."""
INJECTED = {"kuma.io/sidecar-injected": "true"}
"""A mesh pod's annotations that say nothing else."""
BY_PLUGIN = {"k8s.v1.cni.cncf.io/networks": "kuma-cni"}
"""Written where the plugin makes the rules and no init container does."""
BOTH = (
    INJECTED
    | BY_PLUGIN
    | {
        "kubectl.kubernetes.io/default-container": "app",
        "kuma.io/application-probe-proxy-port": "9001",
        "kuma.io/envoy-admin-port": "9901",
        "kuma.io/transparent-proxying-ip-family-mode": "dualstack",
        "kuma.io/virtual-probes": "disabled",
    }
)
"""What injectors of both generations write."""


def single(*changes: str, gateway: bool = False) -> dict[str, str]:
    """Return the annotations of Kuma 2's injector, with more of them: ``KEY=VALUE``."""
    of_gateway = {"kuma.io/application-probe-proxy-port": "0", "kuma.io/gateway": "enabled"}
    return (
        BOTH
        | {
            "kuma.io/builtin-dns": "enabled",
            "kuma.io/builtin-dns-logging": "false",
            "kuma.io/builtin-dns-port": "15053",
            "kuma.io/sidecar-uid": "5678",
            "kuma.io/transparent-proxying": "enabled",
            "kuma.io/transparent-proxying-inbound-port": "15006",
            "kuma.io/transparent-proxying-outbound-port": "15001",
            "kuma.io/virtual-probes-port": "9000",
            "traffic.kuma.io/exclude-inbound-ports": "9902",
        }
        | (of_gateway if gateway else {})
        | dict(change.split("=", 1) for change in changes)
    )


def documented(text: str) -> dict[str, str]:
    """Return the annotations of a pod whose injector wrote one document, and nothing beside it."""
    return INJECTED | {DOCUMENT: text}


def document(*changes: tuple[str, str]) -> str:
    """Return the document of Kuma 3's injector, some of its lines exchanged for others."""
    text = PLAIN_DOCUMENT
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text


def for_init(text: str) -> str:
    """Return a document as an init container gets it."""
    assert CNI_MODE in text
    return text.replace(CNI_MODE, "")


CNI_MODE = "cniMode: true\n"
PLAIN_DOCUMENT = f"""\
{CNI_MODE}ipFamilyMode: dualstack
kumaDPUser: "5678"
redirect:
  dns:
    captureAll: true
    enabled: true
    port: 15053
    resolvConfigPath: /etc/resolv.conf
    skipConntrackZoneSplit: false
  inbound:
    enabled: true
    excludePorts:
    - 9001
    - 9902
    port: 15006
  outbound:
    enabled: true
    port: 15001
retry:
  maxRetries: 4
  sleepBetweenRetries: 2s
wait: 5
waitInterval: 0
"""
GATEWAY_DOCUMENT = document(
    ("inbound:\n    enabled: true", "inbound:\n    enabled: false"), ("    - 9001\n", "")
)
OUTBOUND_PORT = "    port: 15001\n"
EXCLUDED_UIDS = """\
    excludePortsForUIDs:
    - tcp:443:1234
    - udp:53:1234
"""
EXCLUDED_OUTBOUND = """\
    excludePorts:
    - 3306
    - 5432
    excludePortsForIPs:
    - 203.0.113.0/24
    - 2001:db8:113::/48
"""
EXCLUSIONS_DOCUMENT = document(
    ("ipFamilyMode: dualstack", "dropInvalidPackets: true\nipFamilyMode: ipv4"),
    ("redirect:\n", "log:\n  enabled: true\n  level: 7\nredirect:\n"),
    (
        "    - 9001\n    - 9902\n",
        "    - 9999\n    - 9001\n    - 9902\n    excludePortsForIPs:\n    - 198.51.100.0/24\n",
    ),
    (OUTBOUND_PORT, EXCLUDED_OUTBOUND + EXCLUDED_UIDS + OUTBOUND_PORT),
)
"""Exclusions of every kind, IPv4 alone, the log, invalid packets dropped."""
