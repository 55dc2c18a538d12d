"""The container runtime's view of a node: which sandboxes there are, and where their networks are.

Two calls of CRI v1 (k8s.io/cri-api, pkg/apis/runtime/v1/api.proto; the numbers below are its
field numbers).  What CRI leaves open is in the *verbose* status, a JSON text under ``info``:

==================  ==========================================================================
containerd 1.6-2.x  ``pid``, ``netNamespaceClosed``, ``config`` (what the kubelet asked for,
                    ``dns_config`` included), ``runtimeSpec`` (OCI), and from 1.7 on
                    ``sandboxMetadata.Metadata.NetNSPath``
CRI-O               ``pid``, ``runtimeSpec``; only the latter where no pause process is started
==================  ==========================================================================

In the OCI document, the namespace of type ``network`` has the path.  A pod on the node's own
network has none; CRI says so as well (``network: NODE``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from kuma_cni.cri.grpc import INTERNAL, PATIENCE, Channel, GrpcError
from kuma_cni.cri.protobuf import Malformed, Message, encode
from kuma_net.documents import DocumentError
from kuma_net.documents.json_text import parse_json
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

SERVICE: Final = "/runtime.v1.RuntimeService/"
READY: Final = 0
"""enum PodSandboxState."""
NODE: Final = 2
"""enum NamespaceMode: the namespace is the node's."""


class Sandbox(Record):
    """A pod's sandbox; annotations are those it was made with."""

    id: str
    name: str
    namespace: str
    uid: str = ""
    annotations: Mapping[str, str] = {}


class Network(Record):
    """Where a sandbox's network is.

    ``netns`` is the path of its file on the node, empty where the runtime does not tell; ``pid`` a
    process in it, 0 where there is none; neither: the sandbox is at its end.  ``of_node``: it is
    the node's own, and nothing else is told.  ``dns_servers`` are what the kubelet asked for, None
    where the runtime does not tell.
    """

    netns: str = ""
    pid: int = 0
    of_node: bool = False
    dns_servers: tuple[str, ...] | None = None


class Runtime:
    """A container runtime behind its socket; every method raises GrpcError."""

    def __init__(self, path: str, timeout: float = PATIENCE) -> None:
        """Name the socket; ``timeout`` is for one call, in seconds."""
        self._channel = Channel(path, timeout)

    def sandboxes(self) -> tuple[Sandbox, ...]:
        """Return the sandboxes that are ready."""
        ready = encode([(1, encode([(2, encode([(1, READY)]))]))])
        return self._ask("ListPodSandbox", ready, _sandboxes)

    def network(self, sandbox_id: str) -> Network:
        """Return where a sandbox's network is; GrpcError NOT_FOUND when the sandbox is gone."""
        return self._ask("PodSandboxStatus", encode([(1, sandbox_id), (2, True)]), _network)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _ask(self, method: str, body: bytes, read: Callable[[Message], T]) -> T:
        answer = self._channel.call(SERVICE + method, body)
        try:
            return read(Message(answer))
        except Malformed as problem:
            wrong = f"the answer to {method} cannot be read: {problem}"
            raise GrpcError(INTERNAL, wrong, self._channel.path) from problem


def _sandboxes(said: Message) -> tuple[Sandbox, ...]:
    return tuple([_sandbox(item) for item in said.messages(1)])


def _sandbox(item: Message) -> Sandbox:
    metadata = item.message(2)
    return Sandbox(
        id=item.text(1),
        name=metadata.text(1),
        namespace=metadata.text(3),
        uid=metadata.text(2),
        annotations=item.texts(6),
    )


def _network(said: Message) -> Network:
    status = said.message(1)
    # PodSandboxStatus.linux.namespaces.options.network
    mode = status.message(6).message(1).message(2).number(1)
    info = _object(said.texts(2).get("info", ""))
    if mode == NODE:
        return Network(of_node=True)
    if status.number(3) != READY or info.get("netNamespaceClosed") is True:
        return Network()
    return Network(_netns(info), _pid(info), dns_servers=_dns_servers(info))


def _object(text: str) -> Mapping[str, object]:
    """Return the verbose information; an empty object where there is none."""
    try:
        value = parse_json(text) if text else {}
    except DocumentError as problem:
        raise Malformed(0, f"the verbose information is no JSON: {problem}") from problem
    return value if isinstance(value, dict) else {}


def _within(value: object, *keys: str) -> object:
    """Return what lies in nested objects; None where a key is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _netns(info: Mapping[str, object]) -> str:
    namespaces = _within(info, "runtimeSpec", "linux", "namespaces")
    for namespace in namespaces if isinstance(namespaces, list) else ():
        path = _within(namespace, "path")
        if _within(namespace, "type") == "network" and isinstance(path, str):
            return path
    path = _within(info, "sandboxMetadata", "Metadata", "NetNSPath")
    return path if isinstance(path, str) else ""


def _pid(info: Mapping[str, object]) -> int:
    pid = info.get("pid")
    return pid if isinstance(pid, int) and pid > 0 else 0


def _dns_servers(info: Mapping[str, object]) -> tuple[str, ...] | None:
    servers = _within(info, "config", "dns_config", "servers")
    if not isinstance(servers, list):
        return None
    return tuple([server for server in servers if isinstance(server, str)])
