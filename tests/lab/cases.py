"""The packet tables: what each option promises, as configurations and rows.

A case's options are key paths, as in a configuration document; ``files`` are written on the
application's host before installing, ``foreign`` are iptables rules of somebody else that are
there first, in both families.  ``{flavour}`` in the path of a program stands for the flavour of
iptables that goes with a backend.  Every option is named by at least one case; a test holds that.
"""

from __future__ import annotations

from kuma_net.record import Record
from lab.host import SIDECAR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Case(Record):
    """A configuration and what becomes of packets under it; ``name`` is a sentence."""

    name: str
    options: Mapping[str, object]
    rows: str
    files: Mapping[str, str] = {}
    foreign: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the name as pytest shows it."""
        return self.name.replace(" ", "-")


PLAIN = """
    workload     tcp world:80       -> outbound
    remote       tcp self:8080      -> inbound
    sidecar      tcp world:80       -> direct
    passthrough  tcp self:8080      -> direct
"""
"""Capture as such, both ways, without loops: rows for options that must not change it."""

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

STUB = {"/etc/resolv.conf": "search example\nnameserver 127.0.0.53\noptions edns0\n"}

DNS = (
    Case(
        "queries to the name servers of resolv.conf go to the sidecar's resolver",
        {"redirect.dns.enabled": True},
        """
        workload     udp nameserver:53  -> resolver
        root         udp nameserver:53  -> resolver
        workload     udp nameserver:54  -> direct
        workload     udp world:53       -> direct
        sidecar      udp nameserver:53  -> direct
        workload     tcp nameserver:53  -> direct
        workload     tcp world:53       -> direct
        sidecar      tcp nameserver:53  -> direct
        remote       udp self:53        -> direct
        workload     tcp world:80       -> outbound
        """,
    ),
    Case(
        "all queries go to the sidecar's resolver, wherever they are sent",
        {"redirect.dns.captureAll": True},
        """
        workload     udp nameserver:53  -> resolver
        workload     udp world:53       -> resolver
        workload     udp localhost:53   -> resolver
        sidecar      udp world:53       -> direct
        workload     tcp world:53       -> direct
        workload     udp world:54       -> direct
        remote       udp self:53        -> direct
        """,
    ),
    Case(
        "the resolver's port can be another",
        {"redirect.dns.captureAll": True, "redirect.dns.port": 25053},
        """
        workload     udp world:53       -> 25053
        sidecar      udp world:53       -> direct
        """,
    ),
    Case(
        "queries over TCP to the name servers of resolv.conf can go there too",
        {"redirect.dns.enabled": True, "redirect.dns.tcp": True},
        """
        workload     udp nameserver:53  -> resolver
        workload     tcp nameserver:53  -> resolver
        workload     tcp world:53       -> direct
        sidecar      tcp nameserver:53  -> direct
        """,
    ),
    Case(
        "all queries over TCP can go there too",
        {"redirect.dns.captureAll": True, "redirect.dns.tcp": True, "redirect.dns.port": 25053},
        """
        workload     udp world:53       -> 25053
        workload     tcp world:53       -> 25053
        sidecar      tcp world:53       -> direct
        sidecar      udp world:53       -> direct
        """,
    ),
    Case(
        "a stub resolver on this machine keeps serving the sidecar",
        {"redirect.dns.enabled": True},
        """
        workload     udp stub:53            -> resolver
        sidecar      udp stub:53            -> direct
        workload     udp nameserver:53      -> direct
        """,
        files=STUB,
    ),
    Case(
        "the name servers can be read from another file",
        {"redirect.dns.enabled": True, "redirect.dns.resolvConfigPath": "/run/lab/resolv.conf"},
        """
        workload     udp world:53       -> resolver
        workload     udp nameserver:53  -> direct
        """,
        files={"/run/lab/resolv.conf": "nameserver 192.0.2.9\nnameserver 2001:db8:192::9\n"},
    ),
    Case(
        "without the split of conntrack zones a first query lands the same",
        {"redirect.dns.captureAll": True, "redirect.dns.skipConntrackZoneSplit": True},
        """
        workload     udp world:53       -> resolver
        sidecar      udp world:53       -> direct
        """,
    ),
)

NEIGHBOURS = (
    Case(
        "what a virtual network sends is outbound, and its queries go to the resolver",
        {"redirect.vnet.networks": ["br0:10.79.0.0/24", "br0:fd79::/64"]},
        """
        guest        tcp world:80       -> outbound
        guest        udp world:53       -> resolver
        guest        udp world:54       -> direct
        guest        tcp gateway:8080   -> inbound
        remote       tcp guest:8080     -> inbound
        remote       tcp self:8080      -> inbound
        workload     udp world:53       -> direct
        """,
    ),
    Case(
        "a virtual network can be a family of interfaces, and its DNS go over TCP",
        {
            "redirect.vnet.networks": ["br+:10.79.0.0/24", "br+:fd79::/64"],
            "redirect.dns.enabled": True,
            "redirect.dns.tcp": True,
        },
        """
        guest        tcp world:80       -> outbound
        guest        udp world:53       -> resolver
        guest        tcp world:53       -> resolver
        neighbour    tcp self-b:8080    -> inbound
        """,
    ),
    Case(
        "traffic through an excluded interface is left alone, both ways",
        {"redirect.excludeInterfaces": "eth1", "redirect.dns.captureAll": True},
        """
        neighbour    tcp self-b:8080    -> direct
        workload     tcp remote-b:80    -> direct
        workload     udp remote-b:53    -> direct
        remote       tcp self:8080      -> inbound
        workload     tcp world:80       -> outbound
        workload     udp world:53       -> resolver
        """,
    ),
    Case(
        "excluded interfaces can be a family, and win over a virtual network",
        {
            "redirect.excludeInterfaces": ["br+", "eth1"],
            "redirect.vnet.networks": ["br0:10.79.0.0/24"],
        },
        """
        guest        tcp world:80       -> direct
        guest        udp world:53       -> direct
        neighbour    tcp self-b:8080    -> direct
        remote       tcp self:8080      -> inbound
        """,
    ),
)

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

CASES = (*INBOUND, *OUTBOUND, *DNS, *NEIGHBOURS, *RUNNING)
