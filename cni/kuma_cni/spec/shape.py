"""Plain values of the shape that a key must have; where they are not, the key is named.

``null`` counts as absent, as for runtimes written in Go, which write it for empty lists and maps.
"""

from __future__ import annotations

from kuma_cni.spec.problem import INVALID_CONFIG, CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def text_at(mapping: Mapping[str, object], key: str, default: str = "", within: str = "") -> str:
    """Return the text at ``key``; ``within`` is the path of the mapping, ending in a dot."""
    value = mapping.get(key)
    return default if value is None else text(value, within + key)


def object_at(mapping: Mapping[str, object], key: str, within: str = "") -> dict[str, object]:
    """Return the object at ``key``, an empty one where there is none."""
    value = mapping.get(key)
    return {} if value is None else object_(value, within + key)


def list_at(mapping: Mapping[str, object], key: str, within: str = "") -> list[object]:
    """Return the list at ``key``, an empty one where there is none."""
    value = mapping.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(within + key, "a list", value)
    return value


def texts_at(mapping: Mapping[str, object], key: str, within: str = "") -> tuple[str, ...]:
    """Return the list of texts at ``key``, an empty one where there is none."""
    listed = list_at(mapping, key, within)
    return tuple([text(item, f"{within}{key}[{i}]") for i, item in enumerate(listed)])


def objects_at(
    mapping: Mapping[str, object], key: str, within: str = ""
) -> list[dict[str, object]]:
    """Return the list of objects at ``key``, an empty one where there is none."""
    listed = list_at(mapping, key, within)
    return [object_(item, f"{within}{key}[{i}]") for i, item in enumerate(listed)]


def text(value: object, path: str) -> str:
    """Return a text that every file, log and message can hold."""
    if not isinstance(value, str):
        raise _wrong(path, "a text", value)
    try:
        value.encode()
    except UnicodeEncodeError:  # half a pair: JSON can write it, UTF-8 cannot
        raise CniError(
            INVALID_CONFIG, f"{path} is no valid Unicode text", ascii(value[:100])
        ) from None
    return value


def object_(value: object, path: str) -> dict[str, object]:
    """Return an object."""
    if not isinstance(value, dict):
        raise _wrong(path, "an object", value)
    return value


def _wrong(path: str, right: str, value: object) -> CniError:
    kinds = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    kind = kinds.get(type(value), "null")
    return CniError(INVALID_CONFIG, f"{path[:200]} must be {right}, not {kind}")
