"""What a pod may ask of a node: its own traffic, and nothing else.

Annotations are written by whoever may make a pod; the plugin runs as root on the node.  An
option is allowed here when all it can change is rules in the pod's own network namespace.  What
is not listed is not read, so an option that is new, or forgotten here, does nothing.

Left out, and why:

* ``backend``, ``iptablesExecutables``: the plugin would run the pod's programs, as root;
* ``redirect.dns.resolvConfigPath``: it would read the node's files for the pod;
* ``storeFirewalld``: the node's firewall would keep the pod's rules;
* ``cniMode``, ``dryRun``: how the plugin works is not the pod's to say.
"""

from __future__ import annotations

ALLOWED = frozenset(
    (
        "kumaDPUser",
        "ipFamilyMode",
        "verbose",
        "redirect.inbound.enabled",
        "redirect.inbound.port",
        "redirect.inbound.portIPv6",
        "redirect.inbound.includePorts",
        "redirect.inbound.excludePorts",
        "redirect.inbound.excludePortsForIPs",
        "redirect.inbound.insertRedirectInsteadOfAppend",
        "redirect.inbound.chainName",
        "redirect.inbound.redirectChainName",
        "redirect.outbound.enabled",
        "redirect.outbound.port",
        "redirect.outbound.includePorts",
        "redirect.outbound.excludePorts",
        "redirect.outbound.excludePortsForUIDs",
        "redirect.outbound.excludePortsForGIDs",
        "redirect.outbound.includeIPs",
        "redirect.outbound.excludePortsForIPs",
        "redirect.outbound.insertRedirectInsteadOfAppend",
        "redirect.outbound.chainName",
        "redirect.outbound.redirectChainName",
        "redirect.dns.enabled",
        "redirect.dns.captureAll",
        "redirect.dns.port",
        "redirect.dns.tcp",
        "redirect.dns.skipConntrackZoneSplit",
        "redirect.vnet.networks",
        "redirect.excludeInterfaces",
        "dropInvalidPackets",
        "log.enabled",
        "log.level",
        "comments.disabled",
        "wait",
        "waitInterval",
        "retry.maxRetries",
        "retry.sleepBetweenRetries",
    )
)
"""Key paths; those of waiting and retrying mean nothing to the one backend there is here."""
SETTLED = {"backend": "nftables", "cniMode": "true"}
"""What holds instead of a default."""
