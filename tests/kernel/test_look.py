"""``status``, ``plan`` and ``explain`` on real rules: verdicts, counters, exit codes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from lab.installing import BACKENDS
from lab.programs import run

if TYPE_CHECKING:
    from lab.host import Host

OPTIONS = "--redirect-all-dns-traffic --exclude-outbound-ports 443,8000-8999"
SPEAK = "import socket; socket.socket().connect_ex(('10.77.0.2', 443))"


def test_a_bare_machine_has_nothing(host: Host) -> None:
    ended = run(host, "kuma-net status")
    assert (ended.status, ended.stdout) == (0, "verdict    nothing is installed\n")
    assert run(host, f"kuma-net status {OPTIONS}").status == 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_installed_is_as_asked_and_untouched(host: Host, backend: str) -> None:
    asked = f"{OPTIONS} --backend {backend}"
    assert run(host, f"kuma-net plan {asked}").status == 3
    run(host, f"kuma-init {asked}")
    assert run(host, f"kuma-net plan {asked}").stdout == "nothing would change\n"
    status = run(host, f"kuma-net status {asked}")
    assert (status.status, status.stdout.splitlines()[0]) == (0, "verdict    as asked")
    told = json.loads(run(host, "kuma-net status --json").stdout)
    assert (told["backend"], told["verdict"]) == (backend, "untouched")
    assert told["families"] == ["IPv4", "IPv6"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_wish_differs_and_the_plan_says_in_what(host: Host, backend: str) -> None:
    run(host, f"kuma-init {OPTIONS} --backend {backend}")
    other = f"--redirect-all-dns-traffic --exclude-outbound-ports 444 --backend {backend}"
    for verb in ("plan", "status"):
        ended = run(host, f"kuma-net {verb} {other}")
        assert ended.status == 3
        assert "redirect.outbound.excludePorts" in ended.stdout


@pytest.mark.parametrize(
    ("backend", "tampering"),
    [
        ("nftables", "nft insert rule inet kuma_net nat_output tcp dport 99 accept"),
        ("nftables", "nft flush chain inet kuma_net nat_output"),
        ("nftables", "nft delete chain inet kuma_net raw_prerouting"),
        ("nftables", "ip -6 address del ::6/128 dev lo"),
        ("iptables-nft", "iptables-nft -t nat -A KUMA_MESH_OUTBOUND -j ACCEPT"),
        ("iptables-legacy", "ip6tables-legacy -t nat -D KUMA_MESH_OUTBOUND_REDIRECT 1"),
    ],
)
def test_what_somebody_changed_is_noticed_and_mended(
    host: Host, backend: str, tampering: str
) -> None:
    install = f"kuma-init {OPTIONS} --backend {backend}"
    run(host, install)
    assert run(host, "kuma-net status").status == 0
    host.run(tampering.split())
    for line in ("kuma-net status", f"kuma-net status {OPTIONS} --backend {backend}"):
        ended = run(host, line)
        assert ended.status == 3, (line, ended.stdout)
        assert "differences" in ended.stdout
    assert run(host, install).stdout.startswith("installed")
    assert run(host, "kuma-net status").status == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_counters_show_which_rule_met_a_packet(host: Host, backend: str) -> None:
    run(host, f"kuma-init {OPTIONS} --backend {backend}")
    host.run(["ip", "link", "set", "eth0", "up"])
    host.run(["python3", "-c", SPEAK])
    rules = json.loads(run(host, "kuma-net status --json").stdout)["rules"]
    met = [rule for rule in rules if "to port 443" in rule["rule"]]
    assert len(met) == 1
    assert met[0]["packets"] >= 1
    assert met[0]["octets"] >= 40


def test_what_was_not_asked_is_not_judged_and_that_is_said(host: Host) -> None:
    run(host, f"kuma-init {OPTIONS}")
    assert "is not judged" in run(host, "kuma-net status").stderr
    assert "is not judged" not in run(host, f"kuma-net status {OPTIONS}").stderr
    environ = {"KUMA_TRANSPARENT_PROXY_REDIRECT_DNS_CAPTURE_ALL": "true"}
    assert run(host, "kuma-net status", **environ).status == 3


def test_rules_are_explained_and_packets_are_followed(host: Host) -> None:
    ended = run(host, f"kuma-net explain {OPTIONS}")
    assert ended.stdout.startswith("rules for IPv4 and IPv6\n")
    told = run(host, f"kuma-net explain {OPTIONS} --to 192.0.2.9:443 --uid 1000")
    assert "is left alone" in told.stdout
    told = run(host, f"kuma-net explain {OPTIONS} --to [2001:db8::1]:80 --uid 1000 --json")
    assert json.loads(told.stdout)["port"] == 15001
    assert run(host, "kuma-net explain --installed").status == 1
    run(host, "kuma-init --redirect-outbound-port 15111")
    told = run(host, "kuma-net explain --installed --to 192.0.2.9:80 --uid 1000")
    assert "port 15111" in told.stdout
