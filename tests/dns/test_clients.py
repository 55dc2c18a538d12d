"""Real clients behind real redirection: who asks what, and what she gets.

Every client runs on the application's host, as a program of its own; DNS capture takes its
queries (UDP and TCP) from the name servers it believes to ask to kuma-dns.  The name server
behind that one is another host.
"""

from __future__ import annotations

import pytest

from lab import resolver
from lab.building import MissingProgram, Programs
from lab.installing import config_of, install_here
from lab.names import serve_names
from lab.resolving import SOME, Client, check_rows, parse_rows
from lab.topology import Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 60
NAMES = {
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

RESOLV_CONF = "/run/lab/resolv.conf"
"""The name servers and search domains that kuma-dns goes by; clients write their own."""
SERVERS = "nameserver 192.0.2.53\nnameserver 2001:db8:53::53\n"
KUBERNETES = "search default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
"""What the kubelet writes for pods with dnsPolicy ClusterFirst."""

ONE_WORD = {"no data": "no such name"}
"""What clients say that have one word for both."""
UDP_ALONE = ONE_WORD | {"60 addresses": SOME}
"""What musl before 1.2.4 says, which never asks over TCP."""
OLD_WORDS = {"addresses": "old", "ipv4": "old4", "ipv6": "old6"}
"""gethostbyname instead of getaddrinfo."""
C_ARES_USE_VC, C_ARES_EDNS, C_ARES_0X20 = 1 << 0, 1 << 8, 1 << 10
"""c-ares' flags, ares.h."""

CLIENTS = (
    Client("glibc", "glibc"),
    Client("glibc with EDNS", "glibc", "options edns0\n"),
    Client("glibc over TCP", "glibc", "options use-vc\n"),
    Client("glibc, one request after the other", "glibc", "options single-request\n"),
    Client("glibc, a socket for each request", "glibc", "options single-request-reopen\n"),
    Client("glibc, gethostbyname", "glibc", asks=OLD_WORDS),
    Client("glibc in a pod", "glibc", KUBERNETES),
    Client("glibc in a pod with EDNS", "glibc", KUBERNETES + "options edns0 trust-ad\n"),
    Client("musl", "musl", says=UDP_ALONE),
    Client("musl in a pod", "musl", KUBERNETES, says=UDP_ALONE),
    Client("Go", "go", says=ONE_WORD),
    Client("Go in a pod", "go", KUBERNETES, says=ONE_WORD),
    Client("Go over TCP", "go", "options use-vc\n", says=ONE_WORD),
    Client("c-ares", "cares"),
    Client("c-ares in a pod", "cares", KUBERNETES),
    Client("c-ares with 0x20", "cares", environ={"C_ARES_FLAGS": str(C_ARES_0X20 | C_ARES_EDNS)}),
    Client("c-ares over TCP", "cares", environ={"C_ARES_FLAGS": str(C_ARES_USE_VC)}),
    Client("Node", "node"),
    Client("dnspython", "dnspython"),
    Client("dnspython in a pod", "dnspython", KUBERNETES),
)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Capture all DNS of an application's host for kuma-dns; the name server is elsewhere."""
    with Lab() as built:
        built.remote.call(serve_names, UPSTREAM)
        built.app.write(RESOLV_CONF, SERVERS + KUBERNETES)
        resolver.start(built.app, NAMES, f"--resolv-conf={RESOLV_CONF}")
        options = {"redirect.dns.captureAll": True, "redirect.dns.tcp": True}
        built.app.call(install_here, config_of(options))
        yield built


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Programs:
    cache = request.config.cache
    assert cache is not None
    # Go compiles its standard library first; pytest's own folder keeps that for the next time.
    return Programs(tmp_path_factory.mktemp("clients"), cache.mkdir("go-build"))


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_she_gets_what_the_table_says(lab: Lab, programs: Programs, client: Client) -> None:
    argv = prepare(lab, programs, client)
    check_rows(lab.app, client, argv, TABLE)


@pytest.mark.parametrize(
    "client", [client for client in CLIENTS if client.resolv_conf.startswith("search")], ids=str
)
def test_in_a_pod_she_gets_short_names_too(lab: Lab, programs: Programs, client: Client) -> None:
    argv = prepare(lab, programs, client)
    check_rows(lab.app, client, argv, SEARCHED)


def prepare(lab: Lab, programs: Programs, client: Client) -> tuple[str, ...]:
    """Write a client's resolv.conf; return the words that run its program, or skip."""
    lab.app.write("/etc/resolv.conf", SERVERS + client.resolv_conf)
    try:
        return programs.words(client.program)
    except MissingProgram as missing:
        pytest.skip(str(missing))
