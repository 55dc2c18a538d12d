"""Packet tables of virtual networks and excluded interfaces."""

from __future__ import annotations

from lab.case import Case

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
