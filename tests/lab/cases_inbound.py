"""Packet tables of what arrives."""

from __future__ import annotations

from lab.case import PLAIN, Case

INBOUND = (
    Case(
        "everything that arrives by TCP is captured, and nothing of UDP",
        {},
        """
        remote     tcp self:8080      -> inbound
        remote     tcp self:22        -> inbound
        remote     udp self:8080      -> direct
        abroad     tcp self:8080      -> inbound
        neighbour  tcp self-b:8080    -> inbound
        guest      tcp gateway:8080   -> inbound
        guest      tcp world:80       -> inbound     # forwarded, no virtual network of ours
        guest      udp world:53       -> direct
        """,
    ),
    Case(
        "switched off, what arrives reaches the application, but the sidecar's own calls do not",
        {"redirect.inbound.enabled": False},
        """
        remote     tcp self:8080      -> direct
        neighbour  tcp self-b:22      -> direct
        workload   tcp world:80       -> outbound
        sidecar    tcp self:8080      -> inbound
        """,
    ),
    Case(
        "the inbound port can be another",
        {"redirect.inbound.port": 25006},
        """
        remote     tcp self:8080      -> 25006
        sidecar    tcp self:8080      -> 25006
        workload   tcp world:80       -> outbound
        """,
    ),
    Case(
        "the inbound port can be another for IPv6 alone",
        {"redirect.inbound.portIPv6": 15010},
        """
        remote     tcp self:8080 ipv4 -> inbound
        remote     tcp self:8080 ipv6 -> 15010
        sidecar    tcp self:8080 ipv6 -> 15010
        """,
    ),
    Case(
        "only what arrives at included ports is captured, excluded or not",
        {"redirect.inbound.includePorts": "8080,9000-9010", "redirect.inbound.excludePorts": 8080},
        """
        remote     tcp self:8080      -> inbound
        remote     tcp self:9000      -> inbound
        remote     tcp self:9010      -> inbound
        remote     tcp self:9011      -> direct
        remote     tcp self:22        -> direct
        """,
    ),
    Case(
        "what arrives at an excluded port or range reaches the application",
        {"redirect.inbound.excludePorts": "22, 6000-8000"},
        """
        remote     tcp self:22        -> direct
        remote     tcp self:6000      -> direct
        remote     tcp self:7070      -> direct
        remote     tcp self:8000      -> direct
        remote     tcp self:8001      -> inbound
        remote     tcp self:5999      -> inbound
        workload   tcp world:22       -> outbound
        """,
    ),
    Case(
        "what arrives from an excluded network reaches the application",
        {"redirect.inbound.excludePortsForIPs": ["198.51.100.0/24,2001:db8:51::/48"]},
        """
        office     tcp self:8080      -> direct
        abroad     tcp self:8080      -> inbound
        remote     tcp self:8080      -> inbound
        """,
    ),
    Case(
        "every address can be left out of inbound capture",
        {"redirect.inbound.excludePortsForIPs": ["0.0.0.0/0", "::/0"]},
        """
        remote     tcp self:8080      -> direct
        abroad     tcp self:22        -> direct
        workload   tcp world:80       -> outbound
        """,
    ),
    Case(
        "an inserted inbound jump comes before other owners' rules",
        {"redirect.inbound.insertRedirectInsteadOfAppend": True},
        """
        remote     tcp self:7777      -> inbound
        remote     tcp self:8080      -> inbound
        """,
        foreign=("-t nat -A PREROUTING -p tcp --dport 7777 -j REDIRECT --to-ports 9999",),
    ),
    Case(
        "chains can have other names",
        {
            "redirect.inbound.chainName": "ARRIVES",
            "redirect.inbound.redirectChainName": "ARRIVES_CAUGHT",
            "redirect.outbound.chainName": "LEAVES",
            "redirect.outbound.redirectChainName": "LEAVES_CAUGHT",
        },
        PLAIN,
    ),
)
