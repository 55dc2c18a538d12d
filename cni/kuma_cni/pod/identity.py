"""Which pod a request is about: the keys that kubelets and runtimes put into CNI_ARGS."""

from __future__ import annotations

from kuma_net.record import Record


class PodIdentity(Record):
    """A pod by name; all empty where the runtime is no Kubernetes'."""

    namespace: str = ""
    name: str = ""
    uid: str = ""
    container_id: str = ""

    def __str__(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"
