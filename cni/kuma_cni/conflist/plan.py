"""A folder and a wish to the steps that fulfil it.

Three ways of being there:

* **chained**: our entry in the primary network's own list.  A single plugin (``10-x.conf``)
  becomes a list (``10-x.conflist``); the former file is kept aside, under a name that no runtime
  reads.
* **own list**: a list of our own that sorts first, made from the primary's and kept in step with
  it.  The primary's file is not touched, and after a reboot there is no moment without us.
* **standalone**: a network of our plugin alone, for Multus to call by its name.

Everything is worked out from what lies in the folder, nothing is remembered: whoever starts anew,
after whatever, comes to the same end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_cni.conflist.chain import COPY_OF, alone, chain_of, entry_of, with_entry, without_entry
from kuma_cni.conflist.choose import (
    META_PLUGINS,
    before,
    choose,
    foreign,
    is_own,
    named,
    networks,
)
from kuma_cni.conflist.network import LIST_ENDING, Network, read_network, written
from kuma_cni.conflist.steps import Drop, Keep, Step, Write, apply
from kuma_cni.conflist.undo import list_name, original_of, steps_elsewhere
from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kuma_cni.conflist.network import Content

STANDALONE_NAME: Final = "YYY-kuma-cni.conflist"
"""Of a network of our plugin alone when no name is given: sorts last."""


class Wish(Record):
    """How we want to be there.

    ``conf_name`` is the file to go into (empty: the one a runtime takes), ``own_name`` that of a
    list of our own (empty: none).  ``exact``: an entry of ours that says something else is
    replaced; otherwise it is left, since it may be our successor's.
    """

    entry: Content
    chained: bool = True
    conf_name: str = ""
    own_name: str = ""
    exact: bool = True


class Plan(Record):
    """The steps to take now.

    ``target`` is the file our entry is in afterwards; ``waiting`` a clause that says what is
    missing for it, ``notes`` sentences about what stands in the way of a runtime.
    """

    steps: tuple[Step, ...] = ()
    target: str = ""
    waiting: str = ""
    notes: tuple[str, ...] = ()


def plan_install(files: Mapping[str, bytes], wish: Wish) -> Plan:
    """Return the steps after which our plugin is there as wished, as far as that can be now."""
    if not wish.chained:
        return _standalone(files, wish)
    primary = _primary(files, wish)
    if isinstance(primary, str):
        return _without_primary(files, wish, primary)
    primary = _written_again(primary, files)
    steps = _own_list(files, wish, primary) if wish.own_name else _chained(files, wish, primary)
    target = wish.own_name or list_name(primary, files)
    steps += steps_elsewhere(apply(files, steps), target)
    return _judged(apply(files, steps), Plan(steps, target))


def _primary(files: Mapping[str, bytes], wish: Wish) -> Network | str:
    """Return the network to stand behind, or a clause that says what is missing."""
    found = foreign(networks(files))
    if not wish.conf_name:
        mislabelled = next((one for one in found if _is_mislabelled(one)), None)
        first = choose(found)
        if mislabelled and (first is None or mislabelled.name < first.name):
            return mislabelled
        if first is None:
            told = "".join([f"; {one.name} {one.wrong}" for one in found])
            return f"no other plugin's configuration is there yet{told}"
        return first
    network = named(found, wish.conf_name)
    if network is None:
        seen = ", ".join([one.name for one in found]) or "nothing"
        return f"{wish.conf_name} is not there yet (there is {seen})"
    if network.wrong and not _is_mislabelled(network):
        return f"{network.name} {network.wrong}"
    return network


def _is_mislabelled(network: Network) -> bool:
    """Whether a list was put into a ``.conf`` with our plugin in it: Kuma's installer did so."""
    content = network.content or {}
    as_list = read_network(network.name + LIST_ENDING, written(content))
    return not network.is_list and "plugins" in content and network.has_ours and not as_list.wrong


