"""One file as a container runtime reads it."""

from __future__ import annotations

import pytest

from kuma_cni.conflist.network import Network, read_network, written

WRONG = [
    ("10-a.conf", b"", "is empty"),
    ("10-a.conf", b" \n", "is empty"),
    ("10-a.conf", b'{"type": "bri', "is not JSON: "),
    ("10-a.conf", b'\xef\xbb\xbf{"name": "a", "type": "b"}', "begins with a byte order mark"),
    ("10-a.conf", b'{"name": "\xff", "type": "b"}', "is not written in UTF-8"),
    ("10-a.conf", b"[1]", "holds no object of JSON"),
    ("10-a.conf", b'{"name": NaN, "type": "b"}', "is not JSON: NaN is no JSON"),
    ("10-a.conf", b'{"a":' * 100_000, "is nested too deeply"),
    ("10-a.conf", b'{"name": "a"}', 'has no "type"'),
    ("10-a.conf", b'{"name": "a", "type": 5}', 'has no "type"'),
    ("10-a.json", b'{"type": "bridge"}', 'has no "name"'),
    ("10-a.conf", b'{"name": "a", "plugins": [{"type": "b"}]}', "holds a list of plugins"),
    ("10-a.conflist", b'{"plugins": [{"type": "b"}]}', 'has no "name"'),
    ("10-a.conflist", b'{"name": "", "plugins": [{"type": "b"}]}', 'has no "name"'),
    ("10-a.conflist", b'{"name": "a", "cniVersion": 1}', 'has a "cniVersion" that is no text'),
    ("10-a.conflist", b'{"name": "a"}', 'has no "plugins"'),
    ("10-a.conflist", b'{"name": "a", "plugins": []}', 'has no "plugins"'),
    ("10-a.conflist", b'{"name": "a", "plugins": {}}', 'has no "plugins"'),
    ("10-a.conflist", b'{"name": "a", "plugins": [{}]}', 'has a plugin without a "type"'),
    ("10-a.conflist", b'{"name": "a", "plugins": ["b"]}', 'has a plugin without a "type"'),
    ("10-a.conflist", b'{"name": "a", "type": "b"}', 'has no "plugins"'),
]


@pytest.mark.parametrize(("name", "text", "wrong"), WRONG)
def test_what_a_runtime_refuses_is_refused_with_the_reason(
    name: str, text: bytes, wrong: str
) -> None:
    assert read_network(name, text).wrong.startswith(wrong)


@pytest.mark.parametrize(
    ("name", "text", "types"),
    [
        ("10-a.conf", b'{"name": "a", "type": "bridge"}', ("bridge",)),
        ("10-a.json", b'{"name": "a", "type": "bridge"}', ("bridge",)),
        ("10-a.conflist", b'{"name": "a", "plugins": [{"type": "b"}, {"type": "c"}]}', ("b", "c")),
        ("10-a.conf", b'{"type": "x", "name": "a", "type": "last"}\r\n', ("last",)),
    ],
)
def test_what_a_runtime_takes_is_good(name: str, text: bytes, types: tuple[str, ...]) -> None:
    network = read_network(name, text)
    assert network.wrong == ""
    assert network.types == types


def test_without_content_there_are_no_plugins() -> None:
    assert Network("a.conf").plugins == ()
    assert not Network("a.conf").has_ours
    assert not Network("a.conf").is_ours_alone


def test_plugins_that_are_no_objects_are_no_plugins() -> None:
    assert read_network("a.conflist", b'{"plugins": [5, {"type": "kuma-cni"}]}').is_ours_alone


def test_a_file_is_written_with_its_keys_in_their_order() -> None:
    assert written({"b": [1], "a": "\ud800\u00e9"}) == (
        b'{\n  "b": [\n    1\n  ],\n  "a": "\\ud800\\u00e9"\n}\n'
    )
