"""What becomes of a pod: it is left alone, looked up, or captured.

The order of Kuma's plugin with its bugs mended; the reasons are what the log says.
"""

from __future__ import annotations

from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from kuma_net.tproxy.config import Config


class Skip(Record):
    """The pod is none of ours; ``reason`` is a clause."""

    reason: str


class LookUp(Record):
    """The runtime sent no annotations: the API server has to be asked for this pod."""

    namespace: str
    name: str


class Capture(Record):
    """The pod is captured by this configuration; ``notes`` are sentences for the log."""

    config: Config
    notes: tuple[str, ...] = ()


class FetchedPod(Record):
    """What the API server says of a pod, as far as the decision needs it."""

    annotations: Mapping[str, str] = {}
    containers: tuple[str, ...] = ()
    init_containers: tuple[str, ...] = ()


if TYPE_CHECKING:
    Decision: TypeAlias = Skip | LookUp | Capture