def _written_again(primary: Network, files: Mapping[str, bytes]) -> Network:
    """Return the single plugin that a list of ours was made from, where it is there again.

    Its owner wrote it anew, or somebody stopped us before we took it away.
    """
    original = original_of(primary.name, files) if primary.has_ours else None
    if original is None or original == primary.name or original not in files:
        return primary
    again = read_network(original, files[original])
    return primary if again.wrong else again


def _without_primary(files: Mapping[str, bytes], wish: Wish, waiting: str) -> Plan:
    """Wait for the primary's file; a list of our own stays: the file may be on its way."""
    own = wish.own_name if wish.own_name in files else ""
    return Plan(target=own, waiting=waiting)


def _chained(files: Mapping[str, bytes], wish: Wish, primary: Network) -> tuple[Step, ...]:
    """Return the steps that put our entry into the primary's list."""
    chain = chain_of(primary)
    wanted = with_entry(chain, _entry(chain, wish))
    target = list_name(primary, files)
    write = Write(target, written(wanted), primary.name)
    if target != primary.name:
        keep = () if primary.has_ours else (Keep(primary.name),)
        return (*keep, write, Drop(primary.name))
    if written(wanted) == written(chain):
        return ()
    return (write,) if primary.has_ours else (Keep(primary.name), write)


def _entry(chain: Content, wish: Wish) -> Content:
    """Return the entry to have in a list: ours, or the one that is there."""
    there = entry_of(chain)
    return wish.entry if wish.exact or there is None else there


def _own_list(files: Mapping[str, bytes], wish: Wish, primary: Network) -> tuple[Step, ...]:
    """Return the steps that bring our own list in step with the primary's."""
    base = without_entry(chain_of(primary))
    there = read_network(wish.own_name, files.get(wish.own_name, b""))
    entry = _entry({"plugins": there.plugins}, wish)
    wanted = written({**with_entry(base, entry), COPY_OF: primary.name})
    if files.get(wish.own_name) == wanted:
        return ()
    return (Write(wish.own_name, wanted, primary.name),)


def _standalone(files: Mapping[str, bytes], wish: Wish) -> Plan:
    """Return the steps to a file of our own, which never takes the place of another's."""
    name = wish.conf_name or STANDALONE_NAME
    elsewhere = steps_elsewhere(files, name)
    files = apply(files, elsewhere)
    there = read_network(name, files.get(name, b""))
    if name in files and there.content is not None and not is_own(there):
        return Plan(
            elsewhere, waiting=f"{name} is somebody else's network: give another CNI_CONF_NAME"
        )
    wanted = written(alone(wish.entry, as_list=name.endswith(LIST_ENDING)))
    is_left = files.get(name) == wanted or (there.plugins and not wish.exact and not there.wrong)
    # Multus finds networks by their names, a runtime that reads this folder by those of files.
    behind = [one for one in foreign(networks(files)) if not one.wrong and one.name > name]
    notes = [
        f"{name} comes before {one.name}: for pods there would be no network if a runtime took it"
        for one in behind[:1]
    ]
    steps = elsewhere if is_left else (*elsewhere, Write(name, wanted, name))
    return Plan(steps, name, notes=tuple(notes))


def _judged(files: Mapping[str, bytes], plan: Plan) -> Plan:
    """Say what a runtime will make of it."""
    found = networks(files)
    notes = [
        f"{one.name} {one.wrong}: containerd stops there and has no network"
        for one in before(found, plan.target)
    ]
    first = choose(found)
    if first is None or first.name == plan.target:
        return plan.replace(notes=tuple(notes))
    if set(first.types) & set(META_PLUGINS):
        return plan.replace(notes=(*notes, f"{first.name} comes first and calls {plan.target}"))
    waiting = f"the runtime takes {first.name}, which comes before {plan.target}"
    return plan.replace(waiting=waiting, notes=tuple(notes))
