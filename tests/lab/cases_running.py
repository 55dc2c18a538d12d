"""Packet tables of options that change no landing by themselves, and of all at once."""

from __future__ import annotations

from lab.case import PLAIN, Case
from lab.host import SIDECAR

RUNNING = (
    Case(
        "a dry run changes nothing",
        {"dryRun": True},
        """
        workload     tcp world:80       -> direct
        remote       tcp self:8080      -> direct
    """,
    ),
    Case("saying more changes no landing", {"verbose": True}, PLAIN),
    Case("comments left out change no landing", {"comments.disabled": True}, PLAIN),
    Case("logging changes no landing", {"log.enabled": True, "log.level": 4}, PLAIN),
    Case(
        "dropping invalid packets changes no valid one's landing",
        {"dropInvalidPackets": True},
        PLAIN,
    ),
    Case("rules kept by firewalld too change no landing", {"storeFirewalld": True}, PLAIN),
    Case(
        "how iptables is waited for and found changes no landing",
        {
            "wait": 3,
            "waitInterval": 1000,
            "retry.maxRetries": 1,
            "retry.sleepBetweenRetries": "10ms",
            "iptablesExecutables": {
                f"{family}tables{verb}": f"/usr/sbin/{family}tables-{{flavour}}{verb}"
                for family in ("ip", "ip6")
                for verb in ("", "-save", "-restore")
            },
        },
        PLAIN,
    ),
    Case(
        "everything at once",
        {
            "kumaDPUser": str(SIDECAR),
            "redirect.inbound.excludePorts": "22",
            "redirect.inbound.excludePortsForIPs": "198.51.100.0/24,2001:db8:51::/48",
            "redirect.outbound.excludePorts": "443",
            "redirect.outbound.excludePortsForUIDs": ["tcp:80:1234", "53:1234"],
            "redirect.outbound.excludePortsForGIDs": ["tcp:80:2000"],
            "redirect.outbound.excludePortsForIPs": "203.0.113.0/24,2001:db8:113::/48",
            "redirect.dns.captureAll": True,
            "redirect.vnet.networks": ["br0:10.79.0.0/24", "br0:fd79::/64"],
            "redirect.excludeInterfaces": "eth1",
            "dropInvalidPackets": True,
            "log.enabled": True,
        },
        """
        workload     tcp world:80       -> outbound
        workload     tcp world:443      -> direct
        user 1234    tcp world:80       -> direct
        user 1234    udp world:53       -> direct
        group 2000   tcp world:80       -> direct
        workload     tcp abroad:80      -> direct
        workload     udp abroad:53      -> direct
        workload     udp world:53       -> resolver
        sidecar      udp world:53       -> direct
        sidecar      tcp world:80       -> direct
        sidecar      tcp self:8080      -> inbound
        passthrough  tcp self:8080      -> direct
        remote       tcp self:8080      -> inbound
        remote       tcp self:22        -> direct
        office       tcp self:8080      -> direct
        neighbour    tcp self-b:8080    -> direct
        guest        tcp world:80       -> outbound
        guest        udp world:53       -> resolver
        """,
    ),
)
