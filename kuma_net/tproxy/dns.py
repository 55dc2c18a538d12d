"""Rules of DNS capture, in nat and in raw.

How it works.  A workload's queries (UDP 53) are redirected to the sidecar's DNS port; the
sidecar's own queries, known by their user id, go out.  Both may leave from the same port to
the same server, and connection tracking would take the second for the first: its NAT would
then send the sidecar's query back to itself.  Hence two conntrack zones, set in the raw table
before connection tracking sees the packet:

* zone 1: what the sidecar asks, and the answers to it from outside;
* zone 2: what the workload asks, and the sidecar's answers to that.

What surprised us: the first zone set wins, so the sidecar's rule precedes the general one; TCP
must stay in the default zone or SO_ORIGINAL_DST finds no connection (ENOENT); and a stub
resolver on a loopback address answers through OUTPUT, not PREROUTING, so its answers need a
rule there.

TCP 53 bypasses the mesh, as in Kuma, unless ``redirect.dns.tcp`` sends it to the DNS port too.
"""

from __future__ import annotations

from kuma_net.netfilter.matches import (
    Destination,
    DestinationPort,
    FamilyIs,
    OwnerUid,
    Protocol,
    Source,
    SourcePort,
)
from kuma_net.netfilter.ruleset import Rule
from kuma_net.netfilter.targets import CtZone, Jump, Redirect, Return
from kuma_net.tproxy.exclusions import networks_of
from kuma_net.values import IdSet, L4Proto, Network, PortSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kuma_net.netfilter.matches import Match
    from kuma_net.tproxy.plan import DnsPlan, Plan
    from kuma_net.values import Family

DNS_PORT = PortSet.of(53)
"""RFC 1035 section 4.2."""
SIDECAR_ZONE = 1
WORKLOAD_ZONE = 2
LOCALHOST = (Network.parse("127.0.0.1/32"), Network.parse("::1/128"))
LOOPBACKS = (Network.parse("127.0.0.0/8"), Network.parse("::1/128"))
DOCKER_CHAIN = "DOCKER_OUTPUT"

_ENABLED = "redirect.dns.enabled"
_CAPTURE_ALL = "redirect.dns.captureAll"
_UDP_53 = (Protocol(L4Proto.UDP), DestinationPort(DNS_PORT))
_TCP_53 = (Protocol(L4Proto.TCP), DestinationPort(DNS_PORT))


def only(families: tuple[Family, ...], plan: Plan) -> tuple[Match, ...]:
    """Return the match that keeps a rule to ``families``: none when that is all of the plan's."""
    return () if families == plan.families else (FamilyIs(families[0]),)


def output_dns(plan: Plan) -> tuple[Rule, ...]:
    """Return the rules of nat OUTPUT: the sidecar's own queries out, the workload's captured."""
    dns = plan.dns
    if dns is None:
        return ()
    udp = (*_sidecar_udp(plan, dns), *_capture(plan, dns, _UDP_53, "DNS queries"))
    if not plan.config.redirect.dns.tcp:
        return udp
    return (*udp, *_sidecar_tcp(plan, dns), *_capture(plan, dns, _TCP_53, "DNS queries over TCP"))


def _sidecar_udp(plan: Plan, dns: DnsPlan) -> tuple[Rule, ...]:
    """Let the sidecar's own queries out; where Docker's resolver is, through Docker's rules."""
    sidecar = OwnerUid(IdSet.of(plan.uid))
    plain = tuple(family for family in dns.families if family not in dns.docker)
    rules: list[Rule] = []
    if dns.docker:
        why = "DNS queries of the sidecar go through the rules of the resolver of Docker"
        guard = only(dns.docker, plan)
        rules.append(Rule((*guard, *_UDP_53, sidecar), Jump(DOCKER_CHAIN), why, _ENABLED))
    if plain:
        why = "DNS queries of the sidecar itself go out"
        rules.append(Rule((*only(plain, plan), *_UDP_53, sidecar), Return(), why, _ENABLED))
    return tuple(rules)


def _sidecar_tcp(plan: Plan, dns: DnsPlan) -> tuple[Rule, ...]:
    why = "DNS queries of the sidecar itself over TCP go out"
    sidecar = OwnerUid(IdSet.of(plan.uid))
    matches = (*only(dns.families, plan), *_TCP_53, sidecar)
    return (Rule(matches, Return(), why, "redirect.dns.tcp"),)


