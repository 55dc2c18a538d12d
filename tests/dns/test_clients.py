"""Real clients behind real redirection: who asks what, and what she gets.

Every client runs on the application's host, as a program of its own; DNS capture takes its
queries (UDP and TCP) from the name servers it believes to ask to kuma-dns.  The name server
behind that one is another host.
"""

from __future__ import annotations

import pytest

from lab import resolver
from lab.building import MissingProgram, Programs
from lab.cases_names import NAMES, SEARCHED, TABLE, UPSTREAM
from lab.installing import config_of, install_here
from lab.names import asked_here, serve_names
from lab.programs import find_server
from lab.resolved import STUB, start_here
from lab.resolving import SOME, Client, Row, check_rows
from lab.topology import Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
        assert built.app.call(resolver.problems_here) == []


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


def test_mixed_case_goes_on_to_the_name_server_as_it_was_asked(
    lab: Lab, programs: Programs
) -> None:
    client = next(one for one in CLIENTS if one.name == "c-ares with 0x20")
    rows = [Row("IPv4", f"nobody-{n}.example.org", "no such name") for n in range(8)]
    check_rows(lab.app, client, prepare(lab, programs, client), rows)
    asked = [one.name for one in lab.remote.call(asked_here) if "nobody-" in one.name.lower()]
    assert {name.lower() for name in asked} == {f"{row.subject}." for row in rows}
    assert any(name != name.lower() for name in asked)


def prepare(lab: Lab, programs: Programs, client: Client) -> tuple[str, ...]:
    """Write a client's resolv.conf; return the words that run its program, or skip."""
    lab.app.write("/etc/resolv.conf", SERVERS + client.resolv_conf)
    return words_of(programs, client)


def words_of(programs: Programs, client: Client) -> tuple[str, ...]:
    """Return the words that run a client's program, or skip."""
    try:
        return programs.words(client.program)
    except MissingProgram as missing:
        pytest.skip(str(missing))


# --- systemd-resolved, which stands between -----------------------------------------------------

STUBS = f"nameserver {STUB}\noptions edns0 trust-ad\n"
"""What systemd-resolved writes into its stub-resolv.conf."""
BEHIND_STUB = (
    Client("glibc", "glibc"),
    Client("musl", "musl", says=UDP_ALONE),
    Client("Go", "go", says=ONE_WORD),
)


@pytest.fixture(scope="module")
def resolved() -> str:
    """Return systemd-resolved's program, or skip."""
    program = find_server("systemd-resolved")
    if program is None:
        pytest.skip("there is no systemd-resolved on this machine")
    return program


@pytest.fixture(scope="module")
def asking(resolved: str) -> Iterator[Lab]:
    """Have systemd-resolved ask kuma-dns: no capture, applications ask 127.0.0.53."""
    with Lab() as built:
        built.remote.call(serve_names, UPSTREAM)
        built.app.write(RESOLV_CONF, SERVERS)
        resolver.start(built.app, NAMES, f"--resolv-conf={RESOLV_CONF}")
        built.app.call(start_here, resolved, "127.0.0.1:15053")
        built.app.write("/etc/resolv.conf", STUBS)
        yield built


@pytest.fixture(scope="module")
def asked(resolved: str) -> Iterator[Lab]:
    """Have kuma-dns ask systemd-resolved: what applications ask of 127.0.0.53 is captured."""
    with Lab() as built:
        built.remote.call(serve_names, UPSTREAM)
        built.app.call(start_here, resolved, "192.0.2.53:53")
        built.app.write("/etc/resolv.conf", STUBS)
        resolver.start(built.app, NAMES)
        options = {"redirect.dns.enabled": True, "redirect.dns.tcp": True}
        built.app.call(install_here, config_of(options))
        yield built


@pytest.mark.parametrize("client", BEHIND_STUB, ids=str)
@pytest.mark.parametrize("way", ["asking", "asked"])
def test_with_systemd_resolved_between_she_gets_the_same(
    request: pytest.FixtureRequest, programs: Programs, client: Client, way: str
) -> None:
    lab: Lab = request.getfixturevalue(way)
    check_rows(lab.app, client, words_of(programs, client), TABLE)
