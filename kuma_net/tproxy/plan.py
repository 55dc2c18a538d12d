"""Wish and machine together: ``plan`` turns a Config and HostFacts into a Plan.

A plan is the last place where anything can be wrong: it names every violation at once, and
afterwards ``compile_ruleset`` only writes down what was decided.  What is decided here:

* which families take part (``ipFamilyMode``, and whether the machine has IPv6 at all);
* the sidecar's numeric user id (rules never hold names: iptables would ask NSS for them, which
  took a minute per pod on some clouds);
* whose DNS is captured.  Without ``captureAll`` only the name servers of resolv.conf are
  meant, so a family without a name server has no DNS capture;
* whether the conntrack zones are split.  A query to the sidecar's DNS port and the sidecar's
  own query for it may share addresses and ports; zones keep them apart.  Docker's embedded
  resolver answers from another port than it was asked on, which under ``captureAll`` no zone
  rule can follow, so there the split is left out.

Raises ConfigError.
"""

from __future__ import annotations

from kuma_net.errors import ConfigError, Violation
from kuma_net.netfilter.ruleset import CHAIN_PREFIX
from kuma_net.record import Record
from kuma_net.values import BOTH_FAMILIES, Family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_net.tproxy.config import Config, VirtualNetwork
    from kuma_net.tproxy.facts import HostFacts
    from kuma_net.values import Network, PortSet

LONGEST_CHAIN_NAME = 28
"""XT_EXTENSION_MAXNAMELEN is 29 with the closing zero byte (include/uapi/linux/netfilter)."""
USERADD = (
    "useradd --uid 5678 --user-group --system --no-create-home --shell /usr/sbin/nologin kuma-dp"
)
"""The command that makes the account the sidecar runs as, word for word."""


class DnsPlan(Record):
    """DNS capture as decided.

    ``families`` are those with any; ``servers`` the name servers meant, empty when all DNS is
    (``captureAll``); ``docker`` the families whose nat table has Docker's DOCKER_OUTPUT chain
    within reach.
    """

    families: tuple[Family, ...]
    servers: tuple[Network, ...]
    zone_split: bool
    docker: tuple[Family, ...]


class Plan(Record):
    """Everything ``compile_ruleset`` needs; nothing in it can be wrong any more.

    ``notes`` are sentences for the person: what was left out and why.
    """

    config: Config
    families: tuple[Family, ...]
    uid: int
    loopback: str
    dns: DnsPlan | None
    vnet: tuple[VirtualNetwork, ...]
    session_ports: PortSet
    own_table: bool
    notes: tuple[str, ...] = ()


def plan(config: Config, facts: HostFacts) -> Plan:
    """Return what is to be done, or raise ConfigError with every violation."""
    violations = (*_account_violations(config, facts), *_chain_violations(config))
    violations += tuple(_dns_violations(config, facts))
    families, notes = _families(config, facts)
    if violations or facts.account is None:
        raise ConfigError(violations)
    dns, dns_notes = _dns(config, facts, families)
    vnet, vnet_notes = _vnet(config)
    return Plan(
        config=config,
        families=families,
        uid=facts.account.uid,
        loopback=facts.loopback,
        dns=dns,
        vnet=vnet,
        session_ports=facts.session_ports,
        own_table=facts.own_table,
        notes=(*notes, *dns_notes, *vnet_notes),
    )


def _account_violations(config: Config, facts: HostFacts) -> Iterator[Violation]:
    path, source = "kumaDPUser", config.source_of("kumaDPUser")
    if facts.account is None and config.kuma_dp_user:
        wrong = "does not refer to a valid user on the host"
        yield Violation(path, config.kuma_dp_user, source, wrong, f"make it with: {USERADD}")
    elif facts.account is None:
        wrong = "no sidecar account: neither UID 5678 nor a user kuma-dp exists"
        yield Violation(path, "", source, wrong, f"make it with: {USERADD}")
    elif facts.unmapped_uid:
        wrong = "this user id does not exist in the user namespace of the workload"
        right = "map it (/proc/PID/uid_map) or name a user id that is mapped"
        yield Violation(path, str(facts.account.uid), source, wrong, right)


