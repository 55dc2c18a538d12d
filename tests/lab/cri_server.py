"""A container runtime that says what a test wants, in a process of its own."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from kuma_cni.cri.grpc import NOT_FOUND, GrpcError
from kuma_cni.cri.protobuf import Message, encode
from kuma_net.record import Record
from lab.agent import Agent
from lab.protobuf_maps import encode_map
from lab.unix_server import Speaking, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lab.unix_server import Handler


class Told(Record):
    """A sandbox as this runtime tells it.

    ``networks`` are its namespaces' files, one for each time that is asked; afterwards it is gone.
    """

    id: str
    name: str
    annotations: Mapping[str, str]
    networks: tuple[str, ...] = ()


class Answers:
    """What the runtime answers."""

    def __init__(self, *sandboxes: Told) -> None:
        """Keep the sandboxes."""
        self._sandboxes = sandboxes
        self._asked: dict[str, int] = {}

    def __call__(self, method: str, body: bytes) -> bytes:
        """Answer; GrpcError for what is not there."""
        if method.endswith("ListPodSandbox"):
            return encode([(1, _item(sandbox)) for sandbox in self._sandboxes])
        name = Message(body).text(1)
        asked = self._asked[name] = self._asked.get(name, 0) + 1
        for sandbox in self._sandboxes:
            if sandbox.id == name and asked <= len(sandbox.networks):
                return _status(sandbox.networks[asked - 1])
        raise GrpcError(NOT_FOUND, "no such sandbox")


@contextmanager
def runtime(path: Path, handler: Handler) -> Iterator[str]:
    """Serve a socket by a process that ends with the context; yields the socket's path."""
    agent = Agent("runtime", _nothing)
    try:
        yield agent.call(_serve_here, path, handler)
    finally:
        agent.stop()


def telling(*sandboxes: Told) -> Handler:
    """Return a runtime that tells these sandboxes."""
    return Speaking(Answers(*sandboxes))


_serving = ExitStack()


def _nothing() -> None:
    """Need no preparation."""


def _serve_here(path: Path, handler: Handler) -> str:
    return _serving.enter_context(serving(path, handler))


def _item(sandbox: Told) -> bytes:
    metadata = encode([(1, sandbox.name), (2, f"uid-of-{sandbox.name}"), (3, "demo")])
    return encode([(1, sandbox.id), (2, metadata), *encode_map(6, sandbox.annotations)])


def _status(netns: str) -> bytes:
    spec = {"linux": {"namespaces": [{"type": "network", "path": netns}]}}
    info = {"pid": 0, "config": {"dns_config": {}}, "runtimeSpec": spec}
    return encode([(1, b""), *encode_map(2, {"info": json.dumps(info)})])
