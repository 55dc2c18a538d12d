"""What becomes of a pod: it is left alone, looked up, or captured.

The order of Kuma's plugin with its bugs mended; the reasons are what the log says.

1. A request that names no pod and brings no annotations: left alone.
2. A pod of our own namespace, or of an excluded one: left alone, whatever it says.
3. Annotations that came with the request decide by ``kuma.io/sidecar-injected`` alone.
   Containers are not asked for: a ``kuma-init`` that runs later finds equal rules.
4. Without annotations the API server is asked.  Only then it is known which containers there
   are, and a pod that brings ``kuma-init``, or has no ``kuma-sidecar``, is left alone too.

Whose pod is left alone never has its configuration read: it cannot fail by it.

DNS.  With ``captureAll`` no name server need be known.  Otherwise the rules name those of the
pod's resolv.conf, which does not exist yet; the runtime says them (``runtimeConfig.dns``) if it
was asked to.  An empty list is no answer: containerd then copies the node's resolv.conf into the
pod.  The node's own file is never looked at, as it may well be another's.
"""

from __future__ import annotations

from kuma_net.errors import ConfigError, Violation
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from kuma_cni.pod.identity import PodIdentity
    from kuma_cni.spec.netconf import Netconf
    from kuma_net.tproxy.config import Config
    from kuma_net.values import Network

INJECTED = "kuma.io/sidecar-injected"
INIT_CONTAINER = "kuma-init"
SIDECAR = "kuma-sidecar"


class Skip(Record):
    """The pod is none of ours; ``reason`` is a clause."""

    reason: str


class LookUp(Record):
    """The runtime sent no annotations: the API server has to be asked for this pod."""

    namespace: str
    name: str


class Capture(Record):
    """The pod is captured by this configuration; ``notes`` are sentences for the log.

    ``servers`` are the name servers in the pod's resolv.conf, as far as they are needed.
    """

    config: Config
    notes: tuple[str, ...] = ()
    servers: tuple[Network, ...] = ()


class FetchedPod(Record):
    """What the API server says of a pod, as far as the decision needs it."""

    annotations: Mapping[str, str] = {}
    containers: tuple[str, ...] = ()
    init_containers: tuple[str, ...] = ()


if TYPE_CHECKING:
    Decision: TypeAlias = Skip | LookUp | Capture


def decide(netconf: Netconf, identity: PodIdentity) -> Decision:
    """Return what becomes of a pod by what came with the request; raises ConfigError."""
    found = concerned(netconf, identity)
    return capture(netconf) if found is None else found


def concerned(netconf: Netconf, identity: PodIdentity) -> Skip | LookUp | None:
    """Return why a pod is left alone or has to be looked up; None: it is to be captured.

    Reads no configuration, so it is also the question for taking rules away.
    """
    if netconf.annotations is None and not (identity.namespace and identity.name):
        return Skip("the request names no pod and has no annotations")
    if identity.namespace and identity.namespace == netconf.own_namespace:
        return Skip(f"namespace {identity.namespace} is the plugin's own")
    if identity.namespace in netconf.exclude_namespaces:
        return Skip(f"namespace {identity.namespace} is excluded")
    if netconf.annotations is None:
        return LookUp(identity.namespace, identity.name)
    return _outside(netconf.annotations)


def decide_fetched(netconf: Netconf, identity: PodIdentity, fetched: FetchedPod) -> Skip | Capture:
    """Return what becomes of a pod that was looked up; raises ConfigError."""
    if INIT_CONTAINER in fetched.init_containers:
        return Skip(f"it has an init container {INIT_CONTAINER}")
    if SIDECAR not in (*fetched.containers, *fetched.init_containers):
        return Skip(f"it has no container {SIDECAR}")
    decision = decide(netconf.replace(annotations=fetched.annotations), identity)
    assert not isinstance(decision, LookUp)  # noqa: S101 - there are annotations
    return decision


def _outside(annotations: Mapping[str, str]) -> Skip | None:
    said = annotations.get(INJECTED, "")
    if said.strip().lower() == "true":
        return None
    return Skip(f"{INJECTED} is {said[:20]!r}" if said else f"it has no annotation {INJECTED}")


def capture(netconf: Netconf) -> Capture:
    """Return how a pod with these annotations is captured; raises ConfigError."""
    from kuma_cni.pod.allowed import ALLOWED, SETTLED
    from kuma_net.tproxy.sources import Sources, load

    annotations = (("pod", netconf.annotations or {}),)
    loaded = load(Sources(annotations=annotations, overrides=SETTLED, allowed=ALLOWED))
    config = loaded.config
    servers = _servers(netconf.dns_servers or ())
    violations = [*_user_violations(config), *_dns_violations(config, netconf, servers)]
    if violations:
        raise ConfigError(violations)
    return Capture(config, loaded.notes, servers)


def _user_violations(config: Config) -> list[Violation]:
    """Refuse a user's name: accounts are the pod's, and its files do not exist yet."""
    path, user = "kumaDPUser", config.kuma_dp_user
    if not user or (user.isascii() and user.isdigit()):
        return []
    wrong = "names of accounts mean nothing outside of the pod"
    return [Violation(path, user, config.source_of(path), wrong, "write the numeric user id")]


def _dns_violations(
    config: Config, netconf: Netconf, servers: tuple[Network, ...]
) -> list[Violation]:
    dns = config.redirect.dns
    if not dns.enabled or dns.capture_all or servers:
        return []
    path = "redirect.dns.enabled"
    sent = " ".join(netconf.dns_servers or ())[:60]
    why = "without captureAll the rules name the pod's DNS servers, and the runtime sent none"
    right = "capture all DNS (redirect.dns.captureAll), or declare the capability dns in the list"
    return [Violation(path, sent, config.source_of(path), why, right)]


def _servers(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return name servers as ``host.resolv`` reads them from a file: each once, without zones."""
    from kuma_net.values import Malformed, Network

    servers: list[Network] = []
    for text in texts:
        try:
            server = Network.parse(text.partition("%")[0].strip())
        except Malformed:
            continue
        if "/" not in text and server not in servers:
            servers.append(server)
    return tuple(servers)
