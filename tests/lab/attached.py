"""Pods that no runtime makes: a network namespace with a name, attached as libcni does it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Self

from lab import libcni
from lab.injected import ANNOTATIONS
from lab.inside import Inside
from lab.libcni import Attachment, Network
from lab.networks import conflist

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.libcni import Json
    from lab.node import Node

LOOPBACK = Network(conflist({"type": "loopback"}, name="loopback"))
"""The network that runtimes attach every pod to first."""
_numbers = itertools.count(1)


class Pod:
    """A network namespace that a runtime made, with lo up; a context manager."""

    def __init__(
        self, node: Node, annotations: Mapping[str, str], port_mappings: Sequence[Json] = ()
    ) -> None:
        """Name it; annotations and port mappings are what the runtime offers for it."""
        self.node = node
        self.name = f"pod-{next(_numbers)}"
        self.attachment = Attachment(
            container_id=f"{self.name}-container",
            netns=f"/run/netns/{self.name}",
            args=f"IgnoreUnknown=1;K8S_POD_NAMESPACE=demo;K8S_POD_NAME={self.name}",
            capability_args={
                ANNOTATIONS: dict(annotations),
                "portMappings": port_mappings,
            },
        )

    def __enter__(self) -> Self:
        """Make the namespace."""
        self.node.run(["ip", "netns", "add", self.name])
        self.node.call(libcni.add, LOOPBACK, self.attachment.replace(ifname="lo"))
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the namespace."""
        self.node.run(["ip", "netns", "del", self.name])

    def inside(self) -> Inside:
        """Enter it."""
        return Inside(self.node, self.attachment.netns)

    def add(self, network: Network) -> Json:
        """Attach it."""
        return self.node.call(libcni.add, network, self.attachment)

    def check(self, network: Network) -> bool:
        """Ask whether all is well."""
        return self.node.call(libcni.check, network, self.attachment)

    def delete(self, network: Network) -> None:
        """Detach it."""
        self.node.call(libcni.delete, network, self.attachment)
