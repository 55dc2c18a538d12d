"""The schema knows every key and what it may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from kuma_net.documents import load_document
from kuma_net.tproxy.config import Config
from kuma_net.tproxy.grammar import KINDS
from kuma_net.tproxy.options import OPTIONS
from kuma_net.tproxy.reference import show
from kuma_net.tproxy.schema import DRAFT, SHAPES, json_schema
from lab.configs import configs


def at(schema: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the schema of one key."""
    for step in path.split("."):
        schema = schema["properties"][step]
    return schema


def allows(schema: dict[str, Any], value: object) -> bool:
    """Whether a value has a shape that the schema names: the few words of it that we use."""
    if "anyOf" in schema:
        return any(allows(one, value) for one in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    kinds = {
        "object": dict, "null": type(None), "array": list,
        "string": str, "integer": int, "boolean": bool,
    }  # fmt: skip
    wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(type(value) is kinds[kind] for kind in wanted):
        return False
    if isinstance(value, dict):
        known = schema["properties"]
        return all(key in known and allows(known[key], item) for key, item in value.items())
    if isinstance(value, list):
        return all(allows(schema["items"], item) for item in value)
    lowest, highest = schema.get("minimum", value), schema.get("maximum", value)
    return not isinstance(value, int) or bool(lowest <= value <= highest)


def test_every_option_is_there_with_its_help_and_default() -> None:
    schema = json_schema()
    assert schema["$schema"] == DRAFT
    assert schema["additionalProperties"] is False
    for option in OPTIONS:
        assert at(schema, option.path)["description"] == option.help
    assert at(schema, "redirect.inbound.port")["default"] == 15006
    assert at(schema, "redirect.inbound.enabled")["default"] is True
    assert at(schema, "retry.sleepBetweenRetries")["default"] == "2s"
    assert "default" not in at(schema, "redirect.inbound.excludePorts")
    assert json.loads(json.dumps(schema)) == schema


def test_every_kind_has_a_shape() -> None:
    assert SHAPES.keys() == KINDS.keys()


@given(configs())
def test_every_configuration_that_is_shown_fits_the_schema(config: Config) -> None:
    assert allows(json_schema(), load_document(show(config)))


@pytest.mark.parametrize(
    "text",
    [
        "redirect: {inbound: {port: 0}}",
        "redirect: {inbound: {prt: 1}}",
        "backend: ebpf",
        "verbose: 1",
        "log: {level: 8}",
        "iptablesExecutables: {nft: /x}",
    ],
)
def test_what_is_refused_does_not_fit(text: str) -> None:
    assert not allows(json_schema(), load_document(text))
