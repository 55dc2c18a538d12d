"""The steps back: a folder as it was before us, with what others changed meanwhile.

Where a list without our entry says what the kept original says, the original comes back, byte for
byte.  Where somebody changed the list since, her change stays and the original is of no use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuma_cni.conflist.chain import COPY_OF, chain_of, without_entry
from kuma_cni.conflist.choose import networks
from kuma_cni.conflist.network import LIST_ENDING, SINGLE_ENDINGS, read_network, written
from kuma_cni.conflist.steps import KEPT, Drop, Rename, Step, Write, apply, kept_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_cni.conflist.network import Content, Network


def plan_removal(files: Mapping[str, bytes]) -> tuple[Step, ...]:
    """Return the steps after which nothing of ours is in the folder."""
    steps = steps_elsewhere(files, "")
    left = apply(files, steps)
    return (*steps, *[Drop(name) for name in sorted(left) if name.endswith(KEPT)])


def steps_elsewhere(files: Mapping[str, bytes], target: str) -> tuple[Step, ...]:
    """Return the steps that take our entry out of every file but one."""
    steps: tuple[Step, ...] = ()
    for network in networks(files):
        if network.name != target:
            steps += steps_without(network, apply(files, steps))
    return steps


def steps_without(network: Network, files: Mapping[str, bytes]) -> tuple[Step, ...]:
    """Return the steps that take our entry out of one file."""
    if not network.has_ours:
        return ()
    content = network.content or {}
    if network.is_ours_alone or COPY_OF in content:
        return (Drop(network.name),)
    stripped = without_entry(content)
    if not network.is_list:  # a list under the name of a single plugin, as Kuma's installer left it
        name = list_name(network, files)
        return (Write(name, written(stripped), network.name), Drop(network.name))
    return _steps_back(network.name, stripped, files)


def _steps_back(name: str, stripped: Content, files: Mapping[str, bytes]) -> tuple[Step, ...]:
    """Return the steps from a list to what it was made from, or to itself without us."""
    write = Write(name, written(stripped), name)
    original = original_of(name, files)
    if original is None:
        return (write,)
    kept = kept_name(original)
    if original != name and original in files:  # written again by its owner: it counts
        return (Drop(name), Drop(kept))
    if not _says(original, files[kept], stripped):
        return (write, Drop(kept))
    if original == name:
        return (Rename(kept, original),)
    return (Rename(kept, original), Drop(name))


def changed_lists(files: Mapping[str, bytes]) -> tuple[tuple[str, str], ...]:
    """Return lists with our entry that say something else than the file they were made from.

    Each comes with the name that that file had.
    """
    found = []
    for network in networks(files):
        original = original_of(network.name, files) if network.has_ours else None
        if original is not None:
            stripped = without_entry(chain_of(network))
            if not _says(original, files[kept_name(original)], stripped):
                found.append((network.name, original))
    return tuple(found)


def original_of(name: str, files: Mapping[str, bytes]) -> str | None:
    """Return the name that the file had that a list was made from, if it is kept."""
    stem = name.removesuffix(LIST_ENDING)
    # A list called 10-x.conf.conflist had to stand aside for somebody's 10-x.conflist.
    names = (name, *[stem + ending for ending in SINGLE_ENDINGS], stem)
    return next((one for one in names if kept_name(one) in files), None)


def _says(name: str, text: bytes, chain: Content) -> bool:
    """Whether a kept file says the same as a list."""
    kept = read_network(name, text)
    return not kept.wrong and written(chain_of(kept)) == written(chain)


def list_name(network: Network, files: Mapping[str, bytes]) -> str:
    """Return the name of the list that a file is, or that its single plugin goes into."""
    if network.is_list:
        return network.name
    usual = network.name.rpartition(".")[0] + LIST_ENDING
    there = read_network(usual, files.get(usual, b""))
    is_free = usual not in files or (there.has_ours and kept_name(usual) not in files)
    # Between 10-x.conf and somebody's 10-x.conflist: '.' sorts before 'l'.
    return usual if is_free else network.name + LIST_ENDING
