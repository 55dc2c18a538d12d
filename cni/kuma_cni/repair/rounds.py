"""One round over this node's pods: every mesh pod is looked at, and mended where it must be.

It is made in a process of its own (``child``).  What becomes of a pod is decided exactly as when
its network was made (``pod.decide``), compared as CHECK does and installed as ADD does
(``plugin.plugin``), so a pod that the plugin made is found right, however often one looks.

Left alone, and not even mentioned, are the pods that the plugin leaves alone, those that make
their rules by an init container (``marks``), those on the node's network, and those that go while
they are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_cni.cri.grpc import DEADLINE_EXCEEDED, UNAVAILABLE, GrpcError
from kuma_cni.kubernetes.fetch import fetch_pod
from kuma_cni.plugin.plugin import differences, install
from kuma_cni.pod.decide import Capture, LookUp, concerned, decide, decide_fetched
from kuma_cni.repair.findings import FAILED, INSTALLED, MENDED, RIGHT, UNCHANGED, WAITING, Finding
from kuma_cni.repair.marks import left_to_plugin
from kuma_cni.repair.proof import proof_of, still_holds
from kuma_cni.repair.sources import known_pods
from kuma_cni.spec.problem import CniError
from kuma_cni.spec.request import Request
from kuma_net.errors import KumaNetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kuma_cni.repair.proof import Memory
    from kuma_cni.repair.settings import RepairSettings
    from kuma_cni.repair.sources import Known, Place, Pod
    from kuma_cni.spec.netconf import Netconf

INTERFACE: Final = "eth0"
"""The one that every runtime calls a pod's first (CRI: DefaultInterface)."""
NOTHING_THERE: Final = "missing: all "
"""How a comparison begins that found none of our rules (``actions.status``)."""
_LONGEST: Final = 2000


def make_round(settings: RepairSettings, memory: Memory) -> Iterator[Finding]:
    """Yield what came of each mesh pod; raises Unknown when nobody tells which there are."""
    known = known_pods(settings)
    for pod in known.pods:
        netconf = settings.netconf.replace(annotations=pod.annotations)
        if not _may_be_ours(pod, netconf):
            continue
        proof = memory.proofs.get(pod.key)
        outcome: tuple[str, str] | None
        if pod.key in memory.waiting:
            outcome = WAITING, ""
        elif proof is not None and still_holds(proof):
            outcome = UNCHANGED, ""
        else:
            outcome = _looked_after(pod, known, netconf)
        if outcome is not None:
            yield Finding(pod.key, str(pod.identity), *outcome)


def _may_be_ours(pod: Pod, netconf: Netconf) -> bool:
    """Whether a pod is to be looked at: by what it says itself, without asking anybody."""
    found = concerned(netconf, pod.identity)
    if isinstance(found, LookUp):
        return bool(netconf.kubeconfig)
    return found is None and left_to_plugin(pod.annotations or {})


def _looked_after(pod: Pod, known: Known, netconf: Netconf) -> tuple[str, str] | None:
    """Return the outcome and its details; None for a pod that is gone, or none of ours."""
    try:
        place = known.locate(pod)
        return None if place is None else _mended(pod, place, netconf)
    except Exception as problem:
        if isinstance(problem, GrpcError) and problem.code in {DEADLINE_EXCEEDED, UNAVAILABLE}:
            raise  # the others would wait as long, in vain
        return None if _is_gone(pod, known) else (FAILED, _said(problem))


def _is_gone(pod: Pod, known: Known) -> bool:
    """Whether a pod went while it was looked at."""
    try:
        return known.locate(pod) is None
    except (GrpcError, KumaNetError, OSError):
        return False


def _mended(pod: Pod, place: Place, netconf: Netconf) -> tuple[str, str] | None:
    netconf = netconf.replace(dns_servers=place.dns_servers)
    wanted = _wanted(pod, netconf)
    if wanted is None:
        return None
    request = Request("ADD", pod.key, place.netns, INTERFACE, netconf=netconf)
    proof = proof_of(place.netns)  # before looking: whatever changes from now on is noticed
    drift = differences(wanted, request)
    if not drift:
        return RIGHT, proof
    install(wanted, request)
    details = "; ".join(drift)[:_LONGEST]
    return (INSTALLED if drift[0].startswith(NOTHING_THERE) else MENDED), details


def _wanted(pod: Pod, netconf: Netconf) -> Capture | None:
    fetched = pod.fetched
    decision = decide(netconf, pod.identity)
    if isinstance(decision, LookUp):
        fetched = fetch_pod(decision, netconf)
        if not left_to_plugin(fetched.annotations):
            return None
    if fetched is not None:
        decision = decide_fetched(netconf, pod.identity, fetched)
    return decision if isinstance(decision, Capture) else None


def _said(problem: Exception) -> str:
    known = isinstance(problem, CniError | GrpcError | KumaNetError)
    text = str(problem) if known else f"{type(problem).__name__}: {problem}"
    return text[:_LONGEST]
