"""Configurations at random, for properties: every value a person could have asked for."""

from __future__ import annotations

from hypothesis import strategies as st

from kuma_net.tproxy.config import (
    Config,
    Dns,
    Inbound,
    Log,
    Outbound,
    OwnerExclusion,
    Redirect,
    Retry,
    VirtualNetwork,
)
from kuma_net.tproxy.grammar import BACKENDS, EXECUTABLES, IP_FAMILY_MODES
from kuma_net.values import (
    HIGHEST_ID,
    HIGHEST_PORT,
    L4_PROTOS,
    Family,
    InterfacePattern,
    L4Proto,
    Network,
    PortSet,
)

ports = st.integers(1, HIGHEST_PORT)
ids = st.integers(0, HIGHEST_ID)


def intervals(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, int]]:
    """Return intervals (first, last) of such numbers."""
    return st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair)))


port_sets = st.lists(intervals(ports), max_size=4).map(lambda found: PortSet.of(*found))
interfaces = st.from_regex(r"[a-z][a-z0-9_.]{0,13}\+?", fullmatch=True).map(InterfacePattern.parse)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw a network of either family, host bits cleared."""
    family = draw(st.sampled_from((Family.IPV4, Family.IPV6)))
    prefix = draw(st.integers(0, family.bits))
    address = draw(st.integers(0, (1 << family.bits) - 1))
    mask = (1 << family.bits) - (1 << (family.bits - prefix))
    return Network(family, address & mask, prefix)


network_tuples = st.lists(networks(), max_size=3, unique=True).map(
    lambda found: tuple(sorted(found, key=Network.sort_key))
)
rules = st.builds(
    OwnerExclusion,
    protocols=st.sampled_from(((L4Proto.TCP,), (L4Proto.UDP,), L4_PROTOS)),
    ports=st.one_of(
        st.just(PortSet.ALL),
        st.lists(intervals(st.integers(0, HIGHEST_PORT)), min_size=1, max_size=3).map(
            lambda found: PortSet.of(*found)
        ),
    ),
    ids=intervals(ids),
)
rule_tuples = st.lists(rules, max_size=3).map(tuple)
paths = st.text("abc/._- é\"'", min_size=1).map(lambda text: f"/{text}".strip())
executables = st.dictionaries(st.sampled_from(EXECUTABLES), st.just("/sbin/x-y")).map(
    lambda found: tuple(sorted(found.items()))
)


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Draw a configuration that could have come from sources."""
    inbound = st.builds(
        Inbound,
        enabled=st.booleans(),
        port=ports,
        include_ports=port_sets,
        exclude_ports=port_sets,
        exclude_ips=network_tuples,
        insert=st.booleans(),
        port_ipv6=st.one_of(st.just(0), ports),
    )
    outbound = st.builds(
        Outbound,
        enabled=st.booleans(),
        port=ports,
        include_ports=port_sets,
        exclude_ports=port_sets,
        exclude_for_uids=rule_tuples,
        exclude_for_gids=rule_tuples,
        include_ips=network_tuples,
        exclude_ips=network_tuples,
        insert=st.booleans(),
    )
    capture_all = draw(st.booleans())
    dns = st.builds(
        Dns,
        enabled=st.just(capture_all) if capture_all else st.booleans(),
        capture_all=st.just(capture_all),
        port=ports,
        tcp=st.booleans(),
        skip_zone_split=st.booleans(),
        resolv_conf=paths,
    )
    vnets = st.builds(VirtualNetwork, interface=interfaces, network=networks())
    redirect = st.builds(
        Redirect,
        inbound=inbound,
        outbound=outbound,
        dns=dns,
        vnet=st.lists(vnets, max_size=3, unique=True).map(tuple),
        exclude_interfaces=st.lists(interfaces, max_size=2, unique=True).map(tuple),
    )
    whole = st.builds(
        Config,
        ip_family_mode=st.sampled_from(IP_FAMILY_MODES),
        kuma_dp_user=st.one_of(st.just(""), ids.map(str), st.sampled_from(("kuma-dp", "envoy"))),
        redirect=redirect,
        drop_invalid_packets=st.booleans(),
        log=st.builds(Log, enabled=st.booleans(), level=st.integers(0, 7)),
        comments_disabled=st.booleans(),
        store_firewalld=st.booleans(),
        wait=st.integers(0, 99),
        wait_interval=st.integers(0, 10**6),
        retry=st.builds(
            Retry,
            max_retries=st.integers(0, 99),
            sleep=st.integers(0, 10**13).map(lambda ns: ns / 10**9),
        ),
        iptables_executables=executables,
        cni_mode=st.booleans(),
        dry_run=st.booleans(),
        verbose=st.booleans(),
        backend=st.sampled_from(BACKENDS),
    )
    return draw(whole)
