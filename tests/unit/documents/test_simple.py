"""The fast reader never disagrees with libyaml: it reads alike, or declines."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kuma_net.documents import load_document
from kuma_net.documents.events import read_events
from kuma_net.documents.simple import NotSimple, read_simple

if TYPE_CHECKING:
    from kuma_net.documents import Plain

WRITTEN_BY_AN_INJECTOR = """\
cniMode: true
ipFamilyMode: dualstack
kumaDPUser: "5678"
redirect:
  dns:
    captureAll: true
    resolvConfigPath: /etc/resolv.conf
  inbound:
    excludePorts:
    - 9001
    - 9902
    excludePortsForIPs: []
  vnet: {}
retry:
  sleepBetweenRetries: 2s
"""

WRITTEN_BY_A_PERSON = """\
# capture for the payment service
---

redirect:  # what and what not
    outbound:
        excludePortsForUIDs:
          # the init container
          - tcp:443:1234
          - '53:1234'

          - udp:53:1234 # DNS
        excludePorts: [80, "443", 8000-8999]   # trailing
    inbound:
wait: 5
"""


def test_what_injectors_write_is_simple() -> None:
    assert read_simple(WRITTEN_BY_AN_INJECTOR) == {
        "cniMode": True,
        "ipFamilyMode": "dualstack",
        "kumaDPUser": "5678",
        "redirect": {
            "dns": {"captureAll": True, "resolvConfigPath": "/etc/resolv.conf"},
            "inbound": {"excludePorts": [9001, 9902], "excludePortsForIPs": []},
            "vnet": {},
        },
        "retry": {"sleepBetweenRetries": "2s"},
    }


def test_most_of_what_people_write_is_simple() -> None:
    text = WRITTEN_BY_A_PERSON.replace("]   # trailing", "]")
    assert read_simple(text) == {
        "redirect": {
            "outbound": {
                "excludePortsForUIDs": ["tcp:443:1234", "53:1234", "udp:53:1234"],
                "excludePorts": [80, "443", "8000-8999"],
            },
            "inbound": None,
        },
        "wait": 5,
    }
    assert load_document(WRITTEN_BY_A_PERSON) == read_simple(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("\n# nothing\n", None),
        ("---\n", None),
        ("a:", {"a": None}),
        ("a: b: c".replace("b: ", "b:"), {"a": "b:c"}),
        ("a:\n- 1\n- b\nc: 1", {"a": [1, "b"], "c": 1}),
        ("a:\n  - ::1\n".replace("::1", "'::1'"), {"a": ["::1"]}),
        ("a: 'it'", {"a": "it"}),
        ("a: x#y", {"a": "x#y"}),
        ("a:\n  b:\n    c: 1\n  d: 2", {"a": {"b": {"c": 1}, "d": 2}}),
    ],
)
def test_small_documents(text: str, value: Plain) -> None:
    assert read_simple(text) == value
    assert read_events(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "a: é",
        "a:\tb",
        "a: b\r\n",
        " a: 1",
        "a: 1\n b: 2",
        "a:\n  b: 1\n c: 2",
        "a: b\n  c",
        "a: 1\na: 2",
        "a b: 1",
        "- a",
        "a",
        "a:b",
        "true: 1",
        "null: 1",
        '"a": 1',
        "? a",
        "<<: b",
        "a: *b",
        "a: &b c",
        "a: !t c",
        "a: |\n  b",
        "a: >-\n  b",
        "a: %b",
        "a: @b",
        "a: `b",
        "a: -5",
        "a: - b",
        "a: b: c",
        "a: b:",
        'a: "b',
        'a: "b" c',
        'a: "\\n"',
        'a: "',
        "a: 'it''s'",
        "a: [b",
        "a: [b, [c]]",
        "a: [b,]",
        "a: [b c]",
        "a: [b:]",
        "a: ['b, c']",
        "a: {b: c}",
        "a: # b\n  - c: d",
        "a:\n  - b\n    c",
        "a:\n  - b\n  c: d",
        "a:\n  -\n  - b",
        "a:\n  - - b",
        "a:\n  - b:",
        "a:\n  - 'b",
        "a:\n  - ::1",
        "a:\n  - ,b",
        "a:\n  - -b",
        "a:\n  - \n  - b",
        "a: 1\n---\nb: 2",
        "a: 1\n...",
        "--- a",
        "".join(f"{' ' * depth}a:\n" for depth in range(40)),
    ],
)
def test_everything_else_is_declined(text: str) -> None:
    with pytest.raises(NotSimple):
        read_simple(text)


WORDS = st.sampled_from(
    [
        "a",
        "b.c/d-e",
        "null",
        "True",
        "yes",
        "1",
        "0777",
        "1.5",
        "53:1234",
        "tcp:443:1234",
        "80,443",
        "10.0.0.0/8",
        "::1",
        "-5",
        "*",
        "x y",
        "x #y",
        "x: y",
        "x:",
        '"q"',
        "'q'",
        "'q",
        '"q" # c',
        "[]",
        "[1, a]",
        "[a:b, 'c']",
        "[a",
        "{}",
        "# c",
        "- z",
        "-",
        "&a b",
        "|",
        "",
        ".5",
        "/x",
        "...",
        "---",
        "a: b",
        ".",
    ]
)
KEYS = st.sampled_from(["a: ", "b: ", "c:", "k.d/e-f: ", "null: ", "- ", "- ", "- ", "-", "", "# "])
LINES = st.tuples(st.sampled_from(["", " ", "  ", "  ", "    "]), KEYS, WORDS).map("".join)


@given(st.lists(LINES, max_size=8).map("\n".join))
@example(WRITTEN_BY_A_PERSON)
@example("a:\n- 1\n-\n")
def test_whatever_is_read_libyaml_reads_alike(text: str) -> None:
    with contextlib.suppress(NotSimple):
        value = read_simple(text)
        assert repr(value) == repr(read_events(text))


@given(st.text("ab:-# \n'\"[],{}1.", max_size=40))
def test_junk_is_read_alike_or_declined(text: str) -> None:
    with contextlib.suppress(NotSimple):
        value = read_simple(text)
        assert repr(value) == repr(read_events(text))


def test_ten_thousand_rules_are_no_work() -> None:
    items = "".join(f"    - tcp:{port}:{port + 1}\n" for port in range(10_000))
    text = f"redirect:\n  outbound:\n    excludePortsForUIDs:\n{items}"
    began = time.perf_counter()
    value = read_simple(text)
    taken = time.perf_counter() - began
    assert isinstance(value, dict)
    assert taken < 0.5  # some 7 ms; bench/ has the figures, this holds the order of magnitude
