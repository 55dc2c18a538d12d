"""Packet tables of what is sent."""

from __future__ import annotations

from lab.case import Case

OUTBOUND = (
    Case(
        "everything that is sent by TCP is captured, and nothing loops",
        {},
        """
        workload      tcp world:80       -> outbound
        root          tcp world:80       -> outbound
        user 65534    tcp world:22       -> outbound
        workload      udp world:80       -> direct
        workload      udp nameserver:53  -> direct
        workload      tcp nameserver:53  -> outbound
        workload      tcp remote-b:80    -> outbound
        workload      tcp guest:8080     -> outbound
        workload      tcp self:8080      -> direct
        workload      tcp localhost:8080 -> direct
        workload      tcp loopback:8080  -> direct
        workload-near tcp self:8080      -> direct
        sidecar       tcp world:80       -> direct
        sidecar       tcp localhost:8080 -> direct
        sidecar       tcp self:8080      -> inbound
        sidecar       tcp self-b:8080    -> inbound
        sidecar       tcp loopback:8080  -> inbound
        sidecar       udp self:8080      -> direct
        passthrough   tcp self:8080      -> direct
        """,
    ),
    Case(
        "the sidecar can be another user, by name",
        {"kumaDPUser": "init"},
        """
        user 1234    tcp world:80       -> direct
        user 1234    tcp self:8080      -> inbound
        sidecar      tcp world:80       -> outbound
        """,
    ),
    Case(
        "in CNI mode the sidecar's number needs no account",
        {"kumaDPUser": "1000670000", "cniMode": True},
        """
        user 1000670000  tcp world:80   -> direct
        user 1000670001  tcp world:80   -> outbound
        sidecar          tcp world:80   -> outbound
        """,
    ),
    Case(
        "switched off, what is sent goes where it was sent",
        {"redirect.outbound.enabled": False},
        """
        workload     tcp world:80       -> direct
        sidecar      tcp self:8080      -> direct
        remote       tcp self:8080      -> inbound
        """,
    ),
    Case(
        "the outbound port can be another",
        {"redirect.outbound.port": 25001},
        """
        workload     tcp world:80       -> 25001
        remote       tcp self:8080      -> inbound
        """,
    ),
    Case(
        "only what is sent to included ports is captured, excluded or not",
        {"redirect.outbound.includePorts": [80, "8000-8100"], "redirect.outbound.excludePorts": 80},
        """
        workload     tcp world:80       -> outbound
        workload     tcp world:8000     -> outbound
        workload     tcp world:8100     -> outbound
        workload     tcp world:8101     -> direct
        workload     tcp world:443      -> direct
        sidecar      tcp world:80       -> direct
        """,
    ),
    Case(
        "what is sent to an excluded port or range goes there",
        {"redirect.outbound.excludePorts": "443, 9000-9010"},
        """
        workload     tcp world:443      -> direct
        workload     tcp world:9000     -> direct
        workload     tcp world:9010     -> direct
        workload     tcp world:9011     -> outbound
        workload     tcp world:80       -> outbound
        remote       tcp self:443       -> inbound
        """,
    ),
    Case(
        "a rule for users holds for its protocols, its ports and its users alone",
        {
            "redirect.outbound.excludePortsForUIDs": [
                "tcp:443:1234",
                "udp:53:1234",
                "80,8000-8010:2000-2010",
                "1000670000-1000679999",
                "tcp,udp:*:4294967294",
            ],
            "redirect.dns.enabled": True,
            "redirect.dns.captureAll": True,
        },
        """
        user 1234        tcp world:443       -> direct
        user 1234        tcp world:80        -> outbound
        user 1234        udp world:53        -> direct
        user 1234        tcp world:53        -> direct    # TCP 53 bypasses the mesh
        user 1235        tcp world:443       -> outbound
        user 1235        udp world:53        -> resolver
        user 2000        tcp world:80        -> direct
        user 2010        tcp world:8010      -> direct
        user 2010        tcp world:8011      -> outbound
        user 2010        udp world:53        -> resolver
        user 2011        tcp world:80        -> outbound
        user 1999        tcp world:80        -> outbound
        user 1000670000  tcp world:22        -> direct
        user 1000679999  udp world:53        -> direct
        user 1000680000  tcp world:22        -> outbound
        user 4294967294  tcp world:9         -> direct
        group 1234       tcp world:443       -> outbound
        sidecar          tcp world:443       -> direct
        """,
    ),
    Case(
        "a rule for groups holds for its protocols, its ports and its groups alone",
        {"redirect.outbound.excludePortsForGIDs": ["tcp:443:2000", "3000-3010"]},
        """
        group 2000       tcp world:443       -> direct
        group 2000       tcp world:80        -> outbound
        group 2001       tcp world:443       -> outbound
        group 3005       tcp world:80        -> direct
        user 2000        tcp world:443       -> outbound
        """,
    ),
    Case(
        "only what is sent to included networks is captured, and exclusions win",
        {
            "redirect.outbound.includeIPs": ["198.51.100.0/24", "2001:db8:51::/48"],
            "redirect.outbound.excludePortsForIPs": ["198.51.100.99, 2001:db8:51::99"],
            "redirect.outbound.excludePorts": "443",
        },
        """
        workload     tcp office:80      -> outbound
        workload     tcp office-b:80    -> direct
        workload     tcp office:443     -> direct
        workload     tcp world:80       -> direct
        sidecar      tcp office:80      -> direct
        remote       tcp self:8080      -> inbound
        """,
    ),
    Case(
        "a network of one family included leaves the other family alone",
        {"redirect.outbound.includeIPs": "198.51.100.0/24"},
        """
        workload     tcp office:80 ipv4 -> outbound
        workload     tcp office:80 ipv6 -> direct
        """,
    ),
    Case(
        "included networks and included ports hold together",
        {
            "redirect.outbound.includeIPs": ["198.51.100.0/24", "2001:db8:51::/48"],
            "redirect.outbound.includePorts": "80",
        },
        """
        workload     tcp office:80      -> outbound
        workload     tcp office:81      -> direct
        workload     tcp world:80       -> direct
        """,
    ),
    Case(
        "what is sent to an excluded network goes there, whatever the protocol",
        {
            "redirect.outbound.excludePortsForIPs": [
                "198.51.100.99/24,2001:db8:51::/48",
                "192.0.2.53",
                "2001:db8:53::53",
            ],
            "redirect.dns.enabled": True,
            "redirect.dns.captureAll": True,
        },
        """
        workload     tcp office:80      -> direct
        workload     udp office:53      -> direct
        workload     udp nameserver:53  -> direct
        workload     tcp world:80       -> outbound
        workload     udp world:53       -> resolver
        office       tcp self:8080      -> inbound
        """,
    ),
    Case(
        "an inserted outbound jump comes before other owners' rules",
        {"redirect.outbound.insertRedirectInsteadOfAppend": True},
        """
        workload     tcp world:7777     -> outbound
        workload     tcp world:80       -> outbound
        """,
        foreign=("-t nat -A OUTPUT -p tcp --dport 7777 -j REDIRECT --to-ports 9999",),
    ),
    Case(
        "IPv4 alone leaves IPv6 alone",
        {"ipFamilyMode": "ipv4"},
        """
        workload     tcp world:80  ipv4 -> outbound
        workload     tcp world:80  ipv6 -> direct
        remote       tcp self:8080 ipv4 -> inbound
        remote       tcp self:8080 ipv6 -> direct
        """,
    ),
)
