"""What a runtime asks: the environment variables of CNI and the configuration together."""

from __future__ import annotations

from kuma_cni.spec.netconf import Netconf
from kuma_net.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypeAlias

    Verb: TypeAlias = Literal["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]


class Request(Record):
    """One call of the plugin, checked.

    ``args`` are the pairs of CNI_ARGS; ``may_be_own``: CNI_NETNS_OVERRIDE allows the plugin's own
    network namespace (libcni's switch; it never allows us to touch a ``hostNetwork`` pod).
    """

    verb: Verb
    container_id: str = ""
    netns: str = ""
    ifname: str = ""
    args: Mapping[str, str] = {}
    path: tuple[str, ...] = ()
    may_be_own: bool = False
    netconf: Netconf = Netconf()
