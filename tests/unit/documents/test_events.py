"""YAML by events: values by the core schema, mistakes with line and column."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuma_net.documents import DocumentError, load_document
from kuma_net.documents.events import read_events

if TYPE_CHECKING:
    from kuma_net.documents import Plain

ROOT = Path(__file__).parents[3]
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{one}: &{one} [{', '.join(['*' + before] * 9)}]\n"
    for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("plain text", "plain text"),
        ("- 1\n- a: b\n- [c, d]", [1, {"a": "b"}, ["c", "d"]]),
        ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
        ('a: "\\t\\u00e9"', {"a": "\té"}),
        ("a: no\nb: 53:59\nc: 010", {"a": "no", "b": "53:59", "c": "010"}),
        ("a: !!str 1\nb: !!int 2\nc: ! 3\nd: !!null ''", {"a": "1", "b": 2, "c": "3", "d": None}),
        ("a: !!seq [1]\nb: !!map {c: 1}", {"a": [1], "b": {"c": 1}}),
        ("1: a\ntrue: b\nnull: c\n1.5: d", {"1": "a", "true": "b", "null": "c", "1.5": "d"}),
        ("a: &x [1, &y z]\nb: *x\nc: *y", {"a": [1, "z"], "b": [1, "z"], "c": "z"}),
        ("&k a: 1\nb: *k", {"a": 1, "b": "a"}),
        (
            "a: &x {c: 1}\nb:\n  <<: *x\n  d: 2",
            {"a": {"c": 1}, "b": {"d": 2, "c": 1}},
        ),
        ("a:\n  <<: [{c: 1}, {c: 2, d: 2}]", {"a": {"c": 1, "d": 2}}),
        ("'<<': 1", {"<<": 1}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
    ],
)
def test_documents_mean_what_the_core_schema_says(text: str, value: Plain) -> None:
    assert read_events(text) == value
    assert load_document(text) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: *", "line 1, column 5: not YAML"),
        ("a: *", "put the text in quotes to mean a star"),
        ("a: *b", "line 1, column 4: [*]b refers to nothing; .* put the text in quotes"),
        ("a: &b [1, *b]", "[*]b stands inside of itself"),
        ("a: &b {c: [*b]}", "[*]b stands inside of itself"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' stands twice"),
        ("1: a\n'1': b", "the key '1' stands twice"),
        ("? [a]\n: b", "a key must be a text"),
        ("? {a: 1}\n: b", "a key must be a text"),
        ("a: &b [1]\n*b : c", "a key must be a text"),
        ("a: 1\n--- \nb: 2", "line 2, column 1: a second document begins"),
        ("a:\n\t- b", "line 2, column 1.*indent with blanks, not tabs"),
        ("a: [1, 2", "not YAML"),
        ("a: !thing b", "'b' does not fit the tag !thing"),
        ("a: !!int b", "'b' does not fit the tag"),
        ("a: !thing [b]", "unknown tag !thing"),
        ("a: !!python/object:os.system {b: c}", "unknown tag"),
        ("<<: 1", "<< needs a mapping"),
        ("<<: [1]", "<< needs a mapping"),
        ("[" * 101, "column 101: nested too deeply"),
        ("a: &a " + "[" * 60 + "]" * 60 + "\nb: " + "[" * 60 + "*a", "nested too deeply"),
        ("a: \x01", "not YAML: unacceptable character"),
        ("a: \ud800", "not YAML"),
        (LAUGHS, "aliases make the document too large; at most 1000000 values"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        read_events(text)


@given(st.text("ab:-# \n'\"[],{}1.&*!|>%@\t<?", max_size=60))
def test_junk_is_a_value_or_a_document_error(text: str) -> None:
    with contextlib.suppress(DocumentError):
        load_document(text)


def test_without_the_c_extension_the_same_is_read() -> None:
    """PyYAML built without libyaml has no CSafeLoader; the pure parser then does the work."""
    program = (
        "import sys; sys.modules['yaml._yaml'] = None; sys.modules['yaml.cyaml'] = None\n"
        "import yaml; assert not yaml.__with_libyaml__\n"
        "from kuma_net.documents.events import read_events\n"
        "assert read_events('a: &x [1, b]\\nc: *x') == {'a': [1, 'b'], 'c': [1, 'b']}\n"
        "try: read_events('a: *')\n"
        "except Exception as error: print(error)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert "line 1, column 5" in finished.stdout
    assert "put the text in quotes" in finished.stdout
