"""Facts: by default a machine where nothing is special."""

from __future__ import annotations

from kuma_net.tproxy.facts import Account, DnsServers, HostFacts
from kuma_net.values import Network


def test_by_default_nothing_is_special() -> None:
    facts = HostFacts()
    assert facts.account is None
    assert facts.ipv6
    assert (facts.loopback, facts.docker_output, facts.dns) == ("lo", (), None)
    assert not facts.session_ports
    assert facts.own_table


def test_facts_are_values() -> None:
    dns = DnsServers("/etc/resolv.conf", (Network.parse("10.96.0.10"),))
    facts = HostFacts(account=Account(5678, "user id 5678"), dns=dns)
    assert facts == facts.replace()
    assert facts.replace(ipv6=False, ipv6_reason="it is switched off") != facts
