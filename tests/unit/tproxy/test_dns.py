"""DNS capture and the two conntrack zones it needs."""

from __future__ import annotations

from kuma_net.tproxy.config import Config, Dns, Redirect
from kuma_net.tproxy.dns import output_dns, raw_output, raw_prerouting, tcp_bypass
from kuma_net.tproxy.facts import DnsServers
from kuma_net.tproxy.plan import Plan
from kuma_net.values import Family, Network
from lab.planned import planned, told

ALL = Dns(enabled=True, capture_all=True)
LISTED = Dns(enabled=True)


def dns(asked: Dns, *servers: str, **facts: object) -> Plan:
    """Plan DNS capture where resolv.conf names these servers."""
    read = DnsServers("/etc/resolv.conf", tuple(Network.parse(text) for text in servers))
    return planned(Config(redirect=Redirect(dns=asked)), dns=read, **facts)


def test_without_dns_capture_there_is_no_rule() -> None:
    off = dns(Dns())
    assert (output_dns(off), tcp_bypass(off), raw_output(off), raw_prerouting(off)) == (
        (),
        (),
        (),
        (),
    )


def test_the_sidecars_own_queries_go_out_and_all_others_are_captured() -> None:
    assert told(output_dns(dns(ALL))) == [
        "UDP to port 53 of user 5678 leaves this chain",
        "UDP to port 53 goes to port 15053 of this machine",
    ]
    assert told(tcp_bypass(dns(ALL))) == ["TCP to port 53 leaves this chain"]


def test_queries_to_name_servers_alone_are_captured() -> None:
    plan = dns(LISTED, "fd00::53", "10.0.0.53")
    assert told(output_dns(plan))[1] == (
        "UDP to 10.0.0.53/32 or fd00::53/128 to port 53 goes to port 15053 of this machine"
    )


def test_one_family_with_name_servers_keeps_every_rule_to_itself() -> None:
    plan = dns(LISTED, "10.0.0.53")
    assert told(output_dns(plan)) == [
        "IPv4 UDP to port 53 of user 5678 leaves this chain",
        "UDP to 10.0.0.53/32 to port 53 goes to port 15053 of this machine",
    ]
    assert told(tcp_bypass(plan)) == ["IPv4 TCP to port 53 leaves this chain"]
    assert told(raw_output(plan))[:2] == [
        "IPv4 UDP to port 53 of user 5678 is tracked in zone 1",
        "IPv4 UDP from port 15053 of user 5678 is tracked in zone 2",
    ]


def test_dns_over_tcp_is_captured_on_request_and_then_nothing_bypasses() -> None:
    plan = dns(ALL.replace(tcp=True))
    assert told(output_dns(plan))[2:] == [
        "TCP to port 53 of user 5678 leaves this chain",
        "TCP to port 53 goes to port 15053 of this machine",
    ]
    assert tcp_bypass(plan) == ()


def test_dns_over_tcp_to_other_servers_bypasses() -> None:
    plan = dns(LISTED.replace(tcp=True), "10.0.0.53", "fd00::53")
    assert told(output_dns(plan))[3] == (
        "TCP to 10.0.0.53/32 or fd00::53/128 to port 53 goes to port 15053 of this machine"
    )
    assert told(tcp_bypass(plan)) == ["TCP to port 53 leaves this chain"]


def test_the_sidecars_zone_is_set_before_the_workloads() -> None:
    assert told(raw_output(dns(ALL))) == [
        "UDP to port 53 of user 5678 is tracked in zone 1",
        "UDP from port 15053 of user 5678 is tracked in zone 2",
        "UDP to port 53 is tracked in zone 2",
    ]
    assert told(raw_prerouting(dns(ALL))) == ["UDP from port 53 is tracked in zone 1"]


def test_zones_follow_the_name_servers() -> None:
    plan = dns(LISTED, "10.0.0.53", "fd00::53")
    assert told(raw_output(plan))[2:] == [
        "UDP to 10.0.0.53/32 or fd00::53/128 to port 53 is tracked in zone 2"
    ]
    assert told(raw_prerouting(plan)) == [
        "UDP from 10.0.0.53/32 or fd00::53/128 from port 53 is tracked in zone 1"
    ]


def test_answers_of_a_stub_resolver_leave_through_output() -> None:
    assert told(raw_output(dns(LISTED, "127.0.0.53", "10.0.0.53")))[3:] == [
        "UDP from 127.0.0.53/32 to 127.0.0.1/32 is tracked in zone 1"
    ]


def test_a_skipped_split_leaves_the_raw_table_alone() -> None:
    plan = dns(ALL.replace(skip_zone_split=True))
    assert (raw_output(plan), raw_prerouting(plan)) == ((), ())


def test_where_docker_resolves_the_sidecar_goes_through_dockers_chain() -> None:
    plan = dns(LISTED, "127.0.0.11", docker_output=(Family.IPV4,), own_table=False)
    assert (
        told(output_dns(plan))[0] == "IPv4 UDP to port 53 of user 5678 goes through DOCKER_OUTPUT"
    )


def test_dockers_chain_in_one_family_leaves_the_other_plain() -> None:
    plan = dns(ALL, docker_output=(Family.IPV4,), own_table=False)
    assert told(output_dns(plan))[:2] == [
        "IPv4 UDP to port 53 of user 5678 goes through DOCKER_OUTPUT",
        "IPv6 UDP to port 53 of user 5678 leaves this chain",
    ]
