"""The JSON Schema (draft 2020-12) of a configuration document, made from ``OPTIONS``.

Editors complete and check documents with it.  It is somewhat narrower than what is read: the
spellings that Kuma allows for convenience (a word for a boolean, a number for a user) are in it,
the grammar inside of texts is given as far as a pattern can say it.
"""

from __future__ import annotations

from kuma_net.tproxy.grammar import BACKENDS, EXECUTABLES, IP_FAMILY_MODES
from kuma_net.tproxy.options import OPTIONS
from kuma_net.values import HIGHEST_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from kuma_net.tproxy.option import Option

    Schema: TypeAlias = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 4294967295}
TEXT: Schema = {"type": "string"}


def _list_of(item: Schema) -> Schema:
    """Return the schema of a list that may also be written as one item or a comma list."""
    return {"anyOf": [{"type": "array", "items": item}, item]}


NUMBER_OR_TEXT: Schema = {"type": ["integer", "string"]}
SHAPES: dict[str, Schema] = {
    "bool": {"type": "boolean"},
    "port": {"type": "integer", "minimum": 1, "maximum": HIGHEST_PORT},
    "seconds": COUNT,
    "microseconds": COUNT,
    "count": COUNT,
    "level": {"type": "integer", "minimum": 0, "maximum": 7},
    "duration": {
        "anyOf": [{"type": "string", "pattern": "^[0-9.]+(h|m|s|ms|us|µs|ns)"}, {"type": "integer"}]
    },
    "user": NUMBER_OR_TEXT,
    "path": TEXT,
    "chain": {"type": "string", "pattern": "^[A-Za-z0-9_]{1,18}$"},
    "ip-family-mode": {"enum": list(IP_FAMILY_MODES)},
    "backend": {"enum": list(BACKENDS)},
    "ports": _list_of(NUMBER_OR_TEXT),
    "networks": _list_of(TEXT),
    "interfaces": _list_of(TEXT),
    "vnets": _list_of({"type": "string", "pattern": "^[^:]+:.+/[0-9]+"}),
    "rules": _list_of(NUMBER_OR_TEXT),
    "executables": {
        "type": "object",
        "properties": dict.fromkeys(EXECUTABLES, TEXT),
        "additionalProperties": False,
    },
}
"""The schema of each kind of ``grammar.KINDS``."""


def json_schema() -> Schema:
    """Return the schema of a configuration document."""
    root = _branch("Configuration of kuma-net")
    root = {"$schema": DRAFT, **root}
    for option in OPTIONS:
        node = root
        *branches, leaf = option.path.split(".")
        for branch in branches:
            node = node["properties"].setdefault(branch, _branch(""))
        node["properties"][leaf] = _leaf(option)
    return root


def _branch(title: str) -> Schema:
    schema: Schema = {"type": ["object", "null"], "properties": {}, "additionalProperties": False}
    return {"title": title, **schema} if title else schema


def _leaf(option: Option) -> Schema:
    """Return the schema of one option, with what a person would like to know."""
    schema: Schema = {"description": option.help, **SHAPES[option.kind]}
    return {**schema, "default": _default(option)} if option.default else schema


def _default(option: Option) -> bool | int | str:
    """Return a default as JSON has it."""
    if option.kind == "bool":
        return option.default == "true"
    return int(option.default) if option.default.isdigit() else option.default
