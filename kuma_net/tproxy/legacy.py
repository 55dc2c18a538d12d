"""Names of older Kumas: what still works, with a deprecation line, and what is refused.

Kuma 2.7 to 3.0 renamed or removed flags, keys and annotations that people still have in
scripts, pod templates and init containers written by an older control plane.  Each is listed
once, with the option it stands for and the manner in which its text becomes that option's.

What surprised us: ``--config-file`` had two meanings.  Control planes before 2.9 pass
``--config-file /tmp/.kumactl``, the file in which kumactl remembers control planes, which has
nothing to say about capture and need not exist; in 2.9 it briefly named a configuration
document, like ``--config`` today.  ``flags.document_paths`` tells them apart.
"""

from __future__ import annotations

from kuma_net.tproxy.grammar import TRUE_WORDS
from kuma_net.tproxy.option import Legacy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

RULES = "redirect.outbound.excludePortsForUIDs"
NO_EBPF = (
    "capture by eBPF was removed from Kuma (3.0) and never was in kuma-net; "
    "use --backend nftables, which needs no programs in the kernel"
)
NO_OWNER = (
    "an arriving packet belongs to no user yet; "
    "use redirect.inbound.excludePortsForIPs to leave senders alone"
)
UIDS_ADVICE = "use --exclude-outbound-ports-for-uids {}:PORTS:UIDS"
UIDS_KEY = "traffic.kuma.io/exclude-outbound-{}-ports-for-uids"
UIDS_KEY_ADVICE = "use traffic.kuma.io/exclude-outbound-ports-for-uids: {}:PORTS:UIDS"
PORT_V6 = "redirect.inbound.portIPv6"

FLAGS = {
    legacy.name: legacy
    for legacy in (
        Legacy("--kuma-dp-uid", "kumaDPUser", "same", "2.9", "use --kuma-dp-user"),
        Legacy("--config-file", "", "ignored", "2.9", "use --config"),
        Legacy(
            "--redirect-inbound-port-v6",
            PORT_V6,
            "port-v6",
            "2.7",
            "use --redirect-inbound-port, or --ip-family-mode ipv4 to leave IPv6 alone",
        ),
        Legacy(
            "--ipv6-disabled",
            "ipFamilyMode",
            "ipv4",
            "2.7",
            "use --ip-family-mode ipv4",
            takes_value=False,
        ),
        Legacy(
            "--exclude-outbound-tcp-ports-for-uids", RULES, "tcp", "2.9", UIDS_ADVICE.format("tcp")
        ),
        Legacy(
            "--exclude-outbound-udp-ports-for-uids", RULES, "udp", "2.9", UIDS_ADVICE.format("udp")
        ),
        Legacy(
            "--experimental-transparent-proxy-engine",
            "",
            "ignored",
            "2.5",
            "leave it out, there is one engine",
            takes_value=False,
        ),
        Legacy(
            "--skip-resolv-conf",
            "",
            "ignored",
            "",
            "leave it out, installing never writes resolv.conf",
            takes_value=False,
        ),
        Legacy(
            "--redirect-dns-upstream-target-chain",
            "",
            "ignored",
            "",
            "leave it out, Docker's DNS chain is found without it",
        ),
    )
}
"""Flags that still work."""

ANNOTATIONS = {
    legacy.name: legacy
    for legacy in (
        Legacy(UIDS_KEY.format("tcp"), RULES, "tcp", "2.9", UIDS_KEY_ADVICE.format("tcp")),
        Legacy(UIDS_KEY.format("udp"), RULES, "udp", "2.9", UIDS_KEY_ADVICE.format("udp")),
        Legacy(
            "kuma.io/transparent-proxying-inbound-v6-port",
            PORT_V6,
            "port-v6",
            "2.9",
            "use kuma.io/transparent-proxying-ip-family-mode",
        ),
    )
}
"""Annotations that still work."""

REFUSED_KEYS = {
    "ebpf.enabled": NO_EBPF,
    "redirect.inbound.excludePortsForUIDs": NO_OWNER,
    "redirect.inbound.excludePortsForGIDs": NO_OWNER,
}
"""Keys of documents (and, in capitals, of the environment) that are refused in words."""

REFUSED_ENV = {
    "EBPF_ENABLED": "ebpf.enabled",
    "REDIRECT_INBOUND_EXCLUDE_PORTS_FOR_UIDS": "redirect.inbound.excludePortsForUIDs",
    "REDIRECT_INBOUND_EXCLUDE_PORTS_FOR_GIDS": "redirect.inbound.excludePortsForGIDs",
}
"""The same as environment names, after the prefix."""

EBPF_ENV = "EBPF_"
EBPF_ANNOTATION = "kuma.io/transparent-proxying-ebpf"


def translate(legacy: Legacy, text: str) -> tuple[str, Sequence[str]]:
    """Return the key path and the texts that an older name's text stands for.

    No texts: it asks for nothing.
    """
    if legacy.manner in {"tcp", "udp"}:
        return legacy.option, _owner_rules(legacy.manner, text)
    if legacy.manner == "port-v6" and text.strip() == "0":
        # Before 2.7 this was the way of saying "no IPv6".
        return "ipFamilyMode", ("ipv4",)
    if legacy.manner == "ipv4":
        return legacy.option, ("ipv4",) if text.strip().lower() in TRUE_WORDS else ()
    return legacy.option, (text,) if legacy.option else ()


def _owner_rules(protocol: str, text: str) -> list[str]:
    """Prefix each ``PORTS:UIDS`` with its protocol; the oldest Kumas took a list of ids."""
    rules = []
    for item in text.split(";"):
        if item.strip():
            ports, colon, ids = item.rpartition(":")
            head = f"{protocol}:{ports}" if colon else f"{protocol}:*"
            rules += [f"{head}:{piece}" for piece in ids.split(",")]
    return rules or [f"{protocol}::"]


def deprecation(legacy: Legacy) -> str:
    """Return the line that tells a person what to write instead."""
    since = f" since Kuma {legacy.removed}" if legacy.removed else ""
    return f"{legacy.name} is deprecated{since}: {legacy.advice}"
