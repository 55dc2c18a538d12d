"""Who undid what we did to the folder, and which setting of hers ends the quarrel.

Nobody signs her files, but everybody has a hand: the types of the plugins in a file, its name, the
ending that a rival's files are renamed to.  The sentence is for a person, who can then end the
quarrel; until then we come back ever more seldom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_cni.conflist.network import PLUGIN, read_network
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_LIST: Final = (
    "give the installer a list of its own: KUMA_CNI_OWN_CONF_NAME=00-kuma-cni.conflist"
)


class Culprit(Record):
    """Who did it (``unknown`` where nothing tells), what was done, and what to do about it."""

    name: str
    did: str
    advice: str


_ADVICE: Final = {
    "cilium": (
        "set cni.exclusive=false in Cilium's Helm values "
        '(cni-exclusive: "false" in the ConfigMap cilium-config)'
    ),
    "calico": OWN_LIST,
    "flannel": OWN_LIST,
    "aws-cni": OWN_LIST,
    "azure-vnet": OWN_LIST,
    "kindnet": OWN_LIST,
    "multus": (
        "Multus writes its file anew whenever the primary's changes: set CNI_CONF_NAME to the "
        "primary's file, or run us standalone (CHAINED_CNI_PLUGIN=false)"
    ),
    "istio-cni": "two meshes on one node: let istio-cni own its list (istioOwnedCNIConfig=true)",
    "linkerd-cni": "two meshes on one node: take one of them away",
}
_BY_TYPE: Final = {
    "cilium-cni": "cilium",
    "calico": "calico",
    "flannel": "flannel",
    "aws-cni": "aws-cni",
    "azure-vnet": "azure-vnet",
    "multus": "multus",
    "multus-shim": "multus",
    "istio-cni": "istio-cni",
    "linkerd-cni": "linkerd-cni",
}
_BY_NAME: Final = {"kindnet": "kindnet", "cilium": "cilium", "calico": "calico"}
RENAMED: Final = ".cilium_bak"
"""The ending that Cilium gives to everybody else's files."""


def find_culprit(before: Mapping[str, bytes], after: Mapping[str, bytes], target: str) -> Culprit:
    """Return who took our entry out of ``target``, from the folder before and after."""
    renamed = sorted(name for name in after if name.endswith(RENAMED) and name not in before)
    if renamed:
        did = f"renamed {renamed[0].removesuffix(RENAMED)} to {renamed[0]}"
        return Culprit("cilium", did, _ADVICE["cilium"])
    changed = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    for name in (target, *changed):
        who = _hand(name, after.get(name, before.get(name, b"")))
        if who:
            return Culprit(who, _deed(name, before, after), _ADVICE[who])
    return Culprit("unknown", _deed(target, before, after), OWN_LIST)


def _deed(name: str, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    """Return what was done to a file, as a clause."""
    if name not in after:
        return f"removed {name}"
    return f"rewrote {name}" if name in before else f"wrote {name}"


def _hand(name: str, text: bytes) -> str:
    """Return whose file this looks like; empty where nothing tells."""
    for kind in read_network(name, text).types:
        if kind != PLUGIN and kind in _BY_TYPE:
            return _BY_TYPE[kind]
    return next((who for piece, who in _BY_NAME.items() if piece in name), "")
