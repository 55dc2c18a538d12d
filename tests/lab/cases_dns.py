"""Packet tables of DNS capture."""

from __future__ import annotations

from lab.case import Case

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
