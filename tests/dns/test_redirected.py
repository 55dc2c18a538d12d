"""kuma-dns behind real redirection: as the sidecar's user, in the application's host.

The application asks the name servers of its resolv.conf, wherever they are and whether they are
there at all; capture brings UDP and TCP of both families to kuma-dns, and the replies back as if
those servers had sent them.  The sidecar's own queries to the very same servers go out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import resolver
from lab.bursts import Burst, send_burst
from lab.host import SIDECAR, WORKLOAD
from lab.installing import BACKENDS, config_of, install_here
from lab.lookups import NO_NAME, Lookup, look_up
from lab.names import asked_here, serve_names
from lab.processes import eventually
from lab.rows import listing, moved
from lab.topology import ADDRESSES, Lab

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_net.backends.base import Kind

NAMES = {
    "frontend-api_kuma-demo_svc_8080.mesh": ("240.0.0.1", "fd00:fd00::1"),
    "backend.mesh": ("240.0.0.2", "fd00:fd00::2"),
    "many.mesh": tuple(f"240.0.2.{n}" for n in range(60)),
}
BOTH = "240.0.0.2 fd00:fd00::2"
UPSTREAM = "www.example.org. IN A 203.0.113.80\nwww.example.org. IN AAAA 2001:db8:113::80\n"
WWW = "203.0.113.80 2001:db8:113::80"

EVERYTHING = {"redirect.dns.captureAll": True}
SERVERS = {"redirect.dns.enabled": True}
TCP_TOO = {"redirect.dns.tcp": True}
every_capture = pytest.mark.parametrize(
    "capture", [EVERYTHING, SERVERS], ids=["all-DNS", "servers-of-resolv.conf"]
)
every_family = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
every_protocol = pytest.mark.parametrize("proto", ["UDP", "TCP"])

SLOW = 2
"""How often a question may go out: again after 0.4 s, if this machine is so slow."""
PROJECT = Path(__file__).parents[2]
PAGES = ("/ready", "/metrics", "/names", "/explain?name=backend.mesh&type=A")

ABSENT = ("10.77.0.77", "fd77::77")
"""Name servers in the application's own network that no host has."""


def prepare(lab: Lab, options: Mapping[str, object], *words: str, upstream: str = UPSTREAM) -> int:
    """Serve names on both hosts and capture by the options; return kuma-dns' pid."""
    lab.remote.call(serve_names, upstream)
    pid = resolver.start(lab.app, NAMES, *words)
    lab.app.call(install_here, config_of(options))
    return pid


def names_asked(lab: Lab) -> list[str]:
    """Return the names that the remote's name server was asked for, in order."""
    return [one.name.rstrip(".") for one in lab.remote.call(asked_here)]


def test_it_runs_as_the_sidecars_user_and_its_sockets_are_that_users(lab: Lab) -> None:
    pid = prepare(lab, EVERYTHING)
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    assert f"\nUid:\t{SIDECAR}\t{SIDECAR}\t{SIDECAR}\t{SIDECAR}\n" in status


def test_it_needs_nothing_more_of_a_folder_that_its_user_cannot_enter(lab: Lab) -> None:
    """A checkout below /root, or pipx: what it imports, it imports while it may."""
    hide_project(lab)
    with pytest.raises(AssertionError, match="Permission denied"):
        lab.app.run(("setpriv", f"--reuid={SIDECAR}", "--clear-groups", "ls", str(PROJECT)))
    prepare(lab, EVERYTHING)
    server = ADDRESSES["nameserver"][0]
    names = ["backend.mesh", "nobody.mesh", "nobody.example.org"]
    told = lab.app.call(send_burst, Burst(names, server, WORKLOAD))
    assert told == ["NOERROR 240.0.0.2", "NXDOMAIN", "NXDOMAIN"]
    assert [lab.app.call(resolver.status, page) for page in PAGES] == [200] * len(PAGES)
    # A new table is made by a process of its own, which reads the document.
    lab.app.write(resolver.DOCUMENT, resolver.document({"new.mesh": ("240.0.0.9",)}))
    asked = Burst(["new.mesh"], server, WORKLOAD)
    assert eventually(lambda: lab.app.call(send_burst, asked) == ["NOERROR 240.0.0.9"])
    assert lab.app.call(resolver.problems_here) == []


