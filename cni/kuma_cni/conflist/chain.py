"""Lists of plugins as values: our entry put in and taken out, nothing else touched.

The version of a list is never raised: Debian's plugins 1.1.1 know nothing beyond 1.0.0, and a list
that says 1.1.0 leaves the node without a network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kuma_cni.conflist.network import PLUGIN

if TYPE_CHECKING:
    from kuma_cni.conflist.network import Content, Network

COPY_OF: Final = "kuma_cni_copy_of"
"""In a list of our own: the name of the file that it was made from (runtimes skip such a key)."""
VERSION: Final = "0.4.0"
"""Of a network that is ours alone and says none: the first with CHECK, known since 2019."""
_SHARED: Final = ("cniVersion", "name")


def chain_of(network: Network) -> Content:
    """Return a network as a list: a single plugin keeps name and version, now the list's."""
    content = network.content or {}
    if "plugins" in content:
        return content
    head = {key: content[key] for key in _SHARED if key in content}
    return head | {"plugins": [{key: content[key] for key in content if key not in _SHARED}]}


def with_entry(chain: Content, entry: Content) -> Content:
    """Return the list with our entry in it: where it stood, else last; once."""
    ours = {key: value for key, value in entry.items() if key != "cniVersion"}
    plugins = list(chain["plugins"])
    at = next((index for index, one in enumerate(plugins) if _is_ours(one)), len(plugins))
    rest = [one for one in plugins[at:] if not _is_ours(one)]
    return {**chain, "plugins": [*plugins[:at], ours, *rest]}


def without_entry(chain: Content) -> Content:
    """Return the list without our entry, and without what marks it as a list of our own."""
    rest = [one for one in chain["plugins"] if not _is_ours(one)]
    return {key: value for key, value in chain.items() if key != COPY_OF} | {"plugins": rest}


def entry_of(chain: Content) -> Content | None:
    """Return the entry of ours that is in a list; None where there is none."""
    return next((one for one in chain["plugins"] if _is_ours(one)), None)


def alone(entry: Content, *, as_list: bool) -> Content:
    """Return a network of our plugin alone, as a list or as a single plugin."""
    head = {"cniVersion": entry.get("cniVersion", VERSION), "name": entry.get("name", PLUGIN)}
    rest = {key: value for key, value in entry.items() if key not in _SHARED}
    return head | {"plugins": [rest]} if as_list else head | rest


def _is_ours(plugin: object) -> bool:
    return isinstance(plugin, dict) and plugin.get("type") == PLUGIN
