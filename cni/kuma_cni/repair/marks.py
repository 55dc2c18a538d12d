"""Whether a pod's rules are the plugin's business or those of its own init container; pure.

Kuma's injector writes either a pod that brings ``kuma-init``, or one that leaves the rules to
the plugin.  The latter has two marks: the annotation for Multus, of every generation, and
``cniMode: true`` in the whole configuration.  The plugin itself need not tell them apart, since
it comes before any container.  A repair comes later: between the rules of an init container (by
whatever program) and ours there must be no quarrel, so without a mark a pod is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_net.documents import DocumentError, load_document

if TYPE_CHECKING:
    from collections.abc import Mapping

NETWORKS: Final = "k8s.v1.cni.cncf.io/networks"
DOCUMENT: Final = "traffic.kuma.io/transparent-proxy-config"
PLUGIN: Final = "kuma-cni"


def left_to_plugin(annotations: Mapping[str, str]) -> bool:
    """Whether an injected pod's rules are to be made by the plugin."""
    if PLUGIN in annotations.get(NETWORKS, ""):
        return True
    try:
        document = load_document(annotations.get(DOCUMENT, ""))
    except DocumentError:
        return False
    return isinstance(document, dict) and document.get("cniMode") is True
