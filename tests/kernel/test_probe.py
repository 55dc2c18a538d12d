"""What a probe finds out about a real kernel and a host of the lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.host import session
from kuma_net.host.probe import KernelFacts, kernel_facts, probe
from kuma_net.tproxy.config import Config, Dns, Redirect
from kuma_net.tproxy.facts import Account
from kuma_net.values import Family, PortSet
from lab.host import Host, call_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kuma_net.tproxy.facts import HostFacts

ALL_DNS = Config(redirect=Redirect(dns=Dns(enabled=True, capture_all=True)))


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a host with an empty network namespace."""
    made = Host("host")
    yield made
    made.stop()


def facts_here(
    config: Config, environ: Mapping[str, str] | None = None, *, own_table: bool = True
) -> HostFacts:
    return probe(config, own_table=own_table, environ=environ or {"KUBERNETES_SERVICE_HOST": "x"})


def test_the_kernel_says_that_it_has_nf_tables(host: Host) -> None:
    assert host.call(kernel_facts) == KernelFacts(net_admin=True, nf_tables=True, ip_tables=True)
    assert host.run(["nft", "list", "tables"]).stdout == "", "and nothing was made by asking"


def test_without_the_capability_the_kernel_says_nothing_else(host: Host) -> None:
    found = host.call(call_as, 1000, kernel_facts)
    assert found == KernelFacts(net_admin=False, nf_tables=False, ip_tables=False)


def test_a_plain_probe_finds_account_and_loopback_and_the_lack_of_ipv6(host: Host) -> None:
    found = host.call(facts_here, Config())
    assert found.account == Account(5678, "UID 5678 (kuma-dp)")
    assert not found.unmapped_uid
    assert (found.loopback, found.ipv6) == ("lo", False)
    assert found.ipv6_reason == "no interface has an IPv6 address besides ::1"
    assert (found.dns, found.docker_output, found.session_ports) == (None, (), PortSet())


def test_ipv6_is_there_when_an_interface_has_an_address_of_it(host: Host) -> None:
    host.run(["ip", "link", "add", "near", "type", "veth", "peer", "name", "far"])
    host.run(["ip", "address", "add", "2001:db8::1/64", "dev", "near"])
    assert host.call(facts_here, Config()).ipv6
    found = host.call(facts_here, Config(ip_family_mode="ipv4"))
    assert (found.ipv6, found.ipv6_reason) == (False, "ipFamilyMode is ipv4")


def test_name_servers_are_read_when_dns_is_captured(host: Host) -> None:
    dns = host.call(facts_here, ALL_DNS).dns
    assert dns is not None
    assert [str(server) for server in dns.servers] == ["192.0.2.53/32", "2001:db8:53::53/128"]
    missing = ALL_DNS.replace(redirect=Redirect(dns=Dns(enabled=True, resolv_conf="/none")))
    dns = host.call(facts_here, missing).dns
    assert dns is not None
    assert dns.error == "No such file or directory"


def test_dockers_rules_are_looked_for_where_they_matter(host: Host) -> None:
    host.run(["iptables-nft", "-t", "nat", "-N", "DOCKER_OUTPUT"])
    some_dns = Config(redirect=Redirect(dns=Dns(enabled=True)))
    assert host.call(facts_here, ALL_DNS).docker_output == (Family.IPV4,)
    assert host.call(facts_here, some_dns).docker_output == ()
    assert host.call(facts_here, some_dns, own_table=False).docker_output == (Family.IPV4,)
    assert host.call(facts_here, Config(), own_table=False).docker_output == ()


def test_an_account_that_is_not_there_is_not_made_up(host: Host) -> None:
    assert host.call(facts_here, Config(kuma_dp_user="4000000000")).account is None
    for lenient in (Config(cni_mode=True), Config(dry_run=True)):
        config = lenient.replace(kuma_dp_user="4000000000")
        assert host.call(facts_here, config).account == Account(4000000000, "number given")


def test_the_session_is_found_where_we_are_on_a_host(host: Host) -> None:
    environ = {"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22"}
    wanted = PortSet.of(22) if session.on_host(environ) else PortSet()
    assert host.call(facts_here, Config(), environ).session_ports == wanted


def test_a_user_namespace_that_does_not_map_the_account_is_noticed(host: Host) -> None:
    script = (
        "from kuma_net.host.probe import probe; from kuma_net.tproxy.config import Config;"
        "facts = probe(Config(), own_table=True, environ={'KUBERNETES_SERVICE_HOST': 'x'});"
        "print(facts.account.uid, facts.unmapped_uid)"
    )
    run = ["unshare", "--user", "--map-root-user", "python3", "-c", script]
    assert host.run(run, environ={"PYTHONPATH": "."}).stdout == "5678 True\n"