def hide_project(lab: Lab) -> None:
    """Let only root enter the project's folder, as the application's host sees it."""
    layers = "/run/lab/layers"
    lab.app.run(("install", "--directory", f"{layers}/work"))
    lab.app.run(("install", "--directory", "--mode=0700", f"{layers}/upper"))
    options = f"lowerdir={PROJECT},upperdir={layers}/upper,workdir={layers}/work"
    mounted = ("mount", "-t", "overlay", "overlay", "-o", options, str(PROJECT))
    if lab.app.run(mounted, check=False).status:
        pytest.skip("this machine has no overlay file system to lay over the project")


@pytest.mark.parametrize("backend", BACKENDS)
@every_capture
def test_names_of_the_mesh_come_from_it_and_all_others_by_way_of_it(
    lab: Lab, backend: Kind, capture: Mapping[str, object]
) -> None:
    prepare(lab, {**capture, **TCP_TOO, "backend": backend})
    for server in ADDRESSES["nameserver"]:
        for proto in ("UDP", "TCP"):
            asked = Lookup("backend.mesh", proto, server, WORKLOAD)
            assert lab.app.call(look_up, asked) == BOTH
            assert lab.app.call(look_up, asked.replace(name="nobody.mesh")) == NO_NAME
            assert lab.app.call(look_up, asked.replace(name="www.example.org")) == WWW
    assert set(names_asked(lab)) == {"www.example.org"}
    assert lab.app.call(resolver.problems_here) == []


@every_capture
def test_name_servers_that_are_not_there_are_not_missed(
    lab: Lab, capture: Mapping[str, object]
) -> None:
    servers = "".join(f"nameserver {address}\n" for address in ABSENT)
    lab.app.write("/etc/resolv.conf", f"{servers}options timeout:1 attempts:1\n")
    prepare(lab, {**capture, **TCP_TOO})
    for server in ABSENT:
        for proto in ("UDP", "TCP"):
            asked = Lookup("backend.mesh", proto, server, WORKLOAD)
            assert lab.app.call(look_up, asked) == BOTH
            assert lab.app.call(look_up, asked.replace(name="nobody.mesh")) == NO_NAME
    failure = lab.app.call(look_up, Lookup("www.example.org", "UDP", ABSENT[0], WORKLOAD))
    assert "Temporary failure" in failure


@every_family
def test_its_own_queries_go_out_and_nothing_goes_round(lab: Lab, family: int) -> None:
    """The rule for the sidecar counts them; the name server sees them; nothing comes back."""
    prepare(lab, {**EVERYTHING, **TCP_TOO})
    server = ADDRESSES["nameserver"][family]
    lab.app.write("/etc/resolv.conf", f"nameserver {server}\n")
    names = [f"nobody-{n}.example.org" for n in range(20)]
    before = listing(lab.app)
    got = lab.app.call(send_burst, Burst(names, server, WORKLOAD))
    met = [line for line in moved(before, listing(lab.app)) if "sidecar itself" in line]
    assert got == ["NXDOMAIN"] * 20
    assert len(met) == 1, "the rule that lets its queries out has counted"
    asked = names_asked(lab)
    assert set(asked) == set(names)
    assert len(asked) <= SLOW * len(names)
    assert {one.peer for one in lab.remote.call(asked_here)} <= set(ADDRESSES["self"])


def test_a_name_server_that_is_itself_is_left_out(lab: Lab) -> None:
    """It listens everywhere, and resolv.conf names an address of this host."""
    lab.app.write("/etc/resolv.conf", "nameserver 10.77.0.2\n")
    prepare(lab, EVERYTHING, "--listen=0.0.0.0:53", "--listen=0.0.0.0:15053")
    names = ["www.example.org", "backend.mesh"]
    asked = Burst(names, ADDRESSES["nameserver"][0], WORKLOAD)
    assert lab.app.call(send_burst, asked) == ["SERVFAIL 22", "NOERROR 240.0.0.2"]


