"""The table of look-ups that every client must get right: names served, names elsewhere, rows."""

from __future__ import annotations

from lab.resolving import parse_rows

MANY = 60
NAMES: dict[str, tuple[str, ...]] = {
    "frontend-api_kuma-demo_svc_8080.mesh": ("240.0.0.1", "fd00:fd00::1"),
    "backend.mesh": ("240.0.0.2", "fd00:fd00::2"),
    "redis.kuma-demo.svc.east.mesh.local": ("241.0.0.3", "fd00:fd00::3"),
    "web-0.web.mesh": ("240.0.0.4", "fd00:fd00::4"),
    "mapped.mesh": ("240.0.0.5", "::ffff:f000:5"),
    "four.mesh": ("240.0.0.6",),
    "six.mesh": ("fd00:fd00::6",),
    "three.mesh": ("240.0.1.1", "240.0.1.2", "240.0.1.3", "fd00:fd00::1:1", "fd00:fd00::1:2"),
    "many.mesh": tuple(f"{net}{n}" for net in ("240.0.2.", "fd00:fd00::2:") for n in range(MANY)),
    "payments.partner.example": ("240.0.0.7", "fd00:fd00::7"),
}
"""What kuma-dns serves."""
UPSTREAM = "\n".join(
    (
        "www.example.org. IN A 203.0.113.80",
        "www.example.org. IN AAAA 2001:db8:113::80",
        "alias.example.org. IN CNAME www.example.org.",
        "four.example.org. IN A 203.0.113.4",
        "9.113.0.203.in-addr.arpa. IN PTR abroad.example.org.",
        "external.default.svc.cluster.local. IN CNAME frontend-api.kuma-demo.svc.8080.mesh.",
        "gone.default.svc.cluster.local. IN CNAME nobody.mesh.",
        "cluster-dns.kube-system.svc.cluster.local. IN A 10.96.0.10",
        *(f"long.example.org. IN A 203.0.113.{n}" for n in range(100, 100 + MANY)),
    )
)
"""What a name server elsewhere knows."""

TABLE = parse_rows("""
    # The mesh's names, in every style.
    addresses of frontend-api.kuma-demo.svc.8080.mesh  -> 240.0.0.1 fd00:fd00::1
    addresses of frontend-api_kuma-demo_svc_8080.mesh  -> 240.0.0.1 fd00:fd00::1
    addresses of backend.mesh                          -> 240.0.0.2 fd00:fd00::2
    addresses of backend.mesh.                         -> 240.0.0.2 fd00:fd00::2
    addresses of redis.kuma-demo.svc.east.mesh.local   -> 241.0.0.3 fd00:fd00::3
    addresses of web-0.web.mesh                        -> 240.0.0.4 fd00:fd00::4
    addresses of web.web-0.mesh                        -> 240.0.0.4 fd00:fd00::4
    addresses of payments.partner.example              -> 240.0.0.7 fd00:fd00::7
    addresses of BackEnd.MESH                          -> 240.0.0.2 fd00:fd00::2
    IPv4 of      backend.mesh                          -> 240.0.0.2
    IPv6 of      backend.mesh                          -> fd00:fd00::2
    addresses of mapped.mesh                           -> 240.0.0.5

    # Several addresses; more than an answer over UDP holds.
    IPv4 of      three.mesh                            -> 240.0.1.1 240.0.1.2 240.0.1.3
    IPv6 of      three.mesh                            -> fd00:fd00::1:1 fd00:fd00::1:2
    IPv4 of      many.mesh                             -> 60 addresses
    IPv6 of      many.mesh                             -> 60 addresses

    # What is not there: nothing of that type, nothing at all, nothing yet above.
    addresses of four.mesh                             -> 240.0.0.6
    IPv6 of      four.mesh                             -> no data
    addresses of six.mesh                              -> fd00:fd00::6
    IPv4 of      six.mesh                              -> no data
    addresses of nobody.mesh                           -> no such name
    IPv4 of      nobody.mesh                           -> no such name
    IPv6 of      nobody.backend.mesh                   -> no such name
    addresses of kuma-demo.svc.8080.mesh               -> no data

    # Addresses back to names.
    name of      240.0.0.2                             -> backend.mesh
    name of      fd00:fd00::2                          -> backend.mesh
    name of      241.0.0.3                             -> redis.kuma-demo.svc.east.mesh.local
    name of      203.0.113.9                           -> abroad.example.org
    name of      203.0.113.10                          -> no such name

    # Everybody else's names, by way of the name server.
    addresses of www.example.org                       -> 203.0.113.80 2001:db8:113::80
    addresses of alias.example.org                     -> 203.0.113.80 2001:db8:113::80
    IPv6 of      four.example.org                      -> no data
    addresses of nobody.example.org                    -> no such name
    IPv4 of      long.example.org                      -> 60 addresses

    # An ExternalName Service of Kubernetes that leads into the mesh.
    addresses of external.default.svc.cluster.local    -> 240.0.0.1 fd00:fd00::1
    IPv6 of      external.default.svc.cluster.local    -> fd00:fd00::1
    addresses of gone.default.svc.cluster.local        -> no such name
""")

SEARCHED = parse_rows("""
    addresses of external                              -> 240.0.0.1 fd00:fd00::1
    addresses of external.default                      -> 240.0.0.1 fd00:fd00::1
    IPv4 of      cluster-dns.kube-system               -> 10.96.0.10
    addresses of backend.mesh                          -> 240.0.0.2 fd00:fd00::2
    addresses of frontend-api.kuma-demo.svc.8080.mesh  -> 240.0.0.1 fd00:fd00::1
    addresses of nobody.mesh                           -> no such name
    addresses of www.example.org                       -> 203.0.113.80 2001:db8:113::80
""")
"""Rows for clients with the resolv.conf that Kubernetes writes."""
