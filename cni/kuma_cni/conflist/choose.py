"""Which file of a folder a container runtime takes: the first by name.

CRI-O (ocicni) takes the first good one; containerd (go-cni) the first, and none if that is bad.
So ``choose`` gives the first good one, and ``before`` the bad ones that stand in containerd's way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_cni.conflist.chain import COPY_OF
from kuma_cni.conflist.network import ENDINGS, LIST_ENDING, Network, read_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

META_PLUGINS: Final = ("multus", "multus-shim")
"""Plugins that stand first and call another network's list themselves."""


def networks(files: Mapping[str, bytes]) -> tuple[Network, ...]:
    """Return what runtimes see of a folder's files, in their order: that of the names' bytes."""
    return tuple([read_network(name, files[name]) for name in sorted(files) if is_read(name)])


def is_read(name: str) -> bool:
    """Whether runtimes read a file of this name."""
    return name.endswith(ENDINGS)


def choose(found: Sequence[Network]) -> Network | None:
    """Return the first network that is good."""
    return next((one for one in found if not one.wrong), None)


def before(found: Sequence[Network], name: str) -> tuple[Network, ...]:
    """Return the bad networks that come before a file: containerd stops at the first of them."""
    return tuple([one for one in found if one.wrong and one.name < name])


def foreign(found: Sequence[Network]) -> tuple[Network, ...]:
    """Return the networks that are somebody else's, our entry in them or not."""
    return tuple([one for one in found if not is_own(one)])


def is_own(network: Network) -> bool:
    """Whether a file is ours: a list of our own, or a network of our plugin alone."""
    return COPY_OF in (network.content or {}) or network.is_ours_alone


def named(found: Sequence[Network], name: str) -> Network | None:
    """Return the network of that file name, else that with the other ending.

    ``10-flannel.conf`` becomes ``10-flannel.conflist`` when our plugin is put behind it, and who
    asks for one by name means the other as well.  Where that name was taken by somebody's list
    it has become ``10-flannel.conf.conflist``.
    """
    by_name = {one.name: one for one in found}
    stem = name.rpartition(".")[0] or name
    names = (
        name,
        name + LIST_ENDING,
        *[stem + ending for ending in (".conf", LIST_ENDING, ".json")],
    )
    return next((by_name[one] for one in names if one in by_name), None)
