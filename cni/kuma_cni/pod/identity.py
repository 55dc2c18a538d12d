"""Which pod a request is about: the keys that kubelets and runtimes put into CNI_ARGS."""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class PodIdentity(Record):
    """A pod by name; all empty where the runtime is no Kubernetes'."""

    namespace: str = ""
    name: str = ""
    uid: str = ""

    def __str__(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


def pod_identity(args: Mapping[str, str]) -> PodIdentity:
    """Return the pod that the pairs of CNI_ARGS name (containerd's and CRI-O's keys)."""
    return PodIdentity(
        args.get("K8S_POD_NAMESPACE", ""),
        args.get("K8S_POD_NAME", ""),
        args.get("K8S_POD_UID", ""),
    )