def _capture(
    plan: Plan, dns: DnsPlan, what: tuple[Protocol, DestinationPort], words: str
) -> tuple[Rule, ...]:
    port = Redirect(plan.config.redirect.dns.port)
    if plan.config.redirect.dns.capture_all:
        why = f"all {words} go to the resolver of the sidecar"
        return (Rule((*only(dns.families, plan), *what), port, why, _CAPTURE_ALL),)
    servers = networks_of(dns.servers, dns.families)
    why = f"{words} to a name server of resolv.conf go to the resolver of the sidecar"
    protocol, ports = what
    return (Rule((protocol, Destination(servers), ports), port, why, _ENABLED),)


def tcp_bypass(plan: Plan) -> tuple[Rule, ...]:
    """Return the rule that lets what is left of TCP 53 go out, for the end of the OUTBOUND chain.

    Kuma has it in OUTPUT as "TCP 53 and not the sidecar's"; there it comes too late when the
    jump to OUTBOUND is inserted.  In OUTBOUND, behind the rules for the sidecar, it needs no
    negated owner (nf_tables and xt_owner disagree on those for sockets of the kernel itself).
    """
    dns, asked = plan.dns, plan.config.redirect.dns
    if dns is None or (asked.tcp and asked.capture_all):
        return ()
    why = "DNS queries over TCP bypass the mesh"
    return (Rule((*only(dns.families, plan), *_TCP_53), Return(), why, "redirect.dns.tcp"),)


def raw_output(plan: Plan) -> tuple[Rule, ...]:
    """Return the zone rules for what this machine sends."""
    dns = plan.dns
    if dns is None or not dns.zone_split:
        return ()
    guard = only(dns.families, plan)
    sidecar = OwnerUid(IdSet.of(plan.uid))
    answers = (Protocol(L4Proto.UDP), SourcePort(PortSet.of(plan.config.redirect.dns.port)))
    rules = [
        Rule((*guard, *_UDP_53, sidecar), CtZone(SIDECAR_ZONE), "zone of queries by the sidecar"),
        Rule(
            (*guard, *answers, sidecar),
            CtZone(WORKLOAD_ZONE),
            "zone of answers from the sidecar to the workload",
        ),
    ]
    if plan.config.redirect.dns.capture_all:
        why = "zone of queries by the workload"
        rules.append(Rule((*guard, *_UDP_53), CtZone(WORKLOAD_ZONE), why))
    else:
        rules += _raw_output_per_server(dns)
    skip = "redirect.dns.skipConntrackZoneSplit"
    return tuple(rule.replace(setting=skip) for rule in rules)


def _raw_output_per_server(dns: DnsPlan) -> tuple[Rule, ...]:
    servers = networks_of(dns.servers, dns.families)
    why = "zone of queries by the workload to a name server of resolv.conf"
    protocol, port = _UDP_53
    rules = [Rule((protocol, Destination(servers), port), CtZone(WORKLOAD_ZONE), why)]
    stubs = tuple(
        server
        for server in servers
        if any(near.family == server.family and near.contains(server.address) for near in LOOPBACKS)
    )
    if stubs:
        near = tuple(host for host in LOCALHOST if any(s.family == host.family for s in stubs))
        why = "zone of answers from a name server on this machine"
        matches = (Protocol(L4Proto.UDP), Source(stubs), Destination(near))
        rules.append(Rule(matches, CtZone(SIDECAR_ZONE), why))
    return tuple(rules)


def raw_prerouting(plan: Plan) -> tuple[Rule, ...]:
    """Return the zone rules for the answers that arrive."""
    dns = plan.dns
    if dns is None or not dns.zone_split:
        return ()
    protocol, port = Protocol(L4Proto.UDP), SourcePort(DNS_PORT)
    matches: tuple[Match, ...] = (*only(dns.families, plan), protocol, port)
    if not plan.config.redirect.dns.capture_all:
        matches = (protocol, Source(networks_of(dns.servers, dns.families)), port)
    why = "zone of answers to queries by the sidecar"
    setting = "redirect.dns.skipConntrackZoneSplit"
    return (Rule(matches, CtZone(SIDECAR_ZONE), why, setting),)
