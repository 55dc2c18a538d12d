"""Which pods run on this node, and where their networks are: two ways to know.

The runtime's socket is the first: it is on the node, works without the API server, and knows the
annotations that each sandbox was made with, its namespace and its name servers.

The API server is asked only where the runtime does not answer.  It knows annotations and
containers, but nothing of namespaces, so these are found by the pods' processes (``processes``).
That needs the node's ``/proc``, and the right to look at other users' processes (CAP_SYS_PTRACE).
Without either there is no way: the files in ``/run/netns`` do not say whose they are.

Where only parts of the node are visible, under ``host``, a namespace is entered by its file in
``/run/netns`` if that is there (a mount with HostToContainer propagation), else by the process.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kuma_cni.cri.grpc import NOT_FOUND, GrpcError
from kuma_cni.cri.places import on_node, socket_path
from kuma_cni.cri.runtime import Runtime
from kuma_cni.kubernetes.api import Api
from kuma_cni.kubernetes.fetch import pod_facts
from kuma_cni.kubernetes.kubeconfig import load_kubeconfig
from kuma_cni.pod.identity import PodIdentity
from kuma_cni.repair.processes import pod_processes, process_of
from kuma_net.errors import HostError, InputError
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kuma_cni.pod.decide import FetchedPod
    from kuma_cni.repair.settings import RepairSettings
    from kuma_net.documents import Plain


class Unknown(HostError):
    """Nobody tells which pods run here."""


class Place(Record):
    """A pod's network: the file of its namespace as we see it, and its name servers if known."""

    netns: str
    dns_servers: tuple[str, ...] | None = None


class Pod(Record):
    """A pod that runs on this node.

    ``key`` is its sandbox, or its UID where no sandbox is known.  ``annotations`` are None where
    the runtime has none; ``fetched`` is what the API server said, if it was asked.
    """

    key: str
    identity: PodIdentity
    annotations: Mapping[str, str] | None
    fetched: FetchedPod | None = None


class Known(Record):
    """The pods that run here, and who knows where each one's network is.

    ``locate`` returns None for a pod that is gone, or whose network is the node's.
    """

    pods: tuple[Pod, ...]
    locate: Callable[[Pod], Place | None]


def known_pods(settings: RepairSettings) -> Known:
    """Return which pods run here; raises Unknown with the reason of each way."""
    reasons: list[str] = []
    for ask in (_by_runtime, _by_api):
        try:
            return ask(settings)
        except (GrpcError, HostError, InputError, OSError) as problem:
            reasons.append(str(problem))
    raise Unknown("nobody tells which pods run here: " + "; ".join(reasons))


def _by_runtime(settings: RepairSettings) -> Known:
    path = socket_path(settings.endpoint, settings.host)
    if path is None:
        raise Unknown("no container runtime's socket is at its usual places")
    runtime = Runtime(path)
    pods = [
        Pod(
            sandbox.id,
            PodIdentity(sandbox.namespace, sandbox.name, sandbox.uid),
            sandbox.annotations or None,
        )
        for sandbox in runtime.sandboxes()
    ]

    def locate(pod: Pod) -> Place | None:
        try:
            network = runtime.network(pod.key)
        except GrpcError as problem:
            if problem.code == NOT_FOUND:
                return None
            raise
        if not (network.netns or network.pid):
            return None
        netns = _visible(network.netns, network.pid, settings.host)
        return Place(netns, network.dns_servers)

    return Known(tuple(pods), locate)


def _visible(netns: str, pid: int, host: str) -> str:
    """Return by which file a namespace can be entered; raises OSError, and HostError for none."""
    path = on_node(netns, host) if netns else ""
    by_process = f"{on_node('/proc', host)}/{pid}/ns/net" if pid else ""
    candidates = [candidate for candidate in (path, by_process) if candidate]
    for candidate in candidates:
        if _inode(candidate) is not None:
            return candidate
    raise HostError(
        f"its network namespace cannot be seen from here (looked at {', '.join(candidates)}): "
        "mount the node's /run/netns with propagation HostToContainer"
    )


def _inode(path: str) -> int | None:
    """Return which namespace a file stands for; None when it is gone; raises OSError."""
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - text
    except (FileNotFoundError, ProcessLookupError):
        return None


def _by_api(settings: RepairSettings) -> Known:
    if not (settings.node and settings.netconf.kubeconfig):
        raise Unknown("the API server is not asked: no kubeconfig, or no name of this node")
    proc = on_node("/proc", settings.host)
    access = load_kubeconfig(settings.netconf.kubeconfig)
    listed = Api(access).pods_of(settings.node)
    processes = pod_processes(proc)
    nodes_own = _inode(f"{proc}/1/ns/net")

    def locate(pod: Pod) -> Place | None:
        pid = process_of(processes, pod.identity.uid, pod.annotations or {})
        netns = f"{proc}/{pid}/ns/net"
        found = None if pid is None else _inode(netns)
        return None if found in {None, nodes_own} else Place(netns)

    return Known(tuple(_running(listed)), locate)


def _running(listed: list[Mapping[str, Plain]]) -> Iterator[Pod]:
    """Yield the pods that have a network of their own and are not at their end."""
    for pod in listed:
        metadata, spec, status = pod.get("metadata"), pod.get("spec"), pod.get("status")
        if not (isinstance(metadata, dict) and isinstance(spec, dict)):
            continue
        phase = status.get("phase") if isinstance(status, dict) else None
        if spec.get("hostNetwork") is True or phase in {"Succeeded", "Failed"}:
            continue
        names = [metadata.get(key) for key in ("namespace", "name", "uid")]
        namespace, name, uid = [text if isinstance(text, str) else "" for text in names]
        if uid:
            fetched = pod_facts(pod)
            yield Pod(uid, PodIdentity(namespace, name, uid), fetched.annotations, fetched)
