"""What other meshes ask of their capture, in our options and packets.

Their suites compare texts or need a cluster; the questions behind them do not.  Linkerd's pods
(its init container's black-box suite) and the inputs of Istio's golden files are asked here of
our rules, over both families.  What we do not offer (TPROXY, owners to include) is left out.
"""

from __future__ import annotations

from lab.case import Case
from lab.cases_dns import STUB

REDIRECTS_ALL = """
    remote     tcp self:8088      -> inbound
    remote     tcp self:8888      -> inbound
    remote     tcp self:8988      -> inbound
    remote     tcp self:9090      -> inbound
    workload   tcp world:80       -> outbound
    sidecar    tcp world:80       -> direct
    workload   tcp localhost:9090 -> direct
"""

LINKERD = (
    Case("linkerd: a pod redirects all ports", {}, REDIRECTS_ALL),
    Case(
        "linkerd: a pod redirects white-listed ports",
        {"redirect.inbound.includePorts": "9090,9099"},
        """
        remote     tcp self:9090      -> inbound
        remote     tcp self:9099      -> inbound
        remote     tcp self:7070      -> direct
        remote     tcp self:8088      -> direct
        """,
    ),
    Case(
        "linkerd: a pod does not redirect black-listed ports",
        {"redirect.inbound.excludePorts": "6000-8000"},
        """
        remote     tcp self:9090      -> inbound
        remote     tcp self:9099      -> inbound
        remote     tcp self:7070      -> direct
        workload   tcp world:7070     -> outbound
        sidecar    tcp world:7070     -> direct
        workload   tcp localhost:7070 -> direct
        """,
    ),
    Case(
        "linkerd: a pod ignores subnets",
        {"redirect.inbound.excludePortsForIPs": "0.0.0.0/0,::/0"},
        """
        remote     tcp self:9090      -> direct
        abroad     tcp self:9090      -> direct
        workload   tcp world:80       -> outbound
        """,
    ),
)

OWNERS = {
    "redirect.outbound.excludePortsForUIDs": ["3-4"],
    "redirect.outbound.excludePortsForGIDs": ["1-2"],
}

ISTIO = (
    Case(
        "istio: inbound ports include",
        {"redirect.inbound.includePorts": "32000,31000"},
        """
        remote     tcp self:32000     -> inbound
        remote     tcp self:31000     -> inbound
        remote     tcp self:31500     -> direct
        workload   tcp world:32000    -> outbound
        """,
    ),
    Case(
        "istio: outbound ports include",
        {"redirect.outbound.includePorts": "32000,31000"},
        """
        workload   tcp world:32000    -> outbound
        workload   tcp world:31500    -> direct
        remote     tcp self:31500     -> inbound
        """,
    ),
    Case(
        "istio: a range of addresses, DNS at a stub, owners left alone",
        OWNERS
        | {
            "redirect.outbound.includeIPs": "198.51.100.0/24,2001:db8:51::/48",
            "redirect.outbound.excludePortsForIPs": "203.0.113.0/24,2001:db8:113::/48",
            "redirect.dns.enabled": True,
        },
        """
        workload   tcp office:80      -> outbound
        workload   tcp abroad:80      -> direct
        workload   tcp world:80       -> direct
        user 3     tcp office:80      -> direct
        user 4     udp stub:53        -> direct
        user 5     udp stub:53        -> resolver
        group 1    tcp office:80      -> direct
        group 2    udp stub:53        -> direct
        group 3    tcp office:80      -> outbound
        sidecar    udp stub:53        -> direct
        """,
        files=STUB,
    ),
    Case(
        "istio: a loopback address is included and stays on the loopback interface",
        OWNERS | {"redirect.outbound.includeIPs": "127.0.0.9/32,::9/128"},
        """
        workload   tcp loopback:80    -> direct
        workload   tcp world:80       -> direct
        sidecar    tcp loopback:80    -> inbound
        """,
    ),
    Case(
        "istio: DNS with owners left alone, over both families",
        OWNERS | {"redirect.dns.captureAll": True},
        """
        user 3     udp world:53       -> direct
        group 2    udp world:53       -> direct
        user 3     tcp world:53       -> direct
        workload   udp world:53       -> resolver
        workload   udp nameserver:53  -> resolver
        sidecar    udp world:53       -> direct
        """,
    ),
    Case(
        "istio: an interface of virtual machines",
        {
            "redirect.vnet.networks": ["br0:10.79.0.0/24", "br0:fd79::/64"],
            "redirect.inbound.includePorts": "4000,5000",
            "redirect.outbound.excludePortsForIPs": "2001:db8:113::/48",
        },
        """
        guest      tcp world:80       -> outbound
        guest      tcp gateway:4000   -> inbound
        guest      tcp gateway:4001   -> direct
        remote     tcp self:5000      -> inbound
        remote     tcp self:6000      -> direct
        workload   tcp abroad:80 ipv6 -> direct
        """,
    ),
    Case(
        "istio: a network card left out",
        {"redirect.excludeInterfaces": "eth1"},
        """
        neighbour  tcp self-b:80      -> direct
        workload   tcp remote-b:80    -> direct
        workload   tcp remote:80      -> outbound
        """,
    ),
    Case(
        "istio: groups left alone",
        {"redirect.outbound.excludePortsForGIDs": ["888", "21"]},
        """
        group 888  tcp world:80       -> direct
        group 21   tcp world:80       -> direct
        group 202  tcp world:80       -> outbound
        """,
    ),
)

PEERS = (*LINKERD, *ISTIO)
