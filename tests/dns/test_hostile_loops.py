"""No name server, or one that is ourselves: nothing goes round, everybody hears of it in time.

All of it on a host of the lab: a resolv.conf has no ports, and redirection takes a network.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.dns_asking import all_by_udp, says, told
from lab.dns_server import DnsServer
from lab.host import run_here
from lab.messages import ask, opt, option
from lab.topology import quiet_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.host import Host

FOLDER = Path("/run/lab")
CONF = FOLDER / "loops.conf"
HERE = "NOERROR 240.0.0.1"
NOBODY = "SERVFAIL 22"
AT_ONCE = 0.9
"""Seconds: a millisecond on a quiet machine, and less than anybody's timeout on a busy one."""
QUESTIONS = 100
PATIENCE = 1.0
"""Seconds: the least that resolv.conf can say."""
OPTIONS = "options timeout:1 attempts:1\n"
ELSEWHERE = "127.0.0.99"
"""Where nobody listens; on the loopback interface, so that there is a route."""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    quiet = quiet_host()
    try:
        yield quiet
    finally:
        quiet.stop()


def server_with(conf: str | None, *options: str) -> DnsServer:
    """Return a server with a resolv.conf of some text; None: there is none."""
    CONF.unlink(missing_ok=True)
    if conf is not None:
        CONF.write_text(conf, encoding="latin-1")
    return DnsServer(FOLDER, "--record=here.mesh=240.0.0.1", f"--resolv-conf={CONF}", *options)


# --- nobody to ask ------------------------------------------------------------------------------

WITHOUT = {
    "there is none": None,
    "it is empty": "",
    "it has remarks only": "# nameserver 192.0.2.1\n; nameserver 192.0.2.1\n",
    "it has no addresses": "nameserver localhost\nnameserver 1.2.3.4.5\nnameserver\n",
    "it is not text": "\0\1\2\xff" * 100,
}
"""What may be wrong with a resolv.conf so that nobody is to be asked."""


@pytest.mark.parametrize("trouble", WITHOUT)
def test_without_a_server_the_mesh_is_served_and_all_else_fails_at_once(
    host: Host, trouble: str
) -> None:
    host.call(play_without, WITHOUT[trouble])


def play_without(conf: str | None) -> None:
    with server_with(conf) as server:
        server.await_ready()
        began = time.monotonic()
        for tcp in (False, True):
            assert says(server.port, "elsewhere.example", tcp=tcp) == NOBODY
        assert time.monotonic() - began < AT_ONCE
        assert says(server.port, "here.mesh") == HERE
        assert len(server.events("no-name-servers")) == 1


def test_a_resolv_conf_that_is_a_fifo_does_not_hold_the_server_up(host: Host) -> None:
    host.call(play_fifo)


def play_fifo() -> None:
    CONF.unlink(missing_ok=True)
    os.mkfifo(CONF)
    options = ("--record=here.mesh=240.0.0.1", f"--resolv-conf={CONF}")
    try:
        with DnsServer(FOLDER, *options) as server:
            assert says(server.port, "elsewhere.example") == NOBODY
            assert says(server.port, "here.mesh") == HERE
            assert [event["why"] for event in server.events("resolv-conf-unreadable")] == [
                "not a regular file"
            ]
    finally:
        CONF.unlink()


# --- ourselves ----------------------------------------------------------------------------------

OURSELVES = {
    "the same address": ("nameserver 127.0.0.1\n", "--listen=127.0.0.1:53"),
    "the same address, mapped": ("nameserver ::ffff:127.0.0.1\n", "--listen=127.0.0.1:53"),
    "the same address, written oddly": ("nameserver 0x7f.1\n", "--listen=127.0.0.1:53"),
    "any address": ("nameserver 0.0.0.0\n", "--listen=127.0.0.1:53"),
    "IPv6": ("nameserver ::1\n", "--listen=[::1]:53"),
    "a wildcard, by the loopback network": ("nameserver 127.1.2.3\n", "--listen=0.0.0.0:53"),
    "a wildcard, by an address of a link": ("nameserver 10.77.0.2\n", "--listen=0.0.0.0:53"),
    "a wildcard, by IPv6": ("nameserver fd77::2\n", "--listen=[::]:53"),
}
"""A resolv.conf and where we listen, so that it points to us."""


@pytest.mark.parametrize("how", OURSELVES)
def test_a_resolv_conf_that_points_to_us_is_seen_through(host: Host, how: str) -> None:
    assert host.call(play_ourselves, *OURSELVES[how]) == [NOBODY, NOBODY, HERE]


def play_ourselves(conf: str, listen: str) -> list[str]:
    with server_with(conf, listen) as server:
        server.await_ready()
        began = time.monotonic()
        said = [says(server.port, "elsewhere.example", tcp=tcp) for tcp in (False, True)]
        assert time.monotonic() - began < AT_ONCE
        assert server.events("no-name-servers")[0]["left_out_as_ourselves"]
        return [*said, says(server.port, "here.mesh")]


@pytest.mark.parametrize("proto", ["udp", "tcp"])
def test_queries_of_ours_that_are_redirected_to_us_do_not_multiply(host: Host, proto: str) -> None:
    """The rules capture the user that the server runs as: they should not, but they do."""
    host.call(play_redirected, proto)


def play_redirected(proto: str) -> None:
    with server_with(f"nameserver {ELSEWHERE}\n{OPTIONS}") as server:
        for one in ("udp", "tcp"):
            rule = f"-d {ELSEWHERE} -p {one} --dport 53 -j REDIRECT --to-ports {server.port}"
            ended = run_here(("iptables", "-t", "nat", "-A", "OUTPUT", *rule.split()), "", {})
            assert ended.status == 0, ended.stderr
        try:
            check_loop(server, proto)
        finally:
            assert run_here(("iptables", "-t", "nat", "-F", "OUTPUT"), "", {}).status == 0


def check_loop(server: DnsServer, proto: str) -> None:
    server.await_ready()
    used, began = server.processor(), time.monotonic()
    if proto == "udp":
        cookie = opt(options=option(10, b"cookies!"))
        packets = [
            ask(f"{n}.example", extra=cookie if n % 2 else b"", ident=n) for n in range(QUESTIONS)
        ]
        answers = all_by_udp(server.port, packets)
        assert len(answers) == QUESTIONS
        assert {told(packet).split()[0] for packet in answers.values()} == {"SERVFAIL"}
    else:
        assert says(server.port, "one.example", tcp=True) == NOBODY
    assert PATIENCE / 2 < time.monotonic() - began < PATIENCE + AT_ONCE
    asked = server.metric("kuma_dns_upstream_queries_total")
    # Each question leaves twice, at once and after 0.4 s; each comes back and waits for itself.
    assert 1 <= asked <= 2 * (QUESTIONS if proto == "udp" else 1)
    assert server.metric("kuma_dns_coalesced_total") >= asked / 2
    assert server.processor() - used < 0.3
    assert says(server.port, "here.mesh") == HERE


def test_a_server_that_is_not_there_is_known_at_once(host: Host) -> None:
    """The kernel says so (ICMP): nobody waits."""
    assert host.call(play_nobody_listens) == ["SERVFAIL 23", "SERVFAIL 23"]


def play_nobody_listens() -> list[str]:
    with server_with(f"nameserver {ELSEWHERE}\n{OPTIONS}") as server:
        server.await_ready()
        began = time.monotonic()
        said = [says(server.port, "elsewhere.example", tcp=tcp) for tcp in (False, True)]
        assert time.monotonic() - began < AT_ONCE
        return said
