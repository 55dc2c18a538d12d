"""Docker's rules in tables of a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kuma_net.host.docker import docker_output
from kuma_net.values import BOTH_FAMILIES, Family
from lab.host import Host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.tproxy.config import BackendName


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a host with an empty network namespace."""
    made = Host("host")
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("programs", "backend", "families"),
    [
        ((), "auto", ()),
        (("iptables-nft",), "auto", (Family.IPV4,)),
        (("iptables-nft",), "iptables-nft", (Family.IPV4,)),
        (("iptables-nft",), "iptables-legacy", ()),
        (("ip6tables-legacy",), "auto", (Family.IPV6,)),
        (("ip6tables-legacy",), "iptables-nft", ()),
        (("ip6tables-legacy",), "iptables-legacy", (Family.IPV6,)),
        (("iptables-nft", "ip6tables-legacy"), "auto", BOTH_FAMILIES),
    ],
)
def test_the_chain_counts_where_the_backend_could_jump_to_it(
    host: Host, programs: tuple[str, ...], backend: BackendName, families: tuple[Family, ...]
) -> None:
    for program in programs:
        host.run([program, "-t", "nat", "-N", "DOCKER_OUTPUT"])
    assert host.call(docker_output, backend) == families


def test_another_chain_is_not_dockers(host: Host) -> None:
    host.run(["iptables-nft", "-t", "nat", "-N", "DOCKER"])
    host.run(["iptables-legacy", "-t", "nat", "-N", "DOCKER"])
    assert host.call(docker_output) == ()