def _chain_violations(config: Config) -> Iterator[Violation]:
    inbound, outbound = config.redirect.inbound, config.redirect.outbound
    seen: dict[str, str] = {}
    for path, name in (
        ("redirect.inbound.chainName", inbound.chain_name),
        ("redirect.inbound.redirectChainName", inbound.redirect_chain_name),
        ("redirect.outbound.chainName", outbound.chain_name),
        ("redirect.outbound.redirectChainName", outbound.redirect_chain_name),
    ):
        source = config.source_of(path)
        room = LONGEST_CHAIN_NAME - len(CHAIN_PREFIX)
        if not (name.isascii() and name.replace("_", "").isalnum() and len(name) <= room):
            right = f"letters, digits and _, at most {room}"
            yield Violation(path, name, source, "not a chain name", right)
        elif name == "STAMP" or name.startswith("STAMP_"):
            yield Violation(path, name, source, "kept for kuma-net itself", "take another name")
        elif name in seen:
            wrong = f"{seen[name]} has the same name"
            yield Violation(path, name, source, wrong, "they must differ")
        seen.setdefault(name, path)


def _dns_violations(config: Config, facts: HostFacts) -> Iterator[Violation]:
    dns = config.redirect.dns
    if dns.enabled and not dns.capture_all and facts.dns is not None and facts.dns.error:
        path = "redirect.dns.resolvConfigPath"
        right = "name a readable file, or capture all DNS (redirect.dns.captureAll)"
        yield Violation(path, facts.dns.path, config.source_of(path), facts.dns.error, right)


def _families(config: Config, facts: HostFacts) -> tuple[tuple[Family, ...], tuple[str, ...]]:
    if config.ip_family_mode == "ipv4":
        return (Family.IPV4,), ()
    if not facts.ipv6:
        return (Family.IPV4,), (f"IPv6 is left out: {facts.ipv6_reason}",)
    return BOTH_FAMILIES, ()


def _dns(
    config: Config, facts: HostFacts, families: tuple[Family, ...]
) -> tuple[DnsPlan | None, tuple[str, ...]]:
    dns = config.redirect.dns
    if not dns.enabled:
        return None, ()
    notes: list[str] = []
    servers: tuple[Network, ...] = ()
    with_dns = families
    if not dns.capture_all:
        listed = facts.dns.servers if facts.dns else ()
        servers = tuple(server for server in listed if server.family in families)
        with_dns = tuple(f for f in families if any(s.family == f for s in servers))
        notes += [
            f"no DNS capture over {family}: {dns.resolv_conf} names no {family} name server"
            for family in families
            if family not in with_dns
        ]
    docker = tuple(family for family in facts.docker_output if family in with_dns)
    split = not dns.skip_zone_split and not (docker and dns.capture_all)
    if docker and dns.capture_all and not dns.skip_zone_split:
        notes.append("DNS conntrack zones are not split: Docker's resolver does not survive it")
    if not with_dns:
        return None, tuple(notes)
    within_reach = () if facts.own_table else docker
    return DnsPlan(with_dns, servers, split, within_reach), tuple(notes)


def _vnet(config: Config) -> tuple[tuple[VirtualNetwork, ...], tuple[str, ...]]:
    """Keep the last network per interface and family, in order of the interfaces' names."""
    excluded_interfaces = config.redirect.exclude_interfaces
    kept: dict[tuple[str, int], VirtualNetwork] = {}
    notes: list[str] = []
    for item in config.redirect.vnet:
        if any(excluded.matches(str(item.interface)) for excluded in excluded_interfaces):
            notes.append(f"virtual network {item.interface} is left out: excluded interface")
            continue
        key = (str(item.interface), item.network.family.number)
        if key in kept and kept[key] != item:
            notes.append(
                f"virtual network {item.interface}:{kept[key].network} is left out: "
                f"{item.network} comes later for the same interface"
            )
        kept[key] = item
    return tuple(kept[key] for key in sorted(kept)), tuple(notes)
