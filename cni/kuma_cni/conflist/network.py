"""One network configuration file as a container runtime reads it.

There are two kinds: a list of plugins (``.conflist``), and a single plugin (``.conf`` or
``.json``).  What libcni and go-cni refuse is refused here, with the reason: it decides whether a
node has a network.  What surprised us:

* containerd reads the first file by name and, when that is bad, gives up: the node has no network
  although the next file is good.  CRI-O skips bad files.
* A list in a file called ``.conf`` is bad for both (Kuma's installer wrote such files).
* Go's JSON refuses a byte order mark, but accepts any key twice (the last counts) and CRLF.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from kuma_net.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    Content: TypeAlias = Mapping[str, Any]

LIST_ENDING: Final = ".conflist"
SINGLE_ENDINGS: Final = (".conf", ".json")
ENDINGS: Final = (LIST_ENDING, *SINGLE_ENDINGS)
"""What runtimes read in their folder; everything else they leave alone."""
PLUGIN: Final = "kuma-cni"
"""The ``type`` of our plugin: the name of its executable."""


class Network(Record):
    """A file of the folder: its content, and what a runtime finds wrong with it.

    ``content`` is None where there is no object of JSON to speak of.
    """

    name: str
    content: Content | None = None
    wrong: str = ""

    @property
    def is_list(self) -> bool:
        """Whether the file is said to hold a list, by its name."""
        return self.name.endswith(LIST_ENDING)

    @property
    def plugins(self) -> tuple[Content, ...]:
        """Return its plugins: those of the list, or the single one."""
        if self.content is None:
            return ()
        listed = self.content.get("plugins")
        if isinstance(listed, list):
            return tuple([plugin for plugin in listed if isinstance(plugin, dict)])
        return (self.content,)

    @property
    def types(self) -> tuple[str, ...]:
        """Return the types of its plugins."""
        return tuple([str(plugin.get("type", "")) for plugin in self.plugins])

    @property
    def has_ours(self) -> bool:
        """Whether our plugin is in it."""
        return PLUGIN in self.types

    @property
    def is_ours_alone(self) -> bool:
        """Whether nothing but our plugin is in it."""
        return set(self.types) == {PLUGIN}


def read_network(name: str, text: bytes) -> Network:
    """Read a file; what is wrong with it is part of the answer."""
    try:
        content = json.loads(text.decode(), parse_constant=_no_constant)
    except UnicodeDecodeError:
        return Network(name, None, "is not written in UTF-8")
    except RecursionError:
        return Network(name, None, "is nested too deeply")
    except ValueError as error:
        return Network(name, None, _not_json(text, error))
    if not isinstance(content, dict):
        return Network(name, None, "holds no object of JSON")
    network = Network(name, content)
    return network.replace(wrong=_wrong_list(content) if network.is_list else _wrong_one(content))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _not_json(text: bytes, error: ValueError) -> str:
    if not text.strip():
        return "is empty"
    if text.startswith(b"\xef\xbb\xbf"):
        return "begins with a byte order mark, which runtimes refuse"
    return f"is not JSON: {error}"


def _wrong_one(content: Content) -> str:
    if not _text(content, "type"):
        if "plugins" in content:
            return f"holds a list of plugins, which only a {LIST_ENDING} may"
        return 'has no "type"'
    return "" if _text(content, "name") else 'has no "name"'


def _wrong_list(content: Content) -> str:
    if not _text(content, "name"):
        return 'has no "name"'
    if not isinstance(content.get("cniVersion", ""), str):
        return 'has a "cniVersion" that is no text'
    plugins = content.get("plugins")
    if not isinstance(plugins, list) or not plugins:
        return 'has no "plugins"'
    if not all(isinstance(plugin, dict) and _text(plugin, "type") for plugin in plugins):
        return 'has a plugin without a "type"'
    return ""


def _text(content: Content, key: str) -> bool:
    value = content.get(key)
    return isinstance(value, str) and value != ""


def written(content: Content) -> bytes:
    """Return the text of a file: JSON, indented by two, keys in their order."""
    return json.dumps(content, indent=2).encode() + b"\n"
