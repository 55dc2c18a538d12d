"""Pods by way of a runtime's socket, as a kubelet makes them, without one (CRI v1).

The functions run in a node's own process (``Node.call``).  Numbers are those of the fields in
k8s.io/cri-api, pkg/apis/runtime/v1/api.proto.  A call that the runtime refuses raises GrpcError.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from kuma_cni.cri.grpc import Channel
from kuma_cni.cri.protobuf import Message, encode
from kuma_cni.cri.runtime import NODE, SERVICE, Runtime
from kuma_net.record import Record
from lab.archive import IMAGE
from lab.processes import eventually
from lab.protobuf_maps import encode_map

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_cni.cri.runtime import Network

PATIENCE = 40.0
"""Seconds for one call: a sandbox takes 0.3 on an idle machine."""
LOGS = "/run/pods"
EXITED = 2
"""enum ContainerState."""


class PodSpec(Record):
    """What a kubelet asks for; ``dns_servers`` and annotations as in a pod's manifest."""

    name: str
    annotations: Mapping[str, str] = {}
    namespace: str = "demo"
    dns_servers: tuple[str, ...] = ()
    host_network: bool = False


class ContainerSpec(Record):
    """A container of the lab's image: a command that runs as a user."""

    name: str
    command: tuple[str, ...]
    uid: int = 0


class Outcome(Record):
    """How a container ended: its exit code and what it printed, errors included."""

    status: int
    output: str


def call_here(socket: str, method: str, body: bytes) -> Message:
    """Call the runtime; return what it answers."""
    channel = Channel(socket, PATIENCE)
    try:
        return Message(channel.call(SERVICE + method, body))
    finally:
        channel.close()


def run_pod_here(socket: str, pod: PodSpec) -> str:
    """Make a pod's sandbox, its network included; return its id."""
    return call_here(socket, "RunPodSandbox", encode([(1, _pod(pod))])).text(1)


def stop_pod_here(socket: str, sandbox: str) -> None:
    """Stop a sandbox: its network goes."""
    call_here(socket, "StopPodSandbox", encode([(1, sandbox)]))


def remove_pod_here(socket: str, sandbox: str) -> None:
    """Remove a sandbox, stopped or not."""
    call_here(socket, "RemovePodSandbox", encode([(1, sandbox)]))


def network_here(socket: str, sandbox: str) -> Network:
    """Return where a sandbox's network is."""
    runtime = Runtime(socket, PATIENCE)
    try:
        return runtime.network(sandbox)
    finally:
        runtime.close()


def network_ready_here(socket: str) -> str:
    """Return empty text when the runtime says that its network is ready, else its reason."""
    for condition in call_here(socket, "Status", b"").message(1).messages(1):
        if condition.text(1) == "NetworkReady" and not condition.number(2):
            return f"{condition.text(3)}: {condition.text(4)}"
    return ""


def network_lists_here(socket: str) -> list[str]:
    """Return the texts of the network configuration lists that containerd has loaded."""
    info = call_here(socket, "Status", encode([(1, True)])).texts(2)
    networks = json.loads(info["cniconfig"])["Networks"]
    return [network["Config"]["Source"] for network in networks]


def run_container_here(
    socket: str, sandbox: str, pod: PodSpec, container: ContainerSpec
) -> Outcome:
    """Run a container in a sandbox to its end, as a kubelet runs an init container."""
    asked = encode([(1, sandbox), (2, _container(container)), (3, _pod(pod))])
    made = call_here(socket, "CreateContainer", asked).text(1)
    call_here(socket, "StartContainer", encode([(1, made)]))
    codes: list[int] = []

    def ended() -> bool:
        status = call_here(socket, "ContainerStatus", encode([(1, made)])).message(1)
        if status.number(3) == EXITED:
            codes.append(status.number(7))
        return bool(codes)

    if not eventually(ended):
        raise TimeoutError(f"container {container.name} does not end")
    log = Path(LOGS, pod.name, _log_of(container)).read_text(encoding="utf-8")
    # Each line: when, stdout or stderr, F or P (a part of a line), and the text.
    return Outcome(codes[0], "\n".join(line.split(" ", 3)[3] for line in log.splitlines()))


def _pod(pod: PodSpec) -> bytes:
    """Return a PodSandboxConfig."""
    metadata = encode([(1, pod.name), (2, f"uid-of-{pod.name}"), (3, pod.namespace)])
    labels = {"io.kubernetes.pod.name": pod.name, "io.kubernetes.pod.namespace": pod.namespace}
    options = encode([(1, NODE)] if pod.host_network else [])
    fields: list[tuple[int, int | str | bytes]] = [
        (1, metadata),
        # Where the pod has the node's network it has the node's name.
        (2, "" if pod.host_network else pod.name),
        (3, f"{LOGS}/{pod.name}"),
        *encode_map(6, labels),
        *encode_map(7, pod.annotations),
        # linux.security_context.namespace_options
        (8, encode([(2, encode([(1, options)]))])),
    ]
    if pod.dns_servers:
        fields.append((4, encode([(1, server) for server in pod.dns_servers])))
    return encode(fields)


def _container(container: ContainerSpec) -> bytes:
    """Return a ContainerConfig."""
    return encode(
        [
            (1, encode([(1, container.name)])),
            (2, encode([(1, IMAGE)])),
            *((3, word) for word in container.command),
            (11, _log_of(container)),
            # linux.security_context.run_as_user, a message around the number
            (15, encode([(2, encode([(5, encode([(1, container.uid)]))]))])),
        ]
    )


def _log_of(container: ContainerSpec) -> str:
    return f"{container.name}.log"