def test_a_name_server_on_this_host_serves_the_sidecar_and_not_the_application(lab: Lab) -> None:
    """127.0.0.53, as systemd-resolved and others have it."""
    stub = ADDRESSES["stub"][0]
    lab.app.write("/etc/resolv.conf", f"nameserver {stub}\n")
    lab.app.call(serve_names, UPSTREAM)
    prepare(lab, {**SERVERS, **TCP_TOO})
    for proto in ("UDP", "TCP"):
        asked = Lookup("backend.mesh", proto, stub, WORKLOAD)
        assert lab.app.call(look_up, asked) == BOTH
        assert lab.app.call(look_up, asked.replace(name="www.example.org")) == WWW
    assert {one.name for one in lab.app.call(asked_here)} == {"www.example.org."}
    assert names_asked(lab) == []


@every_family
@every_protocol
def test_guests_behind_a_bridge_get_replies_from_whom_they_asked(
    lab: Lab, family: int, proto: str
) -> None:
    """Listening everywhere, it must reply from the address that the redirect chose (PKTINFO)."""
    options = {"redirect.vnet.networks": ["br0:10.79.0.0/24", "br0:fd79::/64"]}
    listen = ("--listen=0.0.0.0:15053", "--listen=[::]:15053")
    prepare(lab, {**options, **EVERYTHING, **TCP_TOO}, *listen)
    server = ADDRESSES["nameserver"][family]
    asked = Lookup("backend.mesh", proto, server, WORKLOAD)
    assert lab.guest.call(look_up, asked) == BOTH
    assert lab.guest.call(look_up, asked.replace(name="www.example.org")) == WWW
    if proto == "UDP":
        names = ["backend.mesh", "late.example.org"] * 10
        told = lab.guest.call(send_burst, Burst(names, server, WORKLOAD))
        assert told == ["NOERROR 240.0.0.2", "NXDOMAIN"] * 10
    assert lab.app.call(look_up, asked) == BOTH, "and the host's own applications"


# --- bursts -------------------------------------------------------------------------------------

PORTS = 128
"""So few that the application and the sidecar use the same ones again and again."""
BURSTS, LOOKUPS, PARALLEL = 3, 400, 24


@every_family
def test_bursts_from_few_ports_land_right(lab: Lab, family: int) -> None:
    prepare_few_ports(lab, family, {})
    assert [line for burst in range(BURSTS) for line in wrong_of(lab, family, burst)] == []
    asked = names_asked(lab)
    assert [name for name in asked if name.endswith("mesh")] == []
    assert len(set(asked)) == BURSTS * LOOKUPS // 2
    assert len(asked) <= SLOW * len(set(asked)), "nothing goes round"


@every_family
def test_without_the_zone_split_bursts_from_few_ports_go_wrong(lab: Lab, family: int) -> None:
    """Names of the mesh are asked upstream, upstream queries come back, answers get lost."""
    prepare_few_ports(lab, family, {"redirect.dns.skipConntrackZoneSplit": True})
    assert any(wrong_of(lab, family, burst, patience=0.5) for burst in range(BURSTS))


def prepare_few_ports(lab: Lab, family: int, options: Mapping[str, object]) -> None:
    """Have application and sidecar ask one name server from the same few ports."""
    lab.app.sysctl("net.ipv4.ip_local_port_range", f"40000 {40000 + PORTS - 1}")
    lab.app.write("/etc/resolv.conf", f"nameserver {ADDRESSES['nameserver'][family]}\n")
    names = range(BURSTS * LOOKUPS)
    known = "".join(f"host-{n}.example.org. IN A 203.0.113.{n % 256}\n" for n in names)
    prepare(lab, {**EVERYTHING, **options}, upstream=known)


def wrong_of(lab: Lab, family: int, burst: int, patience: float = 10.0) -> list[str]:
    """Send a burst, names of the mesh and new ones of upstream's in turn; return what is wrong."""
    promised: list[tuple[str, str]] = []
    for n in range(burst * LOOKUPS, burst * LOOKUPS + LOOKUPS // 2):
        promised += [
            ("backend.mesh", "NOERROR 240.0.0.2"),
            (f"host-{n}.example.org", f"NOERROR 203.0.113.{n % 256}"),
        ]
    names = [name for name, _ in promised]
    server = ADDRESSES["nameserver"][family]
    got = lab.app.call(send_burst, Burst(names, server, WORKLOAD, PARALLEL, patience))
    return [
        f"{name}: {told}"
        for (name, right), told in zip(promised, got, strict=True)
        if told != right
    ]
